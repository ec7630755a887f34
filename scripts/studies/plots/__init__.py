# SPDX-License-Identifier: MIT
"""Every figure that a folder of results gives, in the order of the study."""
from studies.plots import compensation, drift, sweep, thresholds, ties, zones
from studies.plots.style import save

sections = {"compensation": (compensation,), "zones": (zones, ties), "thresholds": (thresholds,), "drift": (drift,),
            "sweep": (sweep,)}


def draw(results):
    """Draws all figures into the folder "figures" of the results: their paths, without an ending, by section."""
    folder = results.folder / "figures"
    folder.mkdir(exist_ok=True)
    drawn = {}
    for section, modules in sections.items():
        for name, figure in (found for module in modules for found in module.figures(results)):
            save(figure, folder / name)
            drawn.setdefault(section, []).append(folder / name)
    return drawn
