#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times PyTorch's max pooling, and the study's separate tensor operations, on the shapes of bench_maxpool."""

import argparse
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as functional

CASES = {  # name: (n, c, h, w), kernel, stride, pad: bench/maxpool.cpp in PyTorch's layout
    "vgg1": ((128, 64, 32, 32), 2, 2, 0),
    "vgg2": ((128, 128, 16, 16), 2, 2, 0),
    "vgg3": ((128, 256, 8, 8), 2, 2, 0),
    "vgg4": ((128, 512, 4, 4), 2, 2, 0),
    "vgg5": ((128, 512, 2, 2), 2, 2, 0),
    "stem": ((64, 64, 112, 112), 3, 2, 1),
    "large": ((64, 64, 128, 128), 2, 2, 0),
}
DTYPES = {"float": torch.float32, "half": torch.float16, "double": torch.float64}


def make_input(shape, dtype, ties, device):
    """Uniform in [-1, 1), or over three levels, which makes ties in about half of the 2x2 windows."""
    generator = torch.Generator().manual_seed(1)
    u = torch.rand(shape, generator=generator)
    return (torch.floor(3 * u) if ties else 2 * u - 1).to(dtype).to(device)


def median_seconds(call, device, seconds):
    """Median time of one call after a warm-up, over at least five samples and `seconds`.

    On CUDA a sample is the mean of twenty calls between two events, as in bench_maxpool.
    """

    def once_on_cuda():
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(20):
            call()
        end.record()
        end.synchronize()
        return 1e-3 * start.elapsed_time(end) / 20

    def once_on_cpu():
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    once = once_on_cuda if device == "cuda" else once_on_cpu

    once()
    times = []
    while len(times) < 5 or sum(times) < seconds:
        times.append(once())
    return statistics.median(times)


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


def calls_of(case, dtype, ties, device):
    """Pairs of a name, as bench_maxpool's with the variant at the end, and what to time."""
    shape, kernel, stride, pad = CASES[case]
    x = make_input(shape, DTYPES[dtype], ties, device)
    y, index = functional.max_pool2d(x, kernel, stride, pad, return_indices=True)
    grad_y, grad_x = torch.ones_like(y), torch.empty_like(x)
    arguments = (grad_y, x, (kernel, kernel), (stride, stride), (pad, pad), (1, 1), False, index)
    backward = torch.ops.aten.max_pool2d_with_indices_backward
    what = f"{dtype}/{case}/ties:{ties}"
    yield f"maxpool_forward/{what}/torch", lambda: functional.max_pool2d(x, kernel, stride, pad)
    yield f"maxpool_backward/native/{what}/torch", lambda: backward(*arguments)
    yield f"maxpool_backward/native/{what}/torch_preallocated", lambda: backward.grad_input(
        *arguments, grad_input=grad_x
    )
    if stride != kernel or pad:
        return
    mask = separate_forward(x, kernel)[1]
    yield f"maxpool_forward/{what}/separate", lambda: separate_forward(x, kernel)
    for rule, beta in (("native", 0.0), ("minimal", 1.0), ("beta:0.5", 0.5)):
        yield (
            f"maxpool_backward/{rule}/{what}/separate",
            lambda beta=beta: separate_backward(mask, grad_y, beta, kernel),
        )


def run(arguments, device):
    """One record for each call that this PyTorch supports."""
    records = []
    cases = ["vgg1"] if arguments.quick else list(CASES)
    dtypes = ["float"] if arguments.quick else list(DTYPES)
    for case in cases:
        for dtype in dtypes:
            for ties in (0,) if arguments.quick else (0, 50):
                try:
                    for name, call in calls_of(case, dtype, ties, device):
                        seconds = median_seconds(call, device, 0.05)
                        records.append({"name": name, "real_time": 1e6 * seconds, "time_unit": "us"})
                        print(f"{name:64} {1e6 * seconds:12.1f} us")
                except RuntimeError as error:  # PyTorch 1.13 has no half pooling on the CPU
                    print(f"{dtype}/{case}: skipped: {str(error).splitlines()[0]}")
    return records


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--out", help="write the results to this JSON file")
    parser.add_argument("--quick", action="store_true", help="VGG's first pool in float only")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    context = {"torch": torch.__version__, "threads": torch.get_num_threads(), "device": device}
    print(", ".join(f"{key} {value}" for key, value in context.items()))
    with torch.no_grad():
        records = run(arguments, device)
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump({"context": context, "benchmarks": records}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
