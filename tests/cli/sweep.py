# SPDX-License-Identifier: MIT
"""sweep.py PROGRAM: a grid of trainings, from the command line to sweep.csv, killed and resumed."""
import csv
import json
import time

import support

HEADER = ("network,dataset,bits,optimizer,batch_norm,forward,backward,test_forward,beta,lr,run,epochs,train_loss,"
          "train_accuracy,test_loss,test_accuracy,collapsed,seconds")
POOLS_HEADER = ("network,dataset,bits,optimizer,batch_norm,forward,backward,test_forward,beta,lr,run,layer,"
                "signal_to_noise_db,nonfinite,zeroed,values")
SEARCH_HEADER = "network,dataset,bits,optimizer,batch_norm,beta,trial,lr,rung,epochs,score,kept"
MISUSES = {
    "--bits 16,24": "--bits: expected 16|32|64|mixed, got '24'",
    "--optimizers sdg": "--optimizers: expected sgd|adam|adamw, got 'sdg' (did you mean 'sgd'?)",
    "--batch-norm yes": "--batch-norm: expected on|off, got 'yes'",
    "--pool-forward exact,compsed": "--pool-forward: expected exact|composed, got 'compsed' (did you mean 'composed'?)",
    "--pool-backward exact": "--pool-backward: expected fused|composed|standard, got 'exact'",
    "--pool-test-forward some": "--pool-test-forward: expected same|exact|composed, got 'some'",
    "--betas 0,1e3,1000": "--betas: expected each value once, got '0,1e3,1000'",
    "--betas 0,nan": "--betas: expected finite numbers, got 'nan'",
    "--networks lenet,vgg12": "--networks: expected lenet|vgg11|",
    "--networks lenet,vgg11 --data . --dataset mnist": "--dataset: expected cifar10|cifar100|svhn|imagenet|image-folder|synthetic, got",
    "--runs 0": "--runs: expected a number from 1 to",
    "--parallel 0": "--parallel: expected a number from 1 to 1024, got 0",
    "--lr 0.1 --lr-search 3": "expected --lr or --lr-search, got both",
    "--lr-search -1": "--lr-search: expected 0 to 1000 trials, got -1",
    "--lr-for all": "--lr-for: expected first|each, got 'all'",
    "--lr-epochs 0": "--lr-epochs: expected 1 or more, got 0",
    "--select train": "--select: expected held-out|test, got 'train'",
    "--lr-for each": "--lr-for, --lr-epochs and --select: expected --lr-search with them",
    "--lr-epochs 3": "--lr-for, --lr-epochs and --select: expected --lr-search with them",
    "--select test": "--lr-for, --lr-epochs and --select: expected --lr-search with them",
    "--lr-search 3 --lr-epochs 3 --warmup 6": "--lr-epochs 3: --warmup: expected a number from 0 to 3, got 6",
    "--minutes -1": "--minutes: expected a number of 0 or more, got -1",
    "--resume": "--resume and --force: expected --out DIR",
}


