# SPDX-License-Identifier: MIT
"""thresholds.py PROGRAM: differences of program pairs on drawn digits, and what thresholds they give."""
import collections
import csv
import time

import support


class Thresholds(support.ProgramTest):
    options = ("--device", "cpu", "--dataset", "synthetic", "--train-limit", "32", "--test-limit", "1", "--batch-size", "16",
               "--draws", "2", "--threads", "1")

    def rows(self, name):
        with open(self.directory / "out" / name, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_differences_thresholds_and_histogram_agree(self):
        result = self.call("--out", "out", "--batch-norm", "on")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        rows = self.rows("differences.csv")
        self.assertEqual(collections.Counter((row["bits"], row["pair"]) for row in rows),
                         {(bits, pair): 4 for bits in ("16", "32", "64")
                          for pair in ("same", "same-reordered", "minimal", "relu0", "norm")})
        self.assertEqual({row["difference"] for row in rows if row["pair"] == "same"}, {"0"})
        for bits in ("16", "32", "64"):
            tau = {row["rule"]: row["tau"] for row in self.rows("thresholds.csv") if row["bits"] == bits}
            found = {pair: [float(row["difference"]) for row in rows if (row["bits"], row["pair"]) == (bits, pair)]
                     for pair in ("same-reordered", "minimal")}
            self.assertEqual(list(tau), ["max-same", "min-positive", "largest-compensation", "smallest-bifurcation"])
            self.assertEqual(float(tau["max-same"]), max(found["same-reordered"]))
            self.assertEqual(float(tau["min-positive"]), min(d for d in found["minimal"] if d > 0))
        for (bits, pair), bins in self.by_pair(self.rows("histogram.csv")).items():
            self.assertEqual(sum(int(row["count"]) for row in bins) + int(bins[0]["zeros"]), 4, (bits, pair))
            self.assertTrue(all(int(row["log10_high"]) == int(row["log10_low"]) + 1 for row in bins))

    @staticmethod
    def by_pair(rows):
        groups = collections.defaultdict(list)
        for row in rows:
            groups[row["bits"], row["pair"]].append(row)
        return groups

    def test_results_stay_unless_forced(self):
        small = ("--bits", "32", "--batches", "1", "--out", "out")
        self.assertEqual(self.call(*small).returncode, 0)
        result = self.call(*small)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "thresholds: out holds results already: expected --resume to continue or --force "
                                        "to overwrite them\n")
        result = self.call(*small, "--force", "--quiet")
        self.assertEqual((result.returncode, result.stdout.count("\n")), (0, 4))

    def test_stopped_and_killed_it_goes_on_to_the_same_bytes(self):
        small = ("--bits", "16,32", "--quiet", "--out")
        start = time.monotonic()
        clean = self.call(*small, "clean")
        whole = time.monotonic() - start
        result = self.call(*small, "out", "--minutes", "1e-9")
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (0, "thresholds: the time is used; --resume goes on\n", ""))
        self.kill_often(whole, *small, "out", "--resume")
        for minutes in ("0", "1e-9"):  # nothing is left to do the second time
            result = self.call(*small, "out", "--resume", "--minutes", minutes)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, clean.stdout, ""))
            for name in ("differences.csv", "thresholds.csv", "histogram.csv"):
                self.assertEqual(*((self.directory / out / name).read_bytes() for out in ("clean", "out")))
        result = self.call(*small, "out", "--resume", "--noise", "1")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "thresholds: out/run.json: expected noise 0 as before, got 1\n")

    def test_misuse_is_one_line_and_code_2(self):
        self.check_misuses({"--batch-norm both": "--batch-norm: expected on|off, got 'both'",
                            "--norm 0": "--norm: expected inf|1, got '0'",
                            "--bits mixed": "--bits: expected 16|32|64, got 'mixed'"})


if __name__ == "__main__":
    support.main()
