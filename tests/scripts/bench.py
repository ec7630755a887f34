# SPDX-License-Identifier: MIT
"""bench.py SOURCE BUILD: scripts/bench runs every part with the programs of a build, and says what it did not find."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

source, build = map(pathlib.Path, sys.argv[1:3])
PARTS = {"pools": "Max pooling", "convolutions": "Convolution", "norms": "Batch normalisation",
         "steps": "Training steps", "busy": "Beside a busy process", "growth": "Growth"}


def bench(*options):
    return subprocess.run([sys.executable, "-B", source / "scripts/bench", *options], capture_output=True, text=True,
                          timeout=600, check=False)


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name) / "results"

    def test_all_parts(self):
        done = bench("cpu", "--quick", "--build", build, "--out", self.out)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        written = (self.out / "results.md").read_text()
        for name, title in PARTS.items():
            self.assertIn(f"== {name}\n", done.stdout)
            self.assertIn(f"## {title}", written)
            self.assertIn("cpu", json.loads((self.out / f"{name}.json").read_text())["machine"])
        for table in written.split("\n## ")[1:]:
            rows = [line for line in table.splitlines() if line.startswith("|")]
            self.assertEqual({row.count("|") for row in rows}, {rows[0].count("|")} if rows else set(), table)
        steps = json.loads((self.out / "steps.json").read_text())["results"]
        self.assertEqual(set(steps), {"LeNet-5/32", "LeNet-5/64", "LeNet-5/16"})
        for rows in steps.values():
            self.assertGreater(rows["ours"][0]["images_per_second"], 0)
        grown = json.loads((self.out / "growth.json").read_text())["results"]["LeNet-5"]["milliseconds"]
        self.assertEqual(list(grown), ["32", "64", "128", "256", "512", "1024"])

    def test_programs_that_are_not_built(self):
        done = bench("cpu", "--quick", "--build", self.out, "--parts", "steps", "--out", self.out)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"FAILED: expected .*bench_step, got no such file\n")
        self.assertIn("failed: steps\n", done.stdout)

    def test_wrong_options(self):
        for options in ((), ("tpu",), ("cpu", "--parts", "pool"), ("cpu", "--rounds", "0"),
                        ("gpu", "--parts", "growth")):
            self.assertEqual(bench(*options).returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
