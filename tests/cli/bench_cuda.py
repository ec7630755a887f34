# SPDX-License-Identifier: MIT
"""bench_cuda.py PROGRAM FILTER COUNTER: what of a benchmark FILTER matches runs with --device=cuda, and counts COUNTER."""
import json
import sys

import support

FILTER, COUNTER = sys.argv.pop(2), sys.argv.pop(2)


class BenchCuda(support.ProgramTest):
    def test_rows_have_times_quartiles_and_counters(self):
        result = self.call("--device=cuda", f"--benchmark_filter={FILTER}", "--benchmark_format=json")
        self.assertEqual(result.returncode, 0, result.stderr)
        written = json.loads(result.stdout)
        self.assertNotEqual(written["context"]["mpad_device"], "cpu")
        self.assertGreater(len(written["benchmarks"]), 0)
        for row in written["benchmarks"]:
            with self.subTest(row["name"]):
                self.assertGreater(row["first_quartile"], 0)
                self.assertLessEqual(row["first_quartile"], row["real_time"] * (1 + 1e-9))
                self.assertLessEqual(row["real_time"], row["third_quartile"] * (1 + 1e-9))
                self.assertGreater(row[COUNTER], 0)


if __name__ == "__main__":
    support.main()
