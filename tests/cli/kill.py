# SPDX-License-Identifier: MIT
"""kill.py PROGRAM: a training killed at 20 random moments and resumed, its runs at once or one after the other, ends with
the bits of an undisturbed one."""
import csv
import io
import json
import random
import time

import support

KILLS = 20


def without_seconds(text):
    return [row[:-1] for row in csv.reader(io.StringIO(text))]


def read_checkpoint(path):
    """The file but for the times in it: header and data."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"]["results"] = without_seconds(header["__metadata__"]["results"])
    return header, data[end:]


class Kill(support.TrainerTest):
    def setUp(self):
        super().setUp()
        support.write_mnist(self.directory / "data", train=128, test=50)
        self.arguments = ["--data", "data", "--epochs", "6", "--runs", "2", "--batch-size", "16", "--bits", "16",
                          "--quiet", "--resume", "--out"]

    def train(self, out):
        result = self.call(*self.arguments, out)
        self.assertEqual(result.returncode, 0, result.stderr)

    def expect_same(self, out):
        clean, resumed = self.directory / "clean", self.directory / out
        self.assertEqual(sorted(path.name for path in resumed.iterdir()), sorted(path.name for path in clean.iterdir()))
        self.assertEqual(without_seconds((resumed / "results.csv").read_text()),
                         without_seconds((clean / "results.csv").read_text()))
        for run in ("run-0.safetensors", "run-1.safetensors"):
            self.assertEqual(read_checkpoint(resumed / run), read_checkpoint(clean / run))

    def test_killed_and_resumed(self):
        start = time.monotonic()
        self.train("clean")
        whole = time.monotonic() - start
        moments = random.Random(2)
        kills = trainings = 0
        while kills < KILLS:
            out = f"out{trainings}"
            while kills < KILLS and self.killed(
                    moments.uniform(0, 0.6 * whole), *self.arguments, out, "--parallel", 1 + kills % 2):
                kills += 1
            self.train(out)
            self.expect_same(out)
            trainings += 1
        print(f"{kills} kills in {trainings} trainings of {whole:.2f} s each")


if __name__ == "__main__":
    support.main()
