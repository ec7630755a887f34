# SPDX-License-Identifier: MIT
"""zones.py PROGRAM: compares programs on draws of weights and mini-batches of drawn digits."""
import csv
import json
import pathlib
import subprocess
import time

import support

MISUSES = {
    "--bits 16,24": "--bits: expected 16|32|64, got '24'",
    "--bits 32,32": "--bits: expected each value once, got '32,32'",
    "--first minimum": "--first: ties: expected native, last, minimal, beta:B, random:SEED or all, got 'minimum'",
    "--second relu0:x": "--second: expected a finite number after 'relu0:', got 'x'",
    "--first norm:0": "--first and --second: expected norm:C for both or neither, got norm:0 and minimal",
    "--draws 0": "--draws: expected 1 or more, got 0",
    "--batch-size 8,08": "--batch-size: expected each value once, got '8,08'",
    "--batch-size 8,0": "--batch-size: expected 1 or more, got 0",
    "--batch-norm maybe": "--batch-norm: expected on|off, got 'maybe'",
    "--thresholds 1e-3,x": "--thresholds: expected a number, got 'x'",
    "--thresholds -1": "--thresholds: expected finite numbers of 0 or more, got -1",
    "--noise nan": "--noise: expected a finite number of 0 or more, got nan",
    "--norm 2": "--norm: expected inf|1, got '2'",
    "--weights a,a": "--weights: expected each value once, got 'a,a'",
    "--init volum": "--init: expected volume|network, got 'volum' (did you mean 'volume'?)",
    "--minutes nan": "--minutes: expected a number of 0 or more, got nan",
    "--resume": "--resume and --force: expected --out DIR",
    "--network lenet5": "--network: expected lenet|",
}


