# SPDX-License-Identifier: MIT
"""intervals.py SOURCE: the intervals of the report, at the values of tests/test_interval.cpp for the library's."""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(sys.argv[1]) / "scripts"))
from studies import intervals

failures = []


def check(got, *expected):
    if any(not math.isclose(a, b, abs_tol=1e-5) for a, b in zip(got, expected)) or len(got) != len(expected):
        failures.append(f"expected {expected}, got {got}")


check(intervals.share_of([(5, 10)]), 0.5, 0.236593, 0.763407)
check(intervals.share_of([(0, 20)]), 0, 0, 0.161125)
check(intervals.share_of([(1, 2)] * 5), 0.5, 0.170115, 0.829885)
check(intervals.share_of([(0, 4), (4, 4)]), 0.5, 0.001541, 0.998459)
check(intervals.share_of([(1, 2), (0, 4), (3, 4)]), 0.4, 0.027090, 0.941044)
check(intervals.share_of([(8, 8)] * 5 + [(0, 0)]), 1, 0.565518, 1)
check(intervals.mean([1, 2, 3]), 2, 2 - 4.3027 / math.sqrt(3), 2 + 4.3027 / math.sqrt(3))
check(intervals.mean_share([0.9, 1.0]), 0.95, 0.95 - 12.7062 * 0.05, 1)
check([intervals.student(40)], 2.021035)  # by Fisher; 2.02108 in tables
if intervals.mean([1])[0] != 1 or not all(map(math.isnan, intervals.mean([1])[1:])):
    failures.append(f"expected no interval of one value, got {intervals.mean([1])}")

print("\n".join(failures) or "intervals are right")
sys.exit(bool(failures))
