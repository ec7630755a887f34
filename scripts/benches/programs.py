# SPDX-License-Identifier: MIT
"""The programs that are timed, each run in a process of its own: mpad's benchmarks, and PyTorch's peers of them."""
import dataclasses
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from common import fail, root


class Failed(Exception):
    """A program ended with an error; the text is its last line."""


@dataclasses.dataclass
class Run:
    """What a process wrote to standard output, and the part of one core's time that it had."""

    output: str
    cores: float


def run(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [str(word) for word in command]
    try:
        process = subprocess.run(command, cwd=root, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Failed(f"expected {command[0]}, got no such file") from error
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    if process.returncode != 0:
        lines = (process.stderr or process.stdout).strip().splitlines() or [f"exit code {process.returncode}"]
        raise Failed(f"{pathlib.Path(command[0]).name}: {lines[-1]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(process.stdout, used / seconds)


class Programs:
    """Those of one build on a device, each benchmark timed for `seconds`. Peers have as many threads as mpad, one for
    each core."""

    def __init__(self, build, device, seconds):
        self.bin, self.device, self.seconds = build / "bin", device, seconds
        self.threads = len(os.sched_getaffinity(0))

    def run_peer(self, script, *options):
        return run([sys.executable, root / "bench/peers" / script, "--threads", self.threads, *options])

    def torch_version(self):
        """That of the PyTorch for this device; empty without one."""
        question = "import torch; " + ("assert torch.cuda.is_available(); " if self.device == "cuda" else "")
        found = subprocess.run([sys.executable, "-c", question + "print(torch.__version__)"], capture_output=True, text=True)
        return found.stdout.strip() if found.returncode == 0 else ""

    def bench(self, program, pattern, seconds=None):
        """Records of a benchmark, as Google Benchmark writes them, and its Run."""
        found = run([self.bin / program, f"--device={self.device}", f"--benchmark_filter={pattern}", "--benchmark_format=json",
                     f"--benchmark_min_time={seconds or self.seconds}"])
        try:
            records = json.loads(found.output)["benchmarks"]
        except (ValueError, KeyError) as error:
            raise Failed(f"{program}: expected benchmarks as JSON, got {error}") from error
        if not records:
            raise Failed(f"{program}: expected benchmarks that match {pattern}, got none")
        return records, found

    def peer(self, script, *options):
        """What a peer prints as lines of JSON, and its Run."""
        found = self.run_peer(script, *options)
        return [json.loads(line) for line in found.output.splitlines() if line.startswith("{")], found

    def peer_records(self, script, *options):
        """Records that a peer writes to the file after --out, and the settings that they depend on."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "records.json"
            self.run_peer(script, *options, "--out", out)
            written = json.loads(out.read_text())
            return written["benchmarks"], written["context"]


def build(preset, folder, *options):
    """Configures and builds the benchmarks; fails with what the build said last."""
    targets = [f"bench_{path.stem}" for path in sorted((root / "bench").glob("*.cpp"))]
    for command in (["cmake", "--preset", preset, "-B", folder, *options],
                    ["cmake", "--build", folder, "--target", *targets]):
        try:
            run(command)
        except Failed as failure:
            fail(str(failure))
