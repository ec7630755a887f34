# SPDX-License-Identifier: MIT
"""Running the study's steps, and keeping a record of them."""
import json
import os
import shlex
import subprocess
import time

from common import fail, root
from studies.files import read_record


def relative(path):
    """As a command in the checkout would have it."""
    return path.relative_to(root) if path.is_relative_to(root) else path


class Journal:
    """study.json in the folder of results: what was run, how long it took and what went wrong; and notes."""

    def __init__(self, out, resume):
        self.out, self.steps, self.notes = out, {}, {}
        self._path = out / "study.json"
        if self._path.exists():
            if not resume:
                fail(f"--out: {out} has a study; expected --resume or another folder")
            record = read_record(self._path)
            self.steps, self.notes = record.get("steps", {}), record.get("notes", {})
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fail(f"--out: expected a directory, got '{out}': {error.strerror}")

    def has_done(self, name):
        return name in self.steps and not self.steps[name]["problem"]

    def note(self, name, value):
        self.notes[name] = value
        self._write()

    def run(self, name, command, environment=None, seconds=None):
        """Runs a command of the checkout and prints its time; false if it fails, or is not done in so many seconds."""
        text = shlex.join(map(str, command))
        print(f"\n== {name}\n$ {text}", flush=True)
        start, problem = time.monotonic(), ""
        try:
            done = subprocess.run([str(word) for word in command], cwd=root, env={**os.environ, **(environment or {})},
                                  timeout=seconds, check=False)
            problem = f"exit code {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            problem = "not done in time"
        except OSError as error:
            problem = f"{error.filename}: {error.strerror}"
        took = time.monotonic() - start
        print(f"== {name}: {problem or 'done'} ({took:.0f} s)", flush=True)
        self.steps[name] = {"command": text, "seconds": round(took, 1), "problem": problem}
        self._write()
        return not problem

    def _write(self):
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps({"steps": self.steps, "notes": self.notes}, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, self._path)
