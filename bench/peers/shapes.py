# SPDX-License-Identifier: MIT
"""What kernels are timed on, of bench/shapes.def, in PyTorch's layout; and how much work that is."""
import pathlib
import re

_text = (pathlib.Path(__file__).resolve().parents[1] / "shapes.def").read_text(encoding="utf-8")
_lines = [(kind, *(int(word) if word.isdigit() else word for word in words.split(", ")))
          for kind, words in re.findall(r"^(\w+)\((.*)\)$", _text, re.MULTILINE)]


def _activations(where, *kinds):
    found = (line[1:] for line in _lines if line[0] in kinds)
    return {name: ((n, c, size, size), *window) for there, name, n, size, c, *window in found if there == where}


def _without_windows(pools):
    return {name: shape for name, (shape, *_) in pools.items()}


POOLS, CUDA_POOLS = (_activations(where, "ACTIVATION", "POOL") for where in ("each", "cuda"))
"""Name to ((n, c, h, w), kernel, stride, pad)."""

NORMS, CUDA_NORMS = (_without_windows(_activations(where, "ACTIVATION")) for where in ("each", "cuda"))
"""Name to (n, c, h, w)."""

LAYERS_BATCH = 128
LAYERS = {name: (size, channels, filters, tuple(window))
          for kind, name, size, channels, filters, *window in _lines if kind == "LAYER"}
"""Name to height and width, channels in and out, (kernel, stride, pad)."""


def work_of(layer):
    """Operations of each pass of a layer, a sum's term being two, and elements of its input, weights and output, all of
    which a pass reads or writes."""
    size, channels, filters, (kernel, stride, pad) = LAYERS[layer]
    out = (size + 2 * pad - kernel) // stride + 1
    weights, outputs = filters * kernel * kernel * channels, LAYERS_BATCH * out * out * filters
    return 2 * outputs * kernel * kernel * channels, LAYERS_BATCH * size * size * channels + weights + outputs