class Sweep(support.TrainerTest):
    def setUp(self):
        super().setUp()
        support.write_mnist(self.directory / "data")
        self.small = ["--data", "data", "--epochs", "1", "--batch-size", "20", "--lr", "0.05"]

    def sweep(self, *arguments, out="out"):
        return self.call(*self.small, "--out", out, *arguments)

    def read(self, name, header, out="out"):
        with open(self.directory / out / name, newline="", encoding="utf-8") as file:
            self.assertEqual(file.readline(), header + "\n")
            return list(csv.DictReader(file, header.split(",")))

    def rows(self, out="out"):
        """Those of sweep.csv without the times."""
        rows = self.read("sweep.csv", HEADER, out)
        for row in rows:
            self.assertRegex(row.pop("seconds"), r"^\d+\.\d{3}$")
        return rows

    def test_misuse_is_one_line_and_code_2(self):
        self.check_misuses(MISUSES)

    def test_factorial(self):
        result = self.sweep("--bits", "16", "--betas", "0,1e4", "--pool-forward", "exact,composed", "--pool-backward",
                            "fused,composed,standard", "--runs", "2")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = self.rows()
        self.assertEqual([(row["forward"], row["backward"], row["run"], row["beta"]) for row in rows],
                         [(forward, backward, run, beta) for forward in ("exact", "composed")
                          for backward in ("fused", "composed", "standard") for run in "01" for beta in ("0", "10000")])
        self.assertEqual({(row["network"], row["dataset"], row["bits"], row["optimizer"], row["batch_norm"], row["lr"])
                          for row in rows}, {("lenet", "mnist", "16", "sgd", "false", "0.05")})
        # beta 0 is the native rule however it is computed.
        for run in "01":
            self.assertEqual(len({row["test_loss"] for row in rows if row["beta"] == "0" and row["run"] == run}), 1)
        # The sum of two terms of 1e4 times a half is noise.
        pools = self.read("pools.csv", POOLS_HEADER)
        self.assertEqual(len(pools), 2 * len(rows))
        self.assertEqual({row["signal_to_noise_db"] for row in pools if row["beta"] == "0"}, {"inf"})
        self.assertTrue(any(int(row["nonfinite"]) + int(row["zeroed"]) > 0 for row in pools if row["beta"] == "10000"))
        self.assertEqual({row["layer"] for row in pools if row["forward"] == "exact" and row["backward"] != "composed"}, {"1", "4"})
        self.assertEqual(len(result.stderr.splitlines()), len(rows))
        self.assertRegex(result.stderr, r"(?m)^lenet, 16 bits, sgd, composed/standard, beta 10000, lr 0\.05, run 1: test "
                                        r"accuracy \d+\.\d\d %, \d+\.\d s")
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], r"^test accuracy, % +beta 0 +beta 10000$")
        self.assertEqual(len(lines), 1 + 6)
        self.assertRegex(lines[1], r"^mnist lenet 16 bits sgd exact/fused +\d+\.\d\d \+- \d+\.\d\d +\d")

    def test_runs_at_once(self):
        grid = ("--bits", "16,32", "--betas", "0,10", "--runs", "2", "--quiet")
        apart, at_once = self.sweep(*grid), self.sweep(*grid, "--parallel", "3", out="at-once")
        self.assertEqual((at_once.returncode, at_once.stderr, at_once.stdout), (0, "", apart.stdout))
        self.assertEqual(self.rows("at-once"), self.rows())
        self.assertEqual(self.read("pools.csv", POOLS_HEADER, "at-once"), self.read("pools.csv", POOLS_HEADER))
        self.assertEqual(self.sweep(*grid, "--resume", out="at-once").returncode, 0)

    def test_another_forward_for_tests(self):
        self.assertEqual(self.sweep("--bits", "32", "--betas", "1e6", "--quiet").returncode, 0)
        result = self.sweep("--bits", "32", "--betas", "1e6", "--pool-test-forward", "composed", "--resume", "--quiet")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        exact, composed = self.rows()
        self.assertEqual((exact["test_forward"], composed["test_forward"]), ("exact", "composed"))
        self.assertEqual(exact["train_loss"], composed["train_loss"])
        self.assertNotEqual(exact["test_loss"], composed["test_loss"])
        self.assertIn(" exact/fused, test composed ", result.stdout)

    def test_resumed_with_more_cells(self):
        self.assertEqual(self.sweep("--betas", "1", "--quiet").returncode, 0)
        before = self.read("sweep.csv", HEADER)
        result = self.sweep("--betas", "0,1", "--batch-norm", "off,on", "--runs", "2", "--resume")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 7)
        self.assertEqual(self.read("sweep.csv", HEADER)[:1], before)
        self.assertEqual(len(self.rows()), 8)
        result = self.sweep("--betas", "0", "--resume", "--momentum", "0.5")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "sweep: out/run.json: expected momentum 0.9 as before, got 0.5\n")
        result = self.sweep("--betas", "0")
        self.assertEqual(result.stderr, "sweep: out holds results already: expected --resume to continue or --force to "
                                        "overwrite them\n")

    def test_results_stay_where_the_runs_that_are_to_overwrite_them_cannot_begin(self):
        small = ("--betas", "0", "--quiet", "--train-limit", "21")
        self.assertEqual(self.sweep(*small).returncode, 0)
        before = self.rows()
        result = self.sweep(*small, "--batch-norm", "on", "--force")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"^sweep: --batch-size 20: the last mini-batch is 1 of 21 images: batch_norm: [^\n]*\n$")
        self.assertEqual(self.rows(), before)

    def test_a_cell_whose_searched_rates_all_collapse_has_the_trainers(self):
        self.small = self.small[:-2]
        result = self.sweep("--lr-search", "2", "--lr-epochs", "1", "--lr-for", "each", "--bits", "16", "--betas", "0,1e5",
                            "--pool-forward", "composed", "--pool-backward", "composed", "--quiet")
        self.assertEqual((result.returncode, result.stderr), (
            0, "lenet, 16 bits, sgd, composed/composed, beta 100000: no rate that was searched trains; lr 0.0233 is the "
               "trainer's\n"))
        kept = {row["beta"]: row["lr"] for row in self.read("search.csv", SEARCH_HEADER) if row["kept"] == "true"}
        self.assertEqual([(row["beta"], row["lr"]) for row in self.rows()], [("0", kept["0"]), ("100000", "0.0233")])
        self.assertEqual(list(kept), ["0"])

    def test_the_data_of_every_network_are_recorded(self):
        support.write_cifar10(self.directory / "data/cifar10")
        grid = ("--networks", "lenet,vgg11", "--betas", "0", "--quiet")
        self.assertEqual(self.sweep(*grid).returncode, 0)
        settings = json.loads((self.directory / "out/run.json").read_text(encoding="utf-8"))["settings"]
        self.assertEqual([settings[name] for name in ("dataset", "image-shape", "train-images", "cifar10-image-shape",
                                                      "cifar10-train-images")], ["mnist", "28x28x1", 200, "32x32x3", 8])
        self.assertEqual(self.sweep(*grid, "--resume").returncode, 0)
        file = self.directory / "data/cifar10/test_batch.bin"
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        result = self.sweep(*grid, "--resume")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"^sweep: out/run\.json: expected cifar10-test-checksum crc32:\w+ as before, got crc32:")

    def test_minutes_stop_it_between_runs(self):
        result = self.sweep("--betas", "0,1", "--minutes", "1e-9")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.endswith("sweep: the time is used; --resume goes on\n"))
        self.assertFalse((self.directory / "out/sweep.csv").exists())
        self.assertEqual(self.sweep("--betas", "0,1", "--minutes", "10", "--resume").returncode, 0)
        self.assertEqual(len(self.rows()), 2)

    def test_rates_are_searched(self):
        self.small = self.small[:-2]
        search = ("--lr-search", "3", "--lr-epochs", "2", "--betas", "0,10", "--quiet")
        for way, searches in (("first", 1), ("each", 2)):
            result = self.sweep(*search, "--lr-for", way, out=way)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            trials = self.read("search.csv", SEARCH_HEADER, way)
            self.assertEqual(len(trials), 5 * searches)
            chosen = {row["beta"]: row["lr"] for row in trials if row["rung"] == "1" and row["kept"] == "true"}
            self.assertEqual(list(chosen), ["0", "10"][:searches])
            self.assertEqual([row["lr"] for row in self.rows(way)], [chosen["0"], chosen.get("10", chosen["0"])])
        settings = json.loads((self.directory / "first/run.json").read_text(encoding="utf-8"))["settings"]
        self.assertEqual([settings[name] for name in ("lr", "lr-search", "lr-for", "lr-epochs", "select")],
                         ["searched", 3, "first", 2, "held-out"])

    def test_killed_and_resumed(self):
        arguments = [*self.small[:2], "--epochs", "4", "--batch-size", "16", "--lr-search", "2", "--lr-epochs", "2", "--bits",
                     "16,32", "--betas", "0,1,1e4", "--quiet", "--resume", "--out"]
        start = time.monotonic()
        self.assertEqual(self.call(*arguments, "clean").returncode, 0)
        whole = time.monotonic() - start
        self.kill_often(whole, *arguments, "out")
        result = self.call(*arguments, "out")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(self.rows("out"), self.rows("clean"))
        for name in ("pools.csv", "search.csv"):
            self.assertEqual((self.directory / "out" / name).read_bytes(), (self.directory / "clean" / name).read_bytes())
        self.assertEqual(sorted(path.name for path in (self.directory / "out").iterdir() if path.suffix != ".partial"),
                         ["pools.csv", "run.json", "search.csv", "sweep.csv"])


if __name__ == "__main__":
    support.main()