class Zones(support.ProgramTest):
    options = ("--device", "cpu", "--dataset", "synthetic", "--train-limit", "48", "--test-limit", "1")

    def rows(self, name, out="out"):
        with open(self.directory / out / name, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_a_row_for_each_pair_pool_and_share(self):
        result = self.call("--batch-size", "8,16", "--batch-norm", "off,on", "--draws", "2", "--batches", "1", "--out", "out", "--quiet")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        pairs, ties, summary = (self.rows(name) for name in ("pairs.csv", "ties.csv", "summary.csv"))
        self.assertEqual(len(pairs), 3 * 2 * 2 * 2)
        self.assertEqual(len(ties), 2 * len(pairs))
        self.assertEqual({(row["network"], row["dataset"], row["init"], row["first"], row["second"], row["noise"]) for row in pairs},
                         {("lenet", "synthetic", "volume", "native", "minimal", "0")})
        self.assertEqual({row["bits"] for row in pairs}, {"16", "32", "64"})
        self.assertEqual({(row["batch_norm"], row["batch_size"]) for row in pairs},
                         {(norm, size) for norm in ("false", "true") for size in ("8", "16")})
        for row in pairs:
            of_pools = [pool for pool in ties if all(pool[key] == row[key] for key in
                                                     ("bits", "batch_norm", "batch_size", "draw", "batch"))]
            self.assertEqual({pool["layer"] for pool in of_pools} & {"1", "4", "5"}, {pool["layer"] for pool in of_pools})
            for count in ("windows", "zero_ties", "positive_ties"):
                self.assertEqual(sum(int(pool[count]) for pool in of_pools), int(row[count]))
            self.assertEqual(int(row["windows"]), int(row["batch_size"]) * (12 * 12 * 6 + 4 * 4 * 16))
        zone = [row for row in summary if row["quantity"] == "zone"]
        self.assertEqual({(row["bits"], float(row["threshold"])) for row in zone}, {("16", 1e-3), ("32", 1e-7), ("64", 1e-15)})
        for row in summary:
            self.assertTrue(0 <= float(row["low"]) <= float(row["share"]) <= float(row["high"]) <= 1)
            self.assertEqual((row["draws"], row["pairs"]), ("2", "2"))
        for bits, norm, size in {(row["bits"], row["batch_norm"], row["batch_size"]) for row in pairs}:
            classes = [row["class"] for row in pairs if (row["bits"], row["batch_norm"], row["batch_size"]) == (bits, norm, size)]
            share = next(float(row["share"]) for row in summary if row["quantity"] == "compensation" and
                         (row["bits"], row["batch_norm"], row["batch_size"]) == (bits, norm, size))
            self.assertEqual(share, classes.count("compensation") / 2)
        self.assertEqual(result.stdout.count("\n"), 2 + 12)
        settings = json.loads((self.directory / "out" / "run.json").read_text(encoding="utf-8"))["settings"]
        self.assertEqual([settings[name] for name in ("network", "dataset", "bits", "draws", "first", "second", "init")],
                         ["lenet", "synthetic", "16,32,64", 2, "native", "minimal", "volume"])

    def test_other_programs_thresholds_and_noise(self):
        small = ("--bits", "16", "--batch-size", "16", "--draws", "2", "--batches", "1", "--quiet")
        self.assertEqual(self.call(*small, "--first", "relu0:0", "--second", "relu0:1", "--noise", "1", "--init", "network",
                                   "--norm", "1", "--thresholds", "0,1e-2", "--tau-sweep", "--out", "relu").returncode, 0)
        self.assertEqual({(row["first"], row["second"], row["noise"], row["init"]) for row in self.rows("pairs.csv", "relu")},
                         {("relu0:0", "relu0:1", "1", "network")})
        taus = [float(row["threshold"]) for row in self.rows("summary.csv", "relu") if row["quantity"] == "zone"]
        self.assertEqual(sorted(taus), [0, *(float(f"1e{exponent}") for exponent in range(-18, 1))])
        self.assertEqual(self.call(*small, "--first", "norm:0", "--second", "norm:1", "--out", "norm").returncode, 0)
        self.assertEqual(self.rows("ties.csv", "norm"), [])
        self.assertEqual(self.call(*small, "--second", "native", "--out", "same").returncode, 0)
        self.assertEqual({(row["difference"], row["class"]) for row in self.rows("pairs.csv", "same")}, {("0", "none")})
        self.assertEqual(self.call("--bits", "32", *small[2:], "--second", "native", "--nondeterministic", "--out", "noise").returncode, 0)
        self.assertEqual({(row["second"], row["class"]) for row in self.rows("pairs.csv", "noise")},
                         {("native+reordered", "compensation")})

    def test_trained_networks(self):
        lenet = [pathlib.Path(self.program).with_name("lenet"), *self.options, "--epochs", "1", "--quiet"]
        for seed in ("1", "2"):
            subprocess.run([*lenet, "--seed", seed, "--export", f"{seed}.safetensors"], cwd=self.directory, check=True,
                           capture_output=True)
        small = ("--bits", "16,32", "--batch-size", "16", "--batches", "2", "--quiet")
        trained = (*small, "--weights", "1.safetensors,2.safetensors", "--out", "trained")
        result = self.call(*trained)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        rows = self.rows("pairs.csv", "trained")
        self.assertEqual([(row["bits"], row["draw"], row["batch"]) for row in rows],
                         [(bits, *pair) for bits in ("16", "32") for pair in (("0", "0"), ("0", "1"), ("1", "2"), ("1", "0"))])
        self.assertEqual({row["init"] for row in rows}, {"trained"})
        settings = json.loads((self.directory / "trained/run.json").read_text(encoding="utf-8"))["settings"]
        self.assertEqual([settings[name] for name in ("draws", "init", "weights")],
                         [2, "trained", "1.safetensors,2.safetensors"])
        result = self.call(*trained, "--resume", "--batch-norm", "on")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("zones: 1.safetensors: expected ", result.stderr)
        result = self.call(*small, "--weights", "3.safetensors", "--out", "none")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("3.safetensors", result.stderr)
        self.assertFalse((self.directory / "none").exists())

    def test_the_same_bits_again(self):
        small = ("--bits", "32", "--batch-size", "16", "--draws", "2", "--noise", "0.5", "--quiet")
        self.assertEqual(self.call(*small, "--out", "one", "--threads", "1").returncode, 0)
        self.assertEqual(self.call(*small, "--out", "two", "--threads", "2").returncode, 0)
        for name in ("pairs.csv", "ties.csv", "summary.csv"):
            self.assertEqual(self.rows(name, "one"), self.rows(name, "two"))

    def test_results_stay_unless_forced(self):
        small = ("--bits", "64", "--batch-size", "48", "--draws", "1", "--out", "out", "--quiet")
        self.assertEqual(self.call(*small).returncode, 0)
        result = self.call(*small)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "zones: out holds results already: expected --resume to continue or --force "
                                        "to overwrite them\n")
        self.assertEqual(self.call(*small, "--force").returncode, 0)

    def test_stopped_and_killed_it_goes_on_to_the_same_bytes(self):
        small = ("--bits", "16,32", "--batch-size", "8,16", "--draws", "3", "--quiet", "--out")
        start = time.monotonic()
        self.assertEqual(self.call(*small, "clean").returncode, 0)
        whole = time.monotonic() - start
        result = self.call(*small, "out", "--minutes", "1e-9")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.endswith("zones: the time is used; --resume goes on\n"), result.stdout)
        self.kill_often(whole, *small, "out", "--resume")
        for minutes in ("0", "1e-9"):  # nothing is left to do the second time
            result = self.call(*small, "out", "--resume", "--minutes", minutes)
            self.assertEqual((result.returncode, result.stdout.count("\n"), result.stderr), (0, 2 + 4, ""))
            for name in ("pairs.csv", "ties.csv", "summary.csv"):
                self.assertEqual(*((self.directory / out / name).read_bytes() for out in ("clean", "out")))
        result = self.call(*small, "out", "--resume", "--noise", "1")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "zones: out/run.json: expected noise 0 as before, got 1\n")

    def test_without_out_there_is_nothing_to_go_on_from(self):
        result = self.call("--batch-size", "8", "--minutes", "1e-9", "--quiet")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.endswith("zones: the time is used; without --out nothing is kept to go on from\n"),
                        result.stdout)

    def test_a_batch_larger_than_the_data_leaves_no_trace(self):
        result = self.call("--batch-size", "8,64", "--out", "out")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "zones: --batch-size: expected at most the 48 images of synthetic, got 64\n")
        self.assertFalse((self.directory / "out").exists())

    def test_misuse_is_one_line_and_code_2(self):
        self.check_misuses(MISUSES)


if __name__ == "__main__":
    support.main()
