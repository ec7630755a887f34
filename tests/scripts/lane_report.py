# SPDX-License-Identifier: MIT
"""lane_report.py ROOT: what lane-report says of loops that a build recorded, and what it records."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

scripts = pathlib.Path(sys.argv.pop(1), "scripts")
_source = "void f() {\n  MPAD_LANES\n  for (;;) g();\n}\n"
_said = """/there/kernels/cpu/relu.cpp:3:20: optimized: loop vectorized using 32 byte vectors
/there/kernels/cpu/relu.cpp:3:20: optimized: loop vectorized using 16 byte vectors
../kernels/cpu/relu.cpp:3:20: optimized: loop vectorized using 32 byte vectors
"""
_missed = "/there/kernels/cpu/relu.cpp:3:20: missed: couldn't vectorize loop\n"


class Report(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.root = pathlib.Path(self.temporary.name)
        for folder in ("scripts", "kernels/cpu", "recorded/avx2", "recorded/avx512"):
            (self.root / folder).mkdir(parents=True)
        for name in ("lane-report", "common.py"):
            shutil.copy(scripts / name, self.root / "scripts")
        (self.root / "kernels/cpu/relu.cpp").write_text(_source)
        self.say("avx512", _said)

    def say(self, isa, text):
        (self.root / "recorded" / isa / "relu.txt").write_text(text)

    def run_script(self, *arguments):
        command = [sys.executable, "-B", self.root / "scripts/lane-report", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.root)

    def report(self, avx2):
        """Exit code, the loop's line and what is wrong."""
        self.say("avx2", avx2)
        done = self.run_script("--recorded", "recorded")
        return done.returncode, done.stdout.splitlines()[1].split(), done.stderr.removeprefix("lane-report: ")

    def test_vectors(self):
        self.assertEqual(self.report(_said + "/there/kernels/cpu/relu.cpp:2:1: missed: couldn't vectorize loop\n"),
                         (0, ["relu.cpp:3", "2", "32", "0", "2", "32", "0"], ""))

    def test_a_scalar_copy(self):
        wrong = "kernels/cpu/relu.cpp:3, avx2: expected vector loops, got 1 of 3 that are scalar\n"
        self.assertEqual(self.report(_said + _missed), (1, ["relu.cpp:3", "2", "32", "1", "2", "32", "0"], wrong))

    def test_no_copy(self):
        wrong = "kernels/cpu/relu.cpp:3, avx2: expected vector loops, got none\n"
        self.assertEqual(self.report(""), (1, ["relu.cpp:3", "0", "0", "0", "2", "32", "0"], wrong))

    def test_a_file_that_was_not_compiled(self):
        self.say("avx2", _said)
        (self.root / "kernels/cpu/add.cpp").write_text("")
        done = self.run_script("--recorded", "recorded")
        self.assertEqual((done.returncode, done.stderr), (1, "lane-report: expected recorded/avx2/add.txt, recorded when "
                                                             "add.cpp was compiled, got no such file\n"))

    def compile(self, isa):
        """As a build does, by a compiler that says its arguments, a warning and a remark of two lines, and fails."""
        compiler = self.root / "compiler"
        compiler.write_text(f"#!/bin/sh\necho \"$@\"\ncat >&2 <<'END'\nx.cpp:1: warning: w\n{_missed} scalar_type: V\nEND\nexit 3\n")
        compiler.chmod(0o755)
        done = self.run_script("--record", "kept", compiler, f"-DMPAD_ISA={isa}", "-c", "kernels/cpu/relu.cpp")
        kept = self.root / "kept" / isa / "relu.txt"
        return done.returncode, done.stdout, done.stderr, kept.read_text() if kept.exists() else None

    def test_a_launcher_without_a_command(self):
        for arguments in ((), ("kept",)):
            done = self.run_script("--record", *arguments)
            said = f"lane-report: expected --record DIR COMMAND..., got {' '.join(['--record', *arguments])}\n"
            self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", said))

    def test_recording(self):
        said = "-DMPAD_ISA=avx2 -c kernels/cpu/relu.cpp -fopt-info-vec-optimized-missed\n"
        self.assertEqual(self.compile("avx2"), (3, said, "x.cpp:1: warning: w\n", f"{_missed} scalar_type: V\n"))

    def test_other_sources_are_compiled_as_they_are(self):
        everything = f"x.cpp:1: warning: w\n{_missed} scalar_type: V\n"
        self.assertEqual(self.compile("portable"),
                         (3, "-DMPAD_ISA=portable -c kernels/cpu/relu.cpp\n", everything, None))


if __name__ == "__main__":
    unittest.main()
