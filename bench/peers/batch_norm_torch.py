#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times PyTorch's batch normalisation in training, alone, with a ReLU and with a sum and a ReLU behind it, on the shapes
of bench_batch_norm, in channels_last, which is mpad's layout; on a GPU also as CUDA graphs."""
import itertools
import sys

import torch

from shapes import CUDA_NORMS, NORMS
from torch_timing import DTYPES, run_peer, sets_for

aten = torch.ops.aten


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


if __name__ == "__main__":
    sys.exit(run_peer("batch_norm_torch", __doc__, subjects, calls_of, "float/vgg1"))
