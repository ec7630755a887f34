# SPDX-License-Identifier: MIT
"""Histograms of log10 D, classes coloured, with a bar apart for differences that are exactly 0."""
import math

from studies.files import numbers
from studies.plots.style import class_names, colours

bins = 2  # in each decade
zero = 1.2  # decades by which the bar of exact zeros lies before the first decade


def decades_of(rows, taus):
    """Powers of ten around all positive differences of some rows, and around thresholds."""
    values = [*numbers(rows, "difference"), *taus.values()]
    logs = [math.log10(value) for value in values if 0 < value < math.inf]
    return (math.floor(min(logs)), math.floor(max(logs)) + 1) if logs else (-1, 0)


def log_histogram(axis, rows, decades):
    """Shares of rows in percent; a difference that is not finite counts in the last bin."""
    low, high = decades
    last = bins * (high - low)  # bin 0 is that of exact zeros

    def place(value):
        if value == 0:
            return 0
        return min(1 + int(bins * (math.log10(value) - low)), last) if math.isfinite(value) else last

    centres = [low - zero] + [low + (number + 0.5) / bins for number in range(last)]
    below = [0.0] * len(centres)
    for kind, name in class_names.items():
        heights = [0.0] * len(centres)
        for row in rows:
            if row["class"] == kind:
                heights[place(float(row["difference"]))] += 100 / len(rows)
        axis.bar(centres, heights, bottom=below, width=0.92 / bins, color=colours[kind], label=name)
        below = [base + height for base, height in zip(below, heights)]
    ticks = range(low, high + 1, max(1, math.ceil((high - low) / 4)))
    axis.set_xticks([low - zero, *ticks], ["0", *(f"$10^{{{tick}}}$" for tick in ticks)])
    axis.axvspan(low - zero - 0.5, low - zero + 0.5, color="black", alpha=0.05, linewidth=0)
    axis.set(xlim=(low - zero - 0.5, high + 0.3), ylim=(0, 104))


def mark_taus(axis, taus):
    """A vertical line at each positive threshold, each rule in a style of its own."""
    for rule, tau in taus.items():
        if 0 < tau < math.inf:
            colour, style = _tau_styles.setdefault(rule, _free_styles[len(_tau_styles) % len(_free_styles)])
            axis.axvline(math.log10(tau), color=colour, linestyle=style, linewidth=1.3, label=f"tau: {rule}")


_free_styles = (("black", "--"), ("#0072b2", "-."), ("#009e73", ":"), ("#cc79a7", "--"))
_tau_styles = {}
