#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times PyTorch's max pooling, alone and behind a ReLU, and the study's separate tensor operations, on the shapes of
bench_maxpool. On CUDA also with channels_last tensors and with torch.compile; times there are between events around a
round of calls on buffers that together exceed four times the L2 cache, as in bench_maxpool."""

import argparse
import itertools
import json
import re
import statistics
import sys
import time

import torch
import torch.nn.functional as functional

aten = torch.ops.aten
CASES = {  # name: (n, c, h, w), kernel, stride, pad: bench/maxpool.cpp in PyTorch's layout
    "vgg1": ((128, 64, 32, 32), 2, 2, 0),
    "vgg2": ((128, 128, 16, 16), 2, 2, 0),
    "vgg3": ((128, 256, 8, 8), 2, 2, 0),
    "vgg4": ((128, 512, 4, 4), 2, 2, 0),
    "vgg5": ((128, 512, 2, 2), 2, 2, 0),
    "stem": ((64, 64, 112, 112), 3, 2, 1),
    "large": ((64, 64, 128, 128), 2, 2, 0),
}
CUDA_CASES = {"vgg224": ((128, 64, 224, 224), 2, 2, 0), "stem256": ((256, 64, 112, 112), 3, 2, 1)}
DTYPES = {"float": torch.float32, "half": torch.float16, "double": torch.float64}


def make_input(shape, dtype, ties, device):
    """Uniform in [-1, 1), or over -1, 0 and 1, which makes ties in about half of the 2x2 windows."""
    generator = torch.Generator(device).manual_seed(1)
    u = torch.rand(shape, generator=generator, device=device)
    return (torch.floor(3 * u) - 1 if ties else 2 * u - 1).to(dtype)


def sets_for(device, size):
    """How many sets of buffers of this many bytes a round goes through."""
    if device == "cpu":
        return 1
    cache = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 64 << 20)
    return 4 * cache // size + 1


def median_seconds(call, sets, device, seconds):
    """Median over rounds of the mean time of call(*set): after one to warm up, five rounds or more, and `seconds`."""
    calls = list(itertools.islice(itertools.cycle(sets), len(sets) if device == "cpu" else max(len(sets), 8)))

    def cuda_round():
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for arguments in calls:
            call(*arguments)
        end.record()
        end.synchronize()
        return 1e-3 * start.elapsed_time(end)

    def cpu_round():
        start = time.perf_counter()
        for arguments in calls:
            call(*arguments)
        return time.perf_counter() - start

    one_round = cpu_round if device == "cpu" else cuda_round
    one_round()
    times = []
    while len(times) < 5 or sum(times) < seconds:
        times.append(one_round())
    return statistics.median(times) / len(calls)


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


def pool_calls(pool, sets, what, variant, transform):
    """Name, call and sets of arguments for PyTorch's own operations; `transform` compiles them or does nothing."""
    outputs = [(x, *pool.forward(x)) for (x,) in sets]
    gradients = [(torch.ones_like(y), x, index) for x, y, index in outputs]
    yield f"maxpool_forward/{what}/{variant}", transform(pool.forward), sets
    yield f"maxpool_backward/native/{what}/{variant}", transform(pool.backward), gradients
    if transform is eager:
        allocated = [(*arguments, torch.empty_like(arguments[1])) for arguments in gradients]
        yield f"maxpool_backward/native/{what}/{variant}_preallocated", pool.preallocated, allocated
    rectified = [functional.relu(x) for (x,) in sets]
    pairs = [(torch.ones_like(y), r, index) for r, (y, index) in ((r, pool.forward(r)) for r in rectified)]
    yield f"relu_maxpool_forward/{what}/{variant}", transform(pool.relu_forward), sets
    yield f"relu_maxpool_backward/native/{what}/{variant}", transform(pool.relu_backward), pairs


def separate_calls(sets, what, kernel):
    """The same for the study's operations."""
    yield f"maxpool_forward/{what}/separate", lambda x: separate_forward(x, kernel), sets
    masks = [(mask, torch.ones_like(y)) for y, mask in (separate_forward(x, kernel) for (x,) in sets)]
    for rule, beta in (("native", 0.0), ("minimal", 1.0), ("beta:0.5", 0.5)):
        call = lambda mask, grad_y, beta=beta: separate_backward(mask, grad_y, beta, kernel)  # noqa: E731
        yield f"maxpool_backward/{rule}/{what}/separate", call, masks


def eager(function):
    return function


def compiled(function):
    torch._dynamo.reset()  # or it falls back to eager after a number of shapes
    return torch.compile(function, dynamic=False)


def calls_of(case, dtype, ties, device):
    """Everything to time for one input."""
    shape, kernel, stride, pad = case[1]
    x = make_input(shape, DTYPES[dtype], ties, device)
    sets = [(x.clone(),) for _ in range(sets_for(device, x.numel() * x.element_size()))]
    pool, what = Pool(kernel, stride, pad), f"{dtype}/{case[0]}/ties:{ties}"
    yield from pool_calls(pool, sets, what, "torch", eager)
    if stride == kernel and not pad:
        yield from separate_calls(sets, what, kernel)
    if device == "cuda":
        channels_last = [(x.contiguous(memory_format=torch.channels_last),) for (x,) in sets]
        yield from pool_calls(pool, channels_last, what, "torch_channels_last", eager)
        if hasattr(torch, "compile"):
            yield from pool_calls(pool, channels_last, what, "torch_compile", compiled)


def run(arguments, device):
    """One record for each call that this PyTorch supports."""
    records = []
    cases = CASES | (CUDA_CASES if device == "cuda" else {})
    for case, dtype, ties in itertools.product(cases, DTYPES, (0, 50)):
        if not arguments.filter.search(f"{dtype}/{case}/ties:{ties}"):
            continue
        try:
            for name, call, sets in calls_of((case, cases[case]), dtype, ties, device):
                seconds = median_seconds(call, sets, device, 0.05)
                records.append({"name": name, "real_time": 1e6 * seconds, "time_unit": "us"})
                print(f"{name:72} {1e6 * seconds:12.1f} us", flush=True)
        except RuntimeError as error:  # PyTorch 1.13 has no half pooling on the CPU; memory may not suffice
            print(f"{dtype}/{case}: skipped: {str(error).splitlines()[0]}")
    return records


def settings(device):
    """What the times depend on."""
    context = {
        "torch": torch.__version__,
        "device": device,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
    if device == "cuda":
        context |= {
            "gpu": torch.cuda.get_device_name(0),
            "capability": ".".join(map(str, torch.cuda.get_device_capability(0))),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
            "tf32_cudnn": torch.backends.cudnn.allow_tf32,
        }
    return context


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--out", help="write the results to this JSON file")
    parser.add_argument("--filter", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help="only what matches, of the form float/vgg1/ties:0 (default: all)")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("maxpool_torch: --device: expected cpu (this PyTorch finds no GPU), got cuda")
    context = settings(device)
    print(", ".join(f"{key} {value}" for key, value in context.items()))
    with torch.no_grad():
        records = run(arguments, device)
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump({"context": context, "benchmarks": records}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
