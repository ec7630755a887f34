# SPDX-License-Identifier: MIT
"""How all figures look. Imported first of what uses matplotlib; scripts/install-dependencies plot installs it."""
from common import fail, restart_with

restart_with("matplotlib")
try:
    import matplotlib
except ImportError:
    fail("expected matplotlib (scripts/install-dependencies plot), got none")
matplotlib.use("Agg")
import matplotlib.pyplot as plt

matplotlib.rcParams.update({"svg.hashsalt": "mpad", "axes.grid": True, "grid.alpha": 0.3,
                            "axes.axisbelow": True, "legend.frameon": False, "axes.spines.top": False,
                            "axes.spines.right": False, "figure.titlesize": 12, "axes.titlesize": 10})
# Of precisions and classes: dark enough for print, and apart for who sees red and green alike.
colours = {"16": "#d55e00", "mixed": "#cc79a7", "32": "#0072b2", "64": "#009e73",
           "none": "#aaaaaa", "compensation": "#56b4e9", "bifurcation": "#b2182b", "nonfinite": "#222222"}
class_names = {"none": "no difference", "compensation": "compensation", "bifurcation": "bifurcation",
               "nonfinite": "not finite"}


def grid(rows, columns, title, width=3.4, height=3.0, **options):
    """A figure with a title and its axes, always as a list of rows."""
    figure, axes = plt.subplots(rows, columns, squeeze=False, constrained_layout=True,
                                figsize=(max(width * columns, 5.2), height * rows + 0.3), **options)
    figure.suptitle(title)
    return figure, axes


def legend_below(figure, axes):
    """One legend below all axes, of the labels that they have."""
    named = {}
    for axis in (axis for line in axes for axis in line):
        for handle, label in zip(*axis.get_legend_handles_labels()):
            named.setdefault(label, handle)
    if named:
        figure.legend(named.values(), named, loc="upper center", bbox_to_anchor=(0.5, 0), ncol=min(len(named), 4))


def percent_axis(axis, label):
    axis.set(ylabel=label, ylim=(-4, 104))


def error_bars(axis, xs, shares, label, colour, **options):
    """Shares (middle, low, high) in percent at some places, with their intervals."""
    middle = [100 * share[0] for share in shares]
    below = [100 * (share[0] - share[1]) for share in shares]
    above = [100 * (share[2] - share[0]) for share in shares]
    axis.errorbar(xs, middle, yerr=(below, above), label=label, color=colour, capsize=3, marker="o", markersize=4,
                  clip_on=False, **options)


def write(figure, path):
    """Writes one file, in the format of its name; the same figure gives the same bytes."""
    metadata = {"svg": {"Date": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}
    try:
        figure.savefig(path, metadata=metadata.get(str(path).rpartition(".")[2]), bbox_inches="tight", dpi=110)
    except OSError as error:
        fail(f"{path}: expected a file that can be written, got {error.strerror}")


def save(figure, path, kinds=("svg", "png")):
    """Writes path.svg and path.png, or one of them, and closes the figure."""
    for kind in kinds:
        write(figure, f"{path}.{kind}")
    plt.close(figure)
