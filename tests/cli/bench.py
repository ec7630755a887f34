# SPDX-License-Identifier: MIT
"""bench.py PROGRAM COMPARE: bench_maxpool writes JSON with its counters, and bench/compare joins it with a peer's."""
import json
import os
import subprocess
import sys

import support

COMPARE = ""
CASES = ("vgg1", "vgg2", "vgg3", "vgg4", "vgg5", "stem", "large")
RULES = ("native", "last", "minimal", "beta:0.5", "random:7", "all")


def record(name, time, unit="us", **more):
    return {"name": name, "real_time": time, "time_unit": unit, **more}


class Bench(support.ProgramTest):
    def test_every_rule_dtype_shape_and_rate_of_ties(self):
        result = self.call("--benchmark_list_tests")
        self.assertEqual(result.returncode, 0, result.stderr)
        names = {"/".join(name.split("/")[:-2]) for name in result.stdout.split()}  # without min_time and real_time
        for case in CASES:
            for dtype in ("half", "float", "double"):
                for ties in (0, 50):
                    what = f"{dtype}/{case}/ties:{ties}"
                    self.assertIn(f"maxpool_forward/{what}", names)
                    for rule in RULES:
                        self.assertIn(f"maxpool_backward/{rule}/{what}", names)

    def test_json_has_times_and_counters(self):
        out = self.directory / "ours.json"
        result = self.call("--benchmark_filter=^maxpool_(forward|backward/minimal)/float/vgg5/ties:50", f"--benchmark_out={out}",
                           "--benchmark_out_format=json", "--benchmark_format=json")
        self.assertEqual(result.returncode, 0, result.stderr)
        written = json.loads(out.read_text(encoding="utf-8"))
        self.assertEqual(json.loads(result.stdout)["benchmarks"][0]["name"], written["benchmarks"][0]["name"])
        self.assertIn("mpad_threads", written["context"])
        self.assertEqual(len(written["benchmarks"]), 2)
        # VGG's fifth pool: 2x2 to 1x1 of float, and a mask of one byte.
        minimal_bytes = 128 * 512 * (4 * 4 + 4 + 1)
        for benchmark in written["benchmarks"]:
            rate, seconds = benchmark["bytes_per_second"], 1e-6 * benchmark["real_time"]
            self.assertAlmostEqual(rate * seconds / minimal_bytes, 1, places=3)
            self.assertGreater(benchmark["per_cent_of_copy"], 0)
            self.assertGreater(benchmark["first_quartile"], 0)
            self.assertLessEqual(benchmark["first_quartile"], benchmark["real_time"] * (1 + 1e-9))
            self.assertLessEqual(benchmark["real_time"], benchmark["third_quartile"] * (1 + 1e-9))

    def test_unknown_option(self):
        result = self.call("--nonsense")
        self.assertEqual((result.returncode, result.stdout), (2, ""))


class Compare(support.ProgramTest):
    def compare(self, ours, peers):
        for name, content in (("ours", ours), ("peers", peers)):
            text = content if isinstance(content, str) else json.dumps({"benchmarks": content})
            (self.directory / name).write_text(text, encoding="utf-8")
        return subprocess.run([sys.executable, COMPARE, "ours", "peers"], cwd=self.directory, capture_output=True,
                              text=True, timeout=60, check=False)

    def test_table_of_ratios(self):
        forward, backward = "maxpool_forward/float/vgg1/ties:0", "maxpool_backward/native/float/vgg1/ties:0"
        ours = [record(forward + "/min_time:0.100/real_time", 2000.0, "ns", run_type="iteration"),
                record(forward + "/min_time:0.100/real_time_mean", 9e9, "ns", run_type="aggregate"),
                record(backward + "/min_time:0.100/real_time", 0.004, "ms"),
                record("maxpool_backward/all/float/vgg1/ties:0/min_time:0.100/real_time", 1.0)]
        peers = [record(forward + "/torch", 15.0), record(backward + "/torch", 16.0),
                 record(backward + "/torch", 24.0), record(backward + "/torch", 16.0),
                 record(backward + "/separate", 100.0), record("maxpool_forward/half/vgg1/ties:0/torch", 1.0)]
        result = self.compare(ours, peers)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, f"""\
| benchmark | mpad, us | separate, us | ratio | torch, us | ratio |
|---|--:|--:|--:|--:|--:|
| {forward} | 2.0 |  |  | 15.0 | 7.50 |
| {backward} | 4.0 | 100.0 | 25.00 | 16.0 | 4.00 |
""")

    def test_spread_behind_times_that_have_quartiles(self):
        ours = [record("a", 10.0, first_quartile=first, third_quartile=third, per_cent_of_copy=50.0)
                for first, third in ((9.5, 10.5), (9.0, 11.0), (10.0, 10.0))]
        peers = [record("a/old", 5.0), record("a/torch", 0.02, "ms", first_quartile=0.0195, third_quartile=0.0205)]
        result = self.compare(ours, peers)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout.splitlines()[-1], "| a | 10.0 ±5.0% | 50 | 5.0 | 0.50 | 20.0 ±2.5% | 2.00 |")

    def test_what_is_no_pair_of_results(self):
        good = [record("a/torch", 1.0)]
        for ours, peers in (("", good), ("[]", good), ("{}", good), (good, "{"), ([{}], good)):
            result = self.compare(ours, peers)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertRegex(result.stderr, r"^compare: expected two benchmark results in JSON, got [^\n]+\n$")
        result = self.compare([record("b", 1.0)], good)
        self.assertEqual(result.stderr, "compare: expected benchmarks that both files have, got none\n")


if __name__ == "__main__":
    COMPARE = os.path.abspath(sys.argv.pop(2))
    support.main()
