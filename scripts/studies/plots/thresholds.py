# SPDX-License-Identifier: MIT
"""Distributions of D by program pair and precision, with the thresholds."""
from studies import text
from studies.files import by_bits, group, subject
from studies.plots.style import grid, legend_below
from studies.plots.histogram import decades_of, log_histogram, mark_taus
from studies.tables.thresholds import differences


def figures(results):
    by_rule = by_bits(results.rows("thresholds", "thresholds", "bits", "rule", "tau"))
    taus = {bits: {row["rule"]: float(row["tau"]) for row in rows if row["tau"]} for bits, rows in by_rule.items()}
    for found in group(differences(results), *subject).values():
        present, pairs = by_bits(found), [pair for pair, in group(found, "pair")]
        title = f"{text.setting(found[0])}: differences D by pair of programs"
        figure, axes = grid(len(pairs), len(present), title, height=1.9)
        for line, pair in zip(axes, pairs):
            for axis, (bits, cells) in zip(line, present.items()):
                marks = taus.get(bits, {})
                log_histogram(axis, [row for row in cells if row["pair"] == pair], decades_of(cells, marks))
                mark_taus(axis, marks)
            line[0].set(ylabel=f"{pair}\nmini-batches (%)")
        for axis, bits in zip(axes[0], present):
            axis.set(title=text.bits(bits))
        for axis in axes[-1]:
            axis.set(xlabel="D")
        legend_below(figure, axes)
        yield f"thresholds-{text.file_name(found[0])}", figure
