# SPDX-License-Identifier: MIT
"""demo.py SOURCE: scripts/demo finds data where its caller means it; what it calls are stubs here."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

source = pathlib.Path(sys.argv[1])


class Demo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        self.checkout, self.here = self.folder / "checkout", self.folder / "here"
        for place in (self.checkout / "scripts", self.checkout / "build/demo/bin", self.folder / "bin", self.here):
            place.mkdir(parents=True)
        for script in ("demo", "common.sh"):
            shutil.copy(source / "scripts" / script, self.checkout / "scripts")
        for program in ("checkout/scripts/install-dependencies", "bin/cmake", "checkout/build/demo/bin/bench_maxpool"):
            self.stub(program, "")
        self.stub("checkout/build/demo/bin/lenet", 'echo "lenet $* MPAD_DATA=$MPAD_DATA"')

    def stub(self, program, body):
        (self.folder / program).write_text(f"#!/bin/sh\n{body}\n")
        (self.folder / program).chmod(0o755)

    def trained(self, *options, data=""):
        """How demo, called from `here` with this MPAD_DATA, calls the trainer."""
        done = subprocess.run(["../checkout/scripts/demo", *options], cwd=self.here, capture_output=True, text=True,
                              env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "MPAD_DATA": data})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return next(line for line in done.stdout.splitlines() if line.startswith("lenet "))

    def test_no_data(self):
        self.assertEqual(self.trained(), "lenet --epochs 3 --ties minimal MPAD_DATA=")

    def test_data_found_is_no_demand(self):
        (self.checkout / "data/cifar10").mkdir(parents=True)
        self.assertEqual(self.trained(), f"lenet --epochs 3 --ties minimal MPAD_DATA={self.checkout}/data")

    def test_relative_variable(self):
        (self.here / "images").mkdir()
        self.assertEqual(self.trained(data="images"), f"lenet --epochs 3 --ties minimal MPAD_DATA={self.here}/images")

    def test_relative_options(self):
        self.assertEqual(
            self.trained("--data", "images", "--out", "results"),
            f"lenet --data {self.here}/images --epochs 3 --ties minimal --out {self.here}/results MPAD_DATA=")

    def test_absolute_options(self):
        self.assertEqual(self.trained("--data", "/images", "--out", "/results"),
                         "lenet --data /images --epochs 3 --ties minimal --out /results MPAD_DATA=")

    def test_help(self):
        done = subprocess.run(["../checkout/scripts/demo", "--help"], cwd=self.here, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith("demo [--data DIR]"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
