# SPDX-License-Identifier: MIT
"""drift.py PROGRAM: replicas that differ in the tie rule alone, from the command line to drift.csv."""
import csv
import json
import time

import support

HEADER = "network,dataset,bits,replica,rule,epoch,distance,relative_distance,test_accuracy,train_loss,collapsed"
SMALL = ("--data", "data", "--batch-size", "20", "--out", "out")
MISUSES = {
    "--bits 16,24": "--bits: expected 16|32|64|mixed, got '24'",
    "--bits 16,16": "--bits: expected each value once, got '16,16'",
    "--bits 16,": "--bits: expected values with commas between them, got '16,'",
    "--betas 1,0": "--betas: expected 0 first, got '1,0'",
    "--betas 0,x": "--betas: expected a number, got 'x'",
    "--betas 0,inf": "--betas: expected finite numbers, got '0,inf'",
    "--network lenett": "--network: expected lenet|vgg11|vgg13|vgg16|vgg19|resnet18|resnet34|resnet50|densenet121, got "
                        "'lenett' (did you mean 'lenet'?)",
    "--network vgg11 --dataset mnist": "--dataset: expected cifar10|cifar100|svhn|imagenet|image-folder|synthetic, got 'mnist'",
    "--augment": "--augment: expected a network of colour images, got lenet",
    "--lr -1": "--lr: expected a number of 0 or more, got -1",
    "--epochs 0": "--epochs: expected a number from 1 to",
    "--minutes nan": "--minutes: expected a number of 0 or more, got nan",
    "--resume": "--resume and --force: expected --out DIR",
}


class Drift(support.TrainerTest):
    def setUp(self):
        super().setUp()
        support.write_mnist(self.directory / "data")

    def drift(self, *arguments, epochs=2):
        return self.call(*SMALL, "--epochs", epochs, *arguments)

    def rows(self):
        with open(self.directory / "out/drift.csv", newline="", encoding="utf-8") as file:
            self.assertEqual(file.readline(), HEADER + "\n")
            return list(csv.DictReader(file, HEADER.split(",")))

    def test_misuse_is_one_line_and_code_2(self):
        self.check_misuses(MISUSES)

    def test_second_beta_0_does_not_drift(self):
        result = self.drift("--bits", "16,32,64")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = self.rows()
        betas = ["0", "1", "10", "100", "1000", "10000", "0"]
        self.assertEqual([(row["bits"], row["epoch"], row["rule"]) for row in rows],
                         [(bits, epoch, f"beta:{beta}") for bits in ("16", "32", "64") for epoch in ("0", "1") for beta in betas])
        self.assertEqual({row["network"] + " " + row["dataset"] for row in rows}, {"lenet mnist"})
        self.assertEqual({float(row["distance"]) for row in rows if row["rule"] == "beta:0"}, {0})
        self.assertTrue(any(float(row["distance"]) > 0 for row in rows if row["bits"] == "16"))
        self.assertEqual(len(result.stderr.splitlines()), 6)
        self.assertRegex(result.stderr, r"(?m)^64 bits, epoch 2/2: distance of beta:1 [^\n]*, beta:0 0$")
        self.assertEqual(len(result.stdout.splitlines()), 1 + 3 * 7)
        settings = json.loads((self.directory / "out/run.json").read_text(encoding="utf-8"))["settings"]
        self.assertEqual([settings[name] for name in ("network", "bits", "lr", "ties", "train-images")],
                         ["lenet", "16,32,64", "0.0233,0.05,0.05", "beta:0,1,10,100,1e3,1e4", 200])

    def test_collapsed_replicas_stay(self):
        result = self.drift("--bits", "16", "--betas", "0,1e6", "--pool-forward", "composed", "--quiet")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual([(row["rule"], row["distance"] == "nan", row["collapsed"]) for row in self.rows()],
                         2 * [("beta:0", False, ""), ("beta:1000000", True, "step 1 at 1.1 (MaxPool2d)"), ("beta:0", False, "")])
        self.assertIn("step 1 at 1.1 (MaxPool2d)", result.stdout)

    def test_existing_results_stay_unless_forced(self):
        small = ("--betas", "0", "--quiet")
        self.assertEqual(self.drift(*small).returncode, 0)
        before = (self.directory / "out/drift.csv").read_bytes()
        result = self.drift(*small, "--seed", "1")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "drift: out holds results already: expected --resume to continue or --force "
                                        "to overwrite them\n")
        self.assertEqual((self.directory / "out/drift.csv").read_bytes(), before)
        self.assertEqual(self.drift(*small, "--seed", "1", "--force").returncode, 0)
        self.assertNotEqual((self.directory / "out/drift.csv").read_bytes(), before)

    def test_results_stay_where_the_training_that_is_to_overwrite_them_cannot_begin(self):
        small = ("--betas", "0", "--bits", "32", "--quiet", "--train-limit", "21")
        self.assertEqual(self.drift(*small).returncode, 0)
        before = (self.directory / "out/drift.csv").read_bytes()
        result = self.drift(*small, "--batch-norm", "--force")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"^drift: --batch-size 20: the last mini-batch is 1 of 21 images: batch_norm: [^\n]*\n$")
        self.assertEqual((self.directory / "out/drift.csv").read_bytes(), before)

    def test_stopped_and_killed_it_goes_on_to_the_same_bytes(self):
        small = ("--betas", "0,1e3", "--bits", "16,mixed", "--quiet")
        start = time.monotonic()
        clean = self.drift(*small, epochs=6)
        whole = time.monotonic() - start
        expected = (self.directory / "out/drift.csv").read_bytes()
        (self.directory / "out").rename(self.directory / "clean")
        result = self.drift(*small, "--minutes", "1e-9", epochs=6)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.endswith("drift: the time is used; --resume goes on\n"), result.stdout)
        self.kill_often(whole, *SMALL, *small, "--epochs", "6", "--resume")
        result = self.drift(*small, "--resume", epochs=6)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, clean.stdout, ""))
        self.assertEqual((self.directory / "out/drift.csv").read_bytes(), expected)
        self.assertEqual(sorted(path.name for path in (self.directory / "out").iterdir() if path.suffix != ".partial"),
                         ["drift.csv", "run.json"])
        result = self.drift(*small, "--resume", epochs=7)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("out/run.json", result.stderr)
        self.assertIn("epochs", result.stderr)


if __name__ == "__main__":
    support.main()
