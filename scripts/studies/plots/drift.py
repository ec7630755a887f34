# SPDX-License-Identifier: MIT
"""Distance to the first replica and accuracy, by epoch."""
import math

from studies import text
from studies.files import by_bits, group, subject
from studies.plots.style import grid, legend_below
from studies.tables import drift


def _line(axis, epochs, column, scale, **options):
    """One replica's values; a replica that collapsed, or whose value is not finite, ends in a cross."""
    values = [(int(row["epoch"]) + 1, scale * float(row[column])) for row in epochs]
    finite = [(epoch, value) for epoch, value in values if math.isfinite(value)]
    axis.plot([epoch for epoch, _ in finite], [value for _, value in finite], marker="o", markersize=3, **options)
    if epochs[-1]["collapsed"] or len(finite) < len(values):
        place = finite[-1] if len(finite) == len(values) else (values[len(finite)][0], 0.97)
        transform = axis.transData if len(finite) == len(values) else axis.get_xaxis_transform()
        axis.plot(*([part] for part in place), "x", color=options["color"], markersize=9, markeredgewidth=2,
                  clip_on=False, transform=transform)


def figures(results):
    for found in group(drift.rows(results), *subject).values():
        present = by_bits(found)
        figure, axes = grid(2, len(present), f"{text.setting(found[0])}: drift from the same weights and mini-batches "
                            "(x: collapsed)", height=2.6, sharex=True)
        for column, (bits, cells) in enumerate(present.items()):
            distance, accuracy = axes[0][column], axes[1][column]
            positive = [float(row["distance"]) for row in cells if 0 < float(row["distance"]) < math.inf]
            for number, (name, epochs) in enumerate(drift.replicas(cells).items()):
                colour, again = f"C{number}", name.endswith("(again)")
                style = {"color": "black" if again else colour, "linestyle": ":" if again else "-", "label": name}
                if epochs[0]["replica"] != "0":
                    _line(distance, epochs, "distance", 1, **style)
                _line(accuracy, epochs, "test_accuracy", 100, **style)
            distance.set_yscale("symlog", linthresh=min(positive, default=1) / 2)
            distance.set(title=text.bits(bits))
            accuracy.set(xlabel="epoch")
            accuracy.xaxis.get_major_locator().set_params(integer=True)
        axes[0][0].set(ylabel="L1 distance to the first")
        axes[1][0].set(ylabel="test accuracy (%)")
        legend_below(figure, axes[::-1])
        yield f"drift-{text.file_name(found[0])}", figure
