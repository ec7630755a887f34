# SPDX-License-Identifier: MIT
"""lenet.py PROGRAM: the command line of the trainer, from --help to exit codes."""
import csv
import gzip
import json
import os
import pty
import re
import statistics
import struct
import subprocess

import support

OPTIONS = """--data --dataset --bits --ties --relu0 --batch-norm --optimizer --lr --momentum --weight-decay --epsilon --schedule
    --epochs --batch-size --seed --runs --parallel --threads --device --out --resume --force --quiet --help --pool
    --norm-at-zero --weights --export""".split()

# Command lines that are wrong, and what the one line says.
MISUSES = {
    "--bits 24": "--bits: expected 16|32|64|mixed, got '24'",
    "--bits mix": "--bits: expected 16|32|64|mixed, got 'mix' (did you mean 'mixed'?)",
    "--ties minimul": "expected native, last, minimal, beta:B, random:SEED or all, got 'minimul' (did you mean 'minimal'?)",
    "--ties beta": "(did you mean 'beta:B'?)",
    "--ties beta:x": "ties: expected a number after 'beta:', got 'x'",
    "--epoch 3": "expected an option, got '--epoch' (did you mean '--epochs'?)",
    "--nonsense": "expected an option, got '--nonsense'; --help lists them",
    "word": "expected an option, got 'word'",
    "--epochs -1": "--epochs: expected a number from 1 to 1000000000, got -1",
    "--epochs 0": "--epochs: expected a number from 1 to 1000000000, got 0",
    "--epochs two": "--epochs: expected a whole number, got 'two'",
    "--epochs 1.5": "--epochs: expected a whole number, got '1.5'",
    "--epochs 99999999999999999999": "--epochs: expected a whole number, got '99999999999999999999'",
    "--epochs": "--epochs",
    "--epochs 1 --epochs 2": "--epochs",
    "--batch-size 0": "--batch-size: expected a number of 1 or more, got 0",
    "--runs 0": "--runs: expected a number from 1 to 1000000000, got 0",
    "--parallel 0": "--parallel: expected a number from 1 to 1024, got 0",
    "--seed -1": "--seed: expected a whole number of 0 or more, got '-1'",
    "--seed 18446744073709551616": "--seed: expected a whole number of 0 or more",
    "--lr fast": "--lr: expected a number, got 'fast'",
    "--lr -1": "--lr: expected a number of 0 or more, got -1",
    "--lr nan": "--lr: expected a number of 0 or more, got nan",
    "--momentum -0.5": "--momentum: expected a number of 0 or more, got -0.5",
    "--weight-decay inf": "--weight-decay: expected a number of 0 or more, got inf",
    "--relu0 nan": "--relu0: expected a finite number, got nan",
    "--optimizer sdg": "--optimizer: expected sgd|adam|adamw, got 'sdg' (did you mean 'sgd'?)",
    "--schedule cosin": "--schedule: expected constant|step|cosine, got 'cosin' (did you mean 'cosine'?)",
    "--dataset mnsit": "--dataset: expected mnist|fashion-mnist|kmnist|synthetic, got 'mnsit' (did you mean 'mnist'?)",
    "--dataset mnist": "--dataset mnist: expected --data DIR or $MPAD_DATA to hold it",
    "--threads -1": "--threads: expected 0 to 1024, got -1",
    "--threads 1025": "--threads: expected 0 to 1024, got 1025",
    "--train-limit -1": "--train-limit and --test-limit: expected 0 or more, got -1 and 0",
    "--nesterov --momentum 0": "--nesterov: expected sgd with a momentum above 0, got sgd with 0",
    "--ties last --pool-backward composed": "for the composed pool, got 'last'",
    "--out out --resume --force": "expected --resume or --force, got both",
    "--resume": "--resume and --force: expected --out DIR",
    "--out= --resume": "--out: expected a value, got none",
    "--out '' --epochs 1": "--out: expected a value, got none",
    "--export '' --epochs 1": "--export: expected a value, got none",
    "--weights ''": "--weights: expected a value, got none",
    "--data ''": "--data: expected a value, got none",
}


