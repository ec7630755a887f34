# SPDX-License-Identifier: MIT
"""documents.py SOURCE: the README shows the program that tests/consumer builds, and links lead to files."""
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
failures = []

program = (source / "tests/consumer/main.cpp").read_text()
readme = (source / "README.md").read_text()
if program not in readme:
    failures.append("README.md: expected the program of tests/consumer/main.cpp, word for word")

for document in [source / "README.md", source / "CONTRIBUTING.md", *sorted((source / "docs").glob("*.md"))]:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", document.read_text()):
        if "://" not in target and not (document.parent / target).exists():
            failures.append(f"{document.relative_to(source)}: expected a file behind the link {target}")

print("\n".join(failures) or "documents agree with the sources")
sys.exit(bool(failures))
