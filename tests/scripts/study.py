# SPDX-License-Identifier: MIT
"""study.py SOURCE: scripts/study with stubs for programs, which write made-up results: what is run, in which order,
what is said of failures, and how a study is continued."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

source = pathlib.Path(sys.argv.pop(1)).resolve()
tests = pathlib.Path(__file__).resolve().parent
has_matplotlib = subprocess.run([sys.executable, "-c", "import matplotlib"], capture_output=True).returncode == 0

# Writes down its command line, fails or is slow where $FAULT says so, and leaves results in --out if $RESULTS names it.
stub = f"""#!{sys.executable} -B
import os, pathlib, sys, time
sys.path.insert(0, {str(tests)!r})
import made_up
name = pathlib.Path(sys.argv[0]).name
with open(os.environ["CALLS"], "a") as file:
    print(name, *sys.argv[1:], "data", os.environ.get("MPAD_DATA", ""), file=file)
fault = os.environ.get("FAULT", "")
if fault == f"{{name}} fails":
    sys.exit(f"{{name}}: expected something, got nothing")
if fault == f"{{name}} is slow":
    time.sleep(60)
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
out.mkdir(parents=True, exist_ok=True)
if name in os.environ["RESULTS"]:
    made_up.programs[name](out)
"""


class StudyTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="mpad-")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)
        self.calls, self.out, self.programs = (self.directory / name for name in ("calls", "out", "bin"))
        self.programs.mkdir()
        for name in ("compensation", "zones", "thresholds", "drift", "sweep"):
            (self.programs / name).write_text(stub)
            (self.programs / name).chmod(0o755)
        (self.directory / "none").mkdir()

    def study(self, *arguments, fault="", data="none", results=""):
        """Runs the script: its exit code, what it prints, and the command lines of the programs it called."""
        self.calls.write_text("")
        environment = {**os.environ, "FAULT": fault, "CALLS": str(self.calls), "RESULTS": results}
        command = [sys.executable, "-B", source / "scripts/study", "--bin", self.programs, "--out", self.out, "--data",
                   self.directory / data, *arguments]
        done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True,
                              timeout=300)
        return done.returncode, done.stdout + done.stderr, self.calls.read_text().splitlines()

    def steps(self):
        return json.loads((self.out / "study.json").read_text())["steps"]


class Small(StudyTest):
    @unittest.skipUnless(has_matplotlib, "no matplotlib (scripts/install-dependencies plot)")
    def test_all_programs_then_the_report(self):
        code, said, calls = self.study("--small", results="compensation zones thresholds drift sweep")
        self.assertEqual(code, 0, said)
        self.assertEqual([call.split()[0] for call in calls],
                         ["compensation", "sweep", "sweep", "sweep", "drift", "thresholds", *["zones"] * 5])
        self.assertIn("study: no mnist and no cifar10 found: drawn images instead", said)
        for call in calls[1:]:
            self.assertIn("--dataset synthetic", call)
        self.assertRegex(calls[1], "--networks lenet .*--train-limit 20000 --bits 16,32 --betas 0,1,10,100,1000,10000 "
                                   ".*--runs 2 .*--pool-forward exact,composed --pool-backward fused,composed,")
        self.assertRegex(calls[7], "--network vgg11 .*--augment --batch-norm off,on --draws 5 .*--bits 16,64 "
                                   "--batch-size 64,256 ")
        self.assertNotIn("--augment", calls[8])
        self.assertRegex(said, r"== zones/vgg11-synthetic-16-64: done \(\d+ s\)")
        self.assertRegex(said, r"study: \d\.\d minutes; results in .*/out\n$")
        page = (self.out / "report.html").read_text()
        self.assertIn("<h2 id=sweep>", page)
        self.assertRegex(page, r"<td>zones/vgg11-synthetic-16-64</td><td>[^<]*</td><td>[^<]*</td><td>\d+</td>")

    def test_real_data_where_they_are(self):
        for name in ("mnist/train-images-idx3-ubyte.gz", "cifar10/exact/data_batch_1.bin"):
            (self.directory / "data" / name).parent.mkdir(parents=True)
            (self.directory / "data" / name).write_text("")
        _, said, calls = self.study("--small", data="data")
        self.assertNotIn("drawn images", said)
        folder = self.directory.resolve() / "data"
        self.assertRegex(calls[6], f"--network lenet --dataset mnist .* data {folder}/mnist$")
        self.assertRegex(calls[7], f"--network vgg11 --dataset cifar10 .* data {folder}/cifar10/exact$")

    def test_a_failure_does_not_stop_the_others_and_is_made_up_for(self):
        code, said, calls = self.study("--small", fault="drift fails")
        self.assertEqual((code, len(calls)), (1, 11))
        self.assertIn("drift: expected something, got nothing", said)
        self.assertRegex(said, r"; failed: drift/lenet-synthetic(, report)?\n")
        self.assertEqual(self.steps()["drift/lenet-synthetic"]["problem"], "exit code 1")
        code, said, calls = self.study("--small")
        self.assertEqual((code, calls), (1, []))
        self.assertIn("has a study; expected --resume or another folder", said)
        code, said, calls = self.study("--small", "--resume")
        self.assertEqual([call.split()[0] for call in calls], [*["sweep"] * 3, "drift", "thresholds", *["zones"] * 5])
        self.assertIn(" --resume data", calls[0])
        self.assertNotIn("--force", calls[3])
        self.assertRegex(calls[5], "^zones .*--minutes .*--resume data")
        self.assertIn("== compensation: done before", said)

    def test_time_runs_out(self):
        code, said, calls = self.study("--small", "--minutes", 0.3, fault="thresholds is slow")
        self.assertEqual(code, 1)
        self.assertIn("== thresholds/lenet-synthetic: not done in time", said)
        self.assertIn("== zones/vgg11-synthetic-16-64: no time left", said)
        self.assertEqual([call.split()[0] for call in calls],
                         ["compensation", "sweep", "sweep", "sweep", "drift", "thresholds"])


class Full(StudyTest):
    def test_the_collapse_first_sized_to_the_time(self):
        code, said, calls = self.study("--full", "--minutes", 5, results="sweep")
        # 0.6 of 300 s for 12 cells of epochs of 1.5 s, as made_up has it
        self.assertRegex(calls[0], "^sweep --networks vgg11 .*--betas 0 .*--epochs 1 --runs 1 ")
        cell = ("^sweep --networks vgg11 .*--bits 16 --batch-norm on --betas 0,1,10,100,1000,10000 --pool-forward {} "
                "--pool-backward {} --lr 0.0185 --epochs (9|10) --runs 1 --minutes {}")
        self.assertRegex(calls[1], cell.format("exact", "fused", "1\\.[45]"))
        self.assertRegex(calls[2], cell.format("composed", "composed", "2\\.[01]"))
        self.assertEqual([call.split()[0] for call in calls[3:8]],
                         ["compensation", "zones", "thresholds", "drift", "sweep"])
        size = json.loads((self.out / "study.json").read_text())["notes"]["size"]
        self.assertIn(size, ([9, 1], [10, 1]))
        code, said, calls = self.study("--full", "--minutes", 50, "--resume")
        self.assertRegex(calls[0], f"--batch-norm on .*--epochs {size[0]} --runs 1 .*--resume data")
        self.assertEqual({call.split()[0] for call in calls}, {"sweep", "zones", "thresholds", "drift"})

    def test_an_epoch_that_fails_ends_it(self):
        code, said, calls = self.study("--full", "--minutes", 5, fault="sweep fails")
        self.assertEqual((code, len(calls)), (1, 1))
        self.assertIn("study: expected an epoch to be trained, to know how many fit", said)


class Misuse(StudyTest):
    def test_one_line_and_an_exit_code(self):
        for arguments, code, line in (((), 2, "one of the arguments --small --full is required"),
                                      (("--small", "--full"), 2, "not allowed with argument --small"),
                                      (("--small", "--minutes", "0"), 2, "--minutes: expected a number above 0, got 0"),
                                      (("--small", "--minutes", "nan"), 2, "expected a number above 0, got nan"),
                                      (("--small", "--data", "/nowhere"), 1, "expected a directory, got '/nowhere'")):
            got, said, calls = self.study(*arguments)
            self.assertEqual((got, calls), (code, []), said)
            self.assertIn(line, said)
            self.assertFalse(self.out.exists())

    def test_a_file_in_the_place_of_results(self):
        self.out.write_text("mine")
        got, said, calls = self.study("--small")
        self.assertEqual((got, calls), (1, []))
        self.assertEqual(said, f"study: --out: expected a directory, got '{self.out.resolve()}': File exists\n")
        self.assertEqual(self.out.read_text(), "mine")

    def test_a_damaged_record(self):
        self.out.mkdir()
        (self.out / "study.json").write_text("[]")
        got, said, calls = self.study("--small", "--resume")
        self.assertEqual((got, calls), (1, []))
        self.assertIn("study.json: expected the record of a run, got other text", said)


if __name__ == "__main__":
    unittest.main()