DATA = "mnist: 200 training and 50 test images"  # what a training begins with


class Usage(support.TrainerTest):
    def test_help_lists_every_option(self):
        result = self.call("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for option in OPTIONS:
            self.assertRegex(result.stdout, rf"(?m)^ *(-\w,)?{option}\b")
        self.assertNotIn("TEXT", result.stdout)

    def test_version(self):
        result = self.call("--version")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^lenet \d+\.\d+\.\d+\n$")

    def test_misuse_is_one_line_and_code_2(self):
        self.check_misuses(MISUSES)


def damaged_files():
    """Names of cases, the bytes of MNIST's files that are changed in each, and what is said."""
    images, labels = support.images(200, 1), support.labels(200)
    header = struct.Struct(">4I")
    pack = gzip.compress
    return {
        "truncated gzip": ({"train_images": pack(images)[:-100]}, "expected an intact gzip file, got: unexpected end of file"),
        "wrong magic": ({"train_images": pack(b"\0\0\x0d\x03" + images[4:])}, "expected the magic number of images"),
        "labels for images": ({"train_images": pack(labels)}, "expected the magic number of images"),
        "no gzip at all": ({"test_images": b"hello"}, "expected the magic number of images"),
        "empty": ({"test_labels": b""}, "expected a magic number in 4 bytes, got 0 bytes"),
        "promise": ({"train_images": pack(header.pack(0x803, 201, 28, 28) + images[16:])},
                    "expected 201,28,28 bytes, as its header says, got 156800"),
        "2^31 images": ({"train_images": pack(header.pack(0x803, 2**31, 28, 28) + images[16:])},
                        "expected extents from 1 to 2147483647, got 2147483648"),
        "2^31 - 1 images": ({"train_images": pack(header.pack(0x803, 2**31 - 1, 28, 28) + images[16:])},
                            "expected 2147483647,28,28 bytes, as its header says, got 156800"),
        "label out of range": ({"test_labels": pack(support.labels(49)[:4] + struct.pack(">I", 50) +
                                                    support.labels(49)[8:] + b"\x0a")}, "expected labels in 0..9, got 10"),
        "counts that differ": ({"train_labels": pack(support.labels(199))},
                               "expected a label for each image, got 200 images in"),
        "other images": ({"test_images": pack(header.pack(0x803, 50, 14, 56) + support.images(50, 2)[16:])},
                         "expected images of 28x28 pixels, got 28x28 to train and 14x56 to test"),
    }


class Failure(support.TrainerTest):
    """Code 1, one line on standard error that says why, and no trace in --out."""

    def expect_failure(self, message, *arguments):
        result = self.call("--epochs", "1", *arguments)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"^lenet: [^\n]+\n$")
        self.assertIn(message, result.stderr)

    def test_damaged_data(self):
        for i, (name, (changed, message)) in enumerate(damaged_files().items()):
            with self.subTest(name):
                data = self.directory / f"data{i}"
                support.write_mnist(data, **changed)
                self.expect_failure(message, "--data", data, "--out", "out")
                self.assertFalse((self.directory / "out").exists())

    def test_missing_data(self):
        self.expect_failure("mnist: expected a directory, got '", "--data", self.directory / "none", "--out", "out")
        (self.directory / "empty").mkdir()
        self.expect_failure("expected train-images-idx3-ubyte or", "--data", self.directory / "empty", "--out", "out")
        self.assertFalse((self.directory / "out").exists())

    def test_unwritable_out(self):
        (self.directory / "file").touch()
        small = ("--dataset", "synthetic", "--train-limit", "1", "--test-limit", "1")
        self.expect_failure("cannot make directory file/out: Not a directory", *small, "--out", "file/out")
        self.expect_failure("cannot make directory file: Not a directory", *small, "--out", "file")
        if os.geteuid() != 0:  # root may write anywhere
            (self.directory / "locked").mkdir(mode=0o555)
            self.expect_failure("Permission denied", *small, "--out", "locked")

    def test_unwritable_output(self):
        for arguments in (("--dataset", "synthetic", "--train-limit", "1", "--test-limit", "1", "--epochs", "1", "--quiet"),
                          ("--help",), ("--version",)):
            with open("/dev/full", "w", encoding="utf-8") as full:
                result = subprocess.run([*self.command(), *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
                                        timeout=300, check=False, cwd=self.directory, env=support.environment())
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r"^lenet: cannot write standard output: [^\n]+\n$")

    def test_unwritable_export(self):
        (self.directory / "place").mkdir()
        small = ("--dataset", "synthetic", "--train-limit", "1", "--test-limit", "1", "--out", "out")
        for place in ("place", "place/"):
            self.expect_failure(f"--export: expected a file, got the directory '{place}'", *small, "--export", place)
        (self.directory / "place/x.partial").mkdir()
        self.expect_failure("cannot write place/x: Is a directory", *small, "--export", "place/x")
        self.assertFalse((self.directory / "out").exists())


