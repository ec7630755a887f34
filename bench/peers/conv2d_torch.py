#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times PyTorch's convolutions, on a GPU those of cuDNN, on the layers of bench_conv2d at batch 128: forward and both
gradients, on a GPU also as CUDA graphs. channels_last is mpad's layout; cuDNN measures which of its algorithms is the
fastest, and float is float: TF32 is off."""
import itertools
import sys

import torch

from shapes import LAYERS, LAYERS_BATCH
from torch_timing import DTYPES, run_peer, sets_for

aten = torch.ops.aten


def subjects(_):
    for layer, dtype in itertools.product(LAYERS, DTYPES):
        yield f"{dtype}/{layer}", (layer, dtype)


def calls_of(subject, device):
    layer, dtype = subject
    size, channels, filters, (kernel, stride, pad) = LAYERS[layer]
    window = ([stride] * 2, [pad] * 2, [1] * 2, False, [0] * 2, 1)

    def random(*shape):
        values = (2 * torch.rand(shape, device=device) - 1).to(DTYPES[dtype])
        return values.contiguous(memory_format=torch.channels_last)

    def forward(x, weight, _):
        return aten.convolution(x, weight, None, *window)

    def backward(x, weight, grad_y, mask):
        return aten.convolution_backward(grad_y, x, weight, None, *window, mask)

    x, weight = random(LAYERS_BATCH, channels, size, size), random(filters, channels, kernel, kernel)
    first = (x, weight, random(*forward(x, weight, None).shape))
    count = sets_for(device, sum(tensor.numel() * tensor.element_size() for tensor in first))
    sets = [first] + [tuple(tensor.clone() for tensor in first) for _ in range(count - 1)]
    yield f"conv2d_forward/{dtype}/{layer}/torch", forward, sets
    for name, mask in (("data", [True, False, False]), ("weight", [False, True, False])):
        yield (f"conv2d_backward_{name}/{dtype}/{layer}/torch", lambda *tensors, mask=mask: backward(*tensors, mask),
               sets)


if __name__ == "__main__":
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    sys.exit(run_peer("conv2d_torch", __doc__, subjects, calls_of, "float/vgg1"))
