# SPDX-License-Identifier: MIT
"""documents.py SOURCE: the README shows the program that tests/consumer builds, and links lead to files."""
import pathlib
import re
import sys


def prose(markdown):
    """The text without its code: fenced blocks, indented blocks (beyond the list item they belong to) and spans."""
    kept, fence, in_code, after_blank, items = [], None, False, True, []
    for line in markdown.splitlines():
        indent = len(line) - len(line.lstrip())
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if fence:
            fence = None if mark and mark[1].startswith(fence) and line.strip() == mark[1] else fence
        elif mark:
            fence = mark[1]
        elif not line.strip():
            after_blank = True
        else:
            while items and indent < items[-1]:
                items.pop()
            in_code = indent >= (items[-1] if items else 0) + 4 and (after_blank or in_code)
            if not in_code:
                kept.append(line)
                item = re.match(r"\s*([-*+]|\d+[.)])\s+", line)
                items += [item.end()] if item else []
            after_blank = False
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(kept), flags=re.DOTALL)


source = pathlib.Path(sys.argv[1])
failures = []

program = (source / "tests/consumer/main.cpp").read_text()
readme = (source / "README.md").read_text()
if program not in readme:
    failures.append("README.md: expected the program of tests/consumer/main.cpp, word for word")

for document in [source / "README.md", source / "CONTRIBUTING.md", *sorted((source / "docs").glob("*.md"))]:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose(document.read_text())):
        if "://" not in target and not (document.parent / target).exists():
            failures.append(f"{document.relative_to(source)}: expected a file behind the link {target}")

print("\n".join(failures) or "documents agree with the sources")
sys.exit(bool(failures))