class Training(support.TrainerTest):
    def setUp(self):
        super().setUp()
        support.write_mnist(self.directory / "data")

    def train(self, *arguments, **options):
        return self.call("--data", "data", "--epochs", "2", "--batch-size", "20", *arguments, **options)

    def contents(self):
        return {path.name: path.read_bytes() for path in (self.directory / "out").iterdir()}

    def test_output_and_summary(self):
        result = self.train("--runs", "2", "--out", "out")
        self.assertEqual(result.returncode, 0, result.stderr)
        data, *lines = result.stderr.splitlines()
        self.assertEqual((data, len(lines)), (DATA, 4))
        for i, line in enumerate(lines):
            self.assertRegex(line, rf"^run {i // 2 + 1}/2, epoch {i % 2 + 1}/2: train loss \d\.\d{{4}}, accuracy "
                                   r"\d+\.\d\d %; test loss \d\.\d{4}, accuracy \d+\.\d\d %; \d+ images/s$")
        with open(self.directory / "out/results.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(row["run_id"], row["epoch"]) for row in rows], [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")])
        last = [100 * float(row["test_accuracy"]) for row in rows if row["epoch"] == "1"]
        self.assertRegex(result.stdout, rf"^lenet: test accuracy {statistics.mean(last):.2f} % \+- {statistics.stdev(last):.2f}"
                                        r" \(mean and standard deviation of 2 runs\), 0 collapsed, \d+ images/s\n$")
        record = json.loads((self.directory / "out/run.json").read_text(encoding="utf-8"))
        self.assertIn("--runs 2 --out out", record["command"])
        self.assertEqual(record["settings"]["train-images"], 200)
        self.assertEqual(sorted(self.contents()), ["results.csv", "run-0.safetensors", "run-1.safetensors", "run.json"])

    def test_runs_at_once(self):
        apart = self.train("--runs", "4", "--out", "apart")
        at_once = self.train("--runs", "4", "--parallel", "3", "--out", "at-once")
        self.assertEqual(at_once.returncode, 0, at_once.stderr)

        def without_speed(text):
            return re.sub(r"\d+ images/s", "", text)

        self.assertEqual(without_speed(at_once.stdout), without_speed(apart.stdout))
        self.assertEqual(sorted(without_speed(at_once.stderr).splitlines()), without_speed(apart.stderr).splitlines())
        rows = [[line.rsplit(",", 1)[0] for line in (self.directory / out / "results.csv").read_text().splitlines()]
                for out in ("apart", "at-once")]
        self.assertEqual(rows[0], rows[1])
        self.assertNotIn("parallel", json.loads((self.directory / "at-once/run.json").read_text())["settings"])

    def test_options_reach_the_training(self):
        result = self.train("--bits", "16", "--ties", "beta:0.5", "--relu0", "0.25", "--seed", "18446744073709551615",
                            "--train-limit", "40", "--test-limit", "10", "--threads", "1", "--out", "out", "--quiet")
        self.assertEqual(result.returncode, 0, result.stderr)
        record = json.loads(self.contents()["run.json"])
        settings = record["settings"]
        self.assertEqual(
            [settings[name] for name in ("bits", "ties", "relu0", "seed", "lr", "train-images", "test-images")],
            [16, "beta:0.5", 0.25, 2**64 - 1, 0.0233, 40, 10])
        self.assertEqual(record["threads"], 1)

    def test_data_may_be_named_by_the_environment(self):
        (self.directory / "below").mkdir()
        (self.directory / "data").rename(self.directory / "below/mnist")
        for place in ("below", "below/mnist", "below/mnist/"):
            with self.subTest(place):
                self.environment = {"MPAD_DATA": place}
                result = self.call("--epochs", "1", "--batch-size", "100")
                self.assertEqual((result.returncode, result.stderr.splitlines()[0]), (0, DATA))

    def test_data_that_the_environment_has_not_are_drawn_and_that_is_said(self):
        small = ("--epochs", "1", "--batch-size", "100", "--train-limit", "100", "--test-limit", "50")
        said = "lenet: no mnist in $MPAD_DATA, 'none': synthetic in its place"
        self.environment = {"MPAD_DATA": "none"}
        result = self.call(*small)
        self.assertEqual((result.returncode, result.stderr.splitlines()[:2]),
                         (0, [said, "synthetic: 100 training and 50 test images"]))
        self.assertEqual(self.call(*small, "--quiet").stderr, said + "\n")
        self.assertEqual(self.call(*small, "--quiet", "--dataset", "synthetic").stderr, "")

    def test_quiet_prints_the_summary_only(self):
        result = self.train("--quiet")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout.count("\n"), 1)

    def test_existing_results_stay_unless_forced(self):
        self.assertEqual(self.train("--out", "out").returncode, 0)
        before = self.contents()
        result = self.train("--out", "out", "--seed", "1")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "lenet: out holds results already: expected --resume to continue or --force to "
                                        "overwrite them\n")
        result = self.train("--out", "out", "--seed", "1", "--resume")
        self.assertEqual((result.returncode, result.stderr), (1, "lenet: out/run.json: expected seed 0 as before, got 1\n"))
        self.assertEqual(self.contents(), before)
        self.assertEqual(self.train("--out", "out", "--seed", "1", "--force").returncode, 0)
        self.assertEqual(json.loads(self.contents()["run.json"])["settings"]["seed"], 1)

    def test_resuming_finished_results_shows_them(self):
        first = self.train("--out", "out", "--quiet").stdout
        result = self.train("--out", "out", "--resume")
        self.assertEqual((result.returncode, result.stderr), (0, DATA + "\n"))
        self.assertEqual(result.stdout, re.sub(r", \d+ images/s", "", first))

    def on_terminal(self, *arguments):
        """Standard error of a training whose standard error is a terminal."""
        terminal, program_end = pty.openpty()
        command = [*self.command(), "--data", "data", "--epochs", "2", "--batch-size", "20", *arguments]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=program_end, cwd=self.directory,
                              env=support.environment()) as process:
            os.close(program_end)
            shown = b""
            try:
                while part := os.read(terminal, 4096):
                    shown += part
            except OSError:  # the other end is closed
                pass
        os.close(terminal)
        self.assertEqual(process.returncode, 0)
        return shown.decode()

    def test_a_terminal_gets_a_bar(self):
        shown = self.on_terminal()
        self.assertRegex(shown, r"\r\x1b\[Kepoch 1/2 \[#*\.*\] \d+ images/s, \d+:\d\d left")
        self.assertRegex(shown, r"\r\x1b\[Kepoch 2/2: train loss")
        self.assertTrue(all(len(bar) == 24 for bar in re.findall(r"\[([#.]+)\]", shown)))
        self.assertEqual(self.on_terminal("--quiet"), "")

    def test_runs_at_once_share_a_bar(self):
        shown = self.on_terminal("--runs", "3", "--parallel", "3")
        self.assertRegex(shown, r"\r\x1b\[K3 runs, epochs 0/6 \[#*\.*\] \d+ images/s, \d+:\d\d left")
        for run in "123":
            self.assertRegex(shown, rf"\r\x1b\[Krun {run}/3, epoch 2/2: train loss")
        self.assertTrue(all(len(bar) == 24 for bar in re.findall(r"\[([#.]+)\]", shown)))


if __name__ == "__main__":
    support.main()
