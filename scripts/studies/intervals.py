# SPDX-License-Identifier: MIT
"""Means and shares with 95 % intervals."""
import math
import statistics

# 97.5 % points of Student's t with 1, 2, ... degrees of freedom; beyond them the normal distribution's.
_t = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
      2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042)
_z = 1.960


def mean(values):
    """(mean, low, high) by Student's t of values drawn independently; one value has no interval: low and high are NaN."""
    middle = statistics.fmean(values)
    if len(values) < 2:
        return middle, math.nan, math.nan
    t = _t[len(values) - 2] if len(values) - 2 < len(_t) else _z
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return middle, middle - half, middle + half


def share(values):
    """(mean, low, high) as of mean, of values in [0, 1]."""
    middle, low, high = mean(values)
    return middle, max(low, 0.0), min(high, 1.0)


def proportion(count, total):
    """(share, low, high) by Wilson of `count` in `total` independent trials."""
    p, z2 = count / total, _z * _z / total
    centre, half = (p + z2 / 2) / (1 + z2), _z * math.sqrt(p * (1 - p) / total + z2 / total / 4) / (1 + z2)
    return p, max(0.0, centre - half), min(1.0, centre + half)
