# SPDX-License-Identifier: MIT
"""reproduction.py SOURCE: the tables of docs/reproduction.md are those of the result files that it names."""
import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

source = pathlib.Path(sys.argv[1]).resolve()
text = (source / "docs/reproduction.md").read_text(encoding="utf-8")
named = re.search(r"scripts/report (docs/results/\S+) --into docs/reproduction\.md", text)
if not named or text.count("<!-- table ") < 8:
    sys.exit("docs/reproduction.md: expected the command that fills in its tables, and eight of them or more")

with tempfile.TemporaryDirectory(prefix="mpad-") as folder:
    copy = pathlib.Path(folder, "reproduction.md")
    copy.write_text(re.sub(r"(?s)(<!-- table \S+ -->\n).*?(<!-- end -->)", r"\1\2", text), encoding="utf-8")
    command = [sys.executable, "-B", source / "scripts/report", source / named[1], "--into", copy]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    again = copy.read_text(encoding="utf-8")

difference = difflib.unified_diff(text.splitlines(), again.splitlines(), "docs/reproduction.md", named[1], n=0,
                                  lineterm="")
print("\n".join(difference) or "docs/reproduction.md agrees with the results")
sys.exit(text != again)
