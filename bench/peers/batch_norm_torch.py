#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times PyTorch's batch normalisation in training, alone, with a ReLU and with a sum and a ReLU behind it, on the shapes
of bench_batch_norm, in channels_last, which is mpad's layout; on a GPU also as CUDA graphs, and the larger shapes with
torch.compile."""
import itertools
import math
import sys

import torch
import torch.nn.functional as functional

from shapes import CUDA_NORMS, NORMS
from torch_timing import DTYPES, compiled, run_peer, sets_for, training_calls

aten = torch.ops.aten
COMPILED_FROM = 1 << 23  # elements: compiling takes seconds, and calls of smaller shapes are the host's time


def subjects(device):
    cases = NORMS | (CUDA_NORMS if device == "cuda" else {})
    for case, dtype in itertools.product(cases, DTYPES):
        yield f"{dtype}/{case}", (case, cases[case], dtype)


class Layer:
    """A normalisation of so many channels: PyTorch's choice among its implementations, as in BatchNorm2d."""

    def __init__(self, channels, dtype, device):
        self.weight, self.bias = (torch.rand(channels, device=device).to(dtype) for _ in range(2))
        self.running = torch.zeros_like(self.bias), torch.ones_like(self.bias)

    def forward(self, x):
        return aten._batch_norm_impl_index(x, self.weight, self.bias, *self.running, True, 0.1, 1e-5, True)

    def backward(self, x, grad_y, mean, inv_std, reserve, index):
        return aten._batch_norm_impl_index_backward(index, x, grad_y, self.weight, *self.running, mean, inv_std, True,
                                                    1e-5, [True, True, True], reserve)

    def relu(self, x, weight, bias):
        return torch.relu(functional.batch_norm(x, *self.running, weight, bias, True, 0.1, 1e-5))

    def add_relu(self, x, weight, bias, other):
        return torch.relu(functional.batch_norm(x, *self.running, weight, bias, True, 0.1, 1e-5) + other)


def compiled_calls(layer, sets, what):
    """What a ReLU follows, compiled, by autograd."""
    normalised = [(x, layer.weight, layer.bias) for x, _ in sets]
    added = [(x, layer.weight, layer.bias, other) for x, other in sets]
    for name, function, arguments in (("relu", layer.relu, normalised), ("add_relu", layer.add_relu, added)):
        yield from training_calls(f"batch_norm_{name}_forward/{what}/torch_compile",
                                  f"batch_norm_{name}_backward/{what}/torch_compile", compiled(function), arguments)


def calls_of(subject, device):
    case, shape, dtype = subject
    x = (2 * torch.rand(shape, device=device) - 1).to(DTYPES[dtype]).contiguous(memory_format=torch.channels_last)
    layer, what = Layer(shape[1], DTYPES[dtype], device), f"{dtype}/{case}"
    sets = [(x.clone(), torch.randn_like(x)) for _ in range(sets_for(device, 2 * x.numel() * x.element_size()))]
    y, *saved = layer.forward(x)

    def relu_backward(x, grad_y):
        return layer.backward(x, aten.threshold_backward(grad_y, y, 0), *saved)

    yield f"batch_norm_forward/{what}/torch", lambda x, _: layer.forward(x), sets
    yield f"batch_norm_backward/{what}/torch", lambda x, grad_y: layer.backward(x, grad_y, *saved), sets
    yield f"batch_norm_relu_forward/{what}/torch", lambda x, _: torch.relu(layer.forward(x)[0]), sets
    yield f"batch_norm_relu_backward/{what}/torch", relu_backward, sets
    # Any tensor is as good an addend. Its gradient is what ReLU's backward makes in either case.
    yield f"batch_norm_add_relu_forward/{what}/torch", lambda x, other: torch.relu(layer.forward(x)[0] + other), sets
    yield f"batch_norm_add_relu_backward/{what}/torch", relu_backward, sets
    if device == "cuda" and hasattr(torch, "compile") and math.prod(shape) >= COMPILED_FROM:
        yield from compiled_calls(layer, sets, what)


if __name__ == "__main__":
    sys.exit(run_peer("batch_norm_torch", __doc__, subjects, calls_of, "float/vgg1"))
