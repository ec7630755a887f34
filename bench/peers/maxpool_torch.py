#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times PyTorch's max pooling, alone and behind a ReLU, and the study's separate tensor operations, on the shapes of
bench_maxpool. On CUDA also with channels_last tensors, with torch.compile and as CUDA graphs; times there are between
events around a round of calls on buffers that together exceed four times the L2 cache, as in bench_maxpool."""

import itertools
import sys

import torch
import torch.nn.functional as functional

from shapes import CUDA_POOLS, POOLS
from torch_timing import DTYPES, compiled, run_peer, sets_for, training_calls

aten = torch.ops.aten
FIRST_AT_MOST = 1 << 27  # elements: finding the first maximum of more takes seconds a call


def make_input(shape, dtype, ties, device):
    """Uniform in [-1, 1), or over -1, 0 and 1, which makes ties in about half of the 2x2 windows."""
    generator = torch.Generator(device).manual_seed(1)
    u = torch.rand(shape, generator=generator, device=device)
    return (torch.floor(3 * u) - 1 if ties else 2 * u - 1).to(dtype)


class Pool:
    """PyTorch's operations for one window. `x` is the pool's input, `r` a ReLU's output."""

    def __init__(self, kernel, stride, pad):
        self.window = ((kernel, kernel), (stride, stride), (pad, pad), (1, 1), False)

    def forward(self, x):
        return aten.max_pool2d_with_indices(x, *self.window)

    def backward(self, grad_y, x, index):
        return aten.max_pool2d_with_indices_backward(grad_y, x, *self.window, index)

    def preallocated(self, grad_y, x, index, grad_x):
        return aten.max_pool2d_with_indices_backward.grad_input(grad_y, x, *self.window, index, grad_input=grad_x)

    def relu_forward(self, x):
        return self.forward(functional.relu(x))

    def relu_backward(self, grad_y, r, index):
        return aten.threshold_backward(self.backward(grad_y, r, index), r, 0)

    def pooled(self, x):
        return functional.max_pool2d(x, *self.window)

    def relu_pooled(self, x):
        return self.pooled(functional.relu(x))


def windows_of(x, kernel):
    """n,c,h,w to n,c,oh,ow,taps for windows that touch and do not overlap."""
    n, c, h, w = x.shape
    split = x.reshape(n, c, h // kernel, kernel, w // kernel, kernel)
    return split.permute(0, 1, 2, 4, 3, 5).reshape(n, c, h // kernel, w // kernel, kernel * kernel)


def separate_forward(x, kernel):
    """Maximum and boolean tie mask, one tensor operation after another."""
    taps = windows_of(x, kernel)
    y = taps.amax(-1)
    return y, taps == y.unsqueeze(-1)


def separate_backward(mask, grad_y, beta, kernel):
    """beta * minimal + (1 - beta) * native, one tensor operation after another."""
    g = grad_y.unsqueeze(-1)
    grad = 0
    if beta != 0:
        grad = grad + beta * (mask * g / mask.sum(-1, keepdim=True))
    if beta != 1:
        first = mask & (mask.cumsum(-1) == 1)
        grad = grad + (1 - beta) * (first * g)
    n, c, oh, ow, _ = grad.shape
    split = grad.reshape(n, c, oh, ow, kernel, kernel)
    return split.permute(0, 1, 2, 4, 3, 5).reshape(n, c, oh * kernel, ow * kernel)


class Separate(torch.autograd.Function):
    """The study's operations with the minimal rule."""

    @staticmethod
    def forward(context, x, kernel):
        y, mask = separate_forward(x, kernel)
        context.save_for_backward(mask)
        context.kernel = kernel
        return y

    @staticmethod
    def backward(context, grad_y):
        return separate_backward(*context.saved_tensors, grad_y, 1.0, context.kernel), None


class SeparatePool(torch.nn.Module):
    """A network's pool of the study's operations; windows touch and do not overlap."""

    def __init__(self, kernel):
        super().__init__()
        self.kernel = kernel

    def forward(self, x):
        return Separate.apply(x, self.kernel)


def pool_calls(pool, sets, what, variant):
    """Name, call and sets of arguments for PyTorch's own operations."""
    outputs = [(x, *pool.forward(x)) for (x,) in sets]
    gradients = [(torch.randn_like(y), x, index) for x, y, index in outputs]
    yield f"maxpool_forward/{what}/{variant}", pool.forward, sets
    yield f"maxpool_backward/native/{what}/{variant}", pool.backward, gradients
    allocated = [(*arguments, torch.empty_like(arguments[1])) for arguments in gradients]
    yield f"maxpool_backward/native/{what}/{variant}_preallocated", pool.preallocated, allocated
    rectified = [functional.relu(x) for (x,) in sets]
    pairs = [(torch.randn_like(y), r, index) for r, (y, index) in ((r, pool.forward(r)) for r in rectified)]
    yield f"relu_maxpool_forward/{what}/{variant}", pool.relu_forward, sets
    yield f"relu_maxpool_backward/native/{what}/{variant}", pool.relu_backward, pairs


def compiled_calls(pool, sets, what):
    """The same compiled, by autograd: indices are what the compiler makes of them."""
    for prefix, function in (("", pool.pooled), ("relu_", pool.relu_pooled)):
        yield from training_calls(f"{prefix}maxpool_forward/{what}/torch_compile",
                                  f"{prefix}maxpool_backward/native/{what}/torch_compile", compiled(function), sets)


def separate_calls(sets, what, kernel):
    """The same for the study's operations."""
    yield f"maxpool_forward/{what}/separate", lambda x: separate_forward(x, kernel), sets
    masks = [(mask, torch.randn_like(y)) for y, mask in (separate_forward(x, kernel) for (x,) in sets)]
    first = (("native", 0.0), ("beta:0.5", 0.5)) if sets[0][0].numel() <= FIRST_AT_MOST else ()
    for rule, beta in (("minimal", 1.0), *first):
        call = lambda mask, grad_y, beta=beta: separate_backward(mask, grad_y, beta, kernel)  # noqa: E731
        yield f"maxpool_backward/{rule}/{what}/separate", call, masks


def subjects(device):
    """All inputs: what --filter matches, and (name, shape and window, dtype, per cent of ties)."""
    cases = POOLS | (CUDA_POOLS if device == "cuda" else {})
    for case, dtype, ties in itertools.product(cases, DTYPES, (0, 50)):
        yield f"{dtype}/{case}/ties:{ties}", (case, cases[case], dtype, ties)


def calls_of(subject, device):
    """Everything to time for one input."""
    case, (shape, kernel, stride, pad), dtype, ties = subject
    x = make_input(shape, DTYPES[dtype], ties, device)
    sets = [(x.clone(),) for _ in range(sets_for(device, x.numel() * x.element_size()))]
    pool, what = Pool(kernel, stride, pad), f"{dtype}/{case}/ties:{ties}"
    yield from pool_calls(pool, sets, what, "torch")
    if stride == kernel and not pad:
        yield from separate_calls(sets, what, kernel)
    if device == "cuda":
        channels_last = [(x.contiguous(memory_format=torch.channels_last),) for (x,) in sets]
        yield from pool_calls(pool, channels_last, what, "torch_channels_last")
        if hasattr(torch, "compile"):
            yield from compiled_calls(pool, channels_last, what)


if __name__ == "__main__":
    sys.exit(run_peer("maxpool_torch", __doc__, subjects, calls_of, "float/vgg1/ties:0"))
