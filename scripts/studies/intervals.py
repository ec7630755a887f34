# SPDX-License-Identifier: MIT
"""Means and shares with 95 % intervals."""
import math
import statistics

# Student's 97.5 % points for 1, 2, ... degrees of freedom; beyond them Fisher's expansion from the normal one.
_t = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
      2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860)
_z = 1.959964


def student(degrees):
    if degrees <= len(_t):
        return _t[degrees - 1]
    return _z + (_z ** 3 + _z) / (4 * degrees) + (5 * _z ** 5 + 16 * _z ** 3 + 3 * _z) / (96 * degrees ** 2)


def mean(values):
    """(mean, low, high) by Student's t of independent values; one has no interval: low and high are NaN."""
    middle = statistics.fmean(values)
    if len(values) < 2:
        return middle, math.nan, math.nan
    half = student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return middle, middle - half, middle + half


def mean_share(values):
    """As mean, of values in [0, 1]."""
    middle, low, high = mean(values)
    return middle, max(low, 0.0), min(high, 1.0)


def _wilson(share, count, quantile):
    q = quantile * quantile / count
    half = math.sqrt(share * (1 - share) * q + q * q / 4)
    return share, max(0.0, (share + q / 2 - half) / (1 + q)), min(1.0, (share + q / 2 + half) / (1 + q))


def share_of(draws):
    """(share, low, high) of (hits, count) by draw, draws taken for clusters: as share_of of mpad/study/interval.h."""
    draws = [(hits, count) for hits, count in draws if count]
    hits, count = (sum(part) for part in zip(*draws))
    share = hits / count
    if len(draws) == 1:
        return _wilson(share, count, _z)
    if hits in (0, count):
        return _wilson(share, len(draws), _z)
    squares = sum((of_draw - share * pairs) ** 2 for of_draw, pairs in draws)
    between = len(draws) / (len(draws) - 1) * squares / count ** 2
    design_effect = max(1.0, between / (share * (1 - share) / count))
    return _wilson(share, count / design_effect, student(len(draws) - 1))
