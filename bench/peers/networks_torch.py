#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times training steps of LeNet on 28x28 images of noise, or of VGG, ResNet or DenseNet on 32x32, with PyTorch, as
bench_step does mpad's, and prints images/s and peak memory as a line of JSON for each precision and mode, or the error of
one that fails. On a GPU images are there already, tensors are channels_last, cuDNN measures which of its algorithms is the
fastest, and float is float: TF32 is off. Mixed precision is torch.autocast to half with a GradScaler. --mode study is
the study's arrangement: pools of separate tensor operations with the minimal rule, tensors in PyTorch's layout,
mini-batches of a DataLoader without workers or pinned memory, and the loss read at each step."""
import argparse
import contextlib
import itertools
import json
import pathlib
import resource
import statistics
import sys
import time

import torch

from maxpool_torch import SeparatePool
from torch_timing import choose_device, first_line, settings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "peers"))
import torch_networks

DTYPES = {"16": torch.float16, "32": torch.float32, "64": torch.float64, "mixed": torch.float32}  # of parameters
HOST_BATCHES = 8  # of an epoch in the study's arrangement


def grad_scaler():
    return (torch.amp if hasattr(torch.amp, "GradScaler") else torch.cuda.amp).GradScaler()


def batches_from_host(images, labels, batch_size):
    """Mini-batches without end, of one epoch after another."""
    dataset = torch.utils.data.TensorDataset(images, labels)
    loader = torch.utils.data.DataLoader(dataset, batch_size, shuffle=True, num_workers=0, pin_memory=False)
    return itertools.chain.from_iterable(itertools.repeat(loader))


class Training:
    """A network, its optimizer and a batch; `mode` is eager, graph: a CUDA graph of the whole step, in mixed precision
    without the optimizer, whose scaler waits; compile: such a graph of the compiled network; or study."""

    def __init__(self, arguments, device, bits, mode):
        torch.manual_seed(0)
        self.device, dtype = device, DTYPES[bits]
        depth = [arguments.depth] if arguments.network in ("vgg", "resnet") else []
        self.name = "".join([arguments.network, *map(str, depth)]) + ("_bn" if arguments.batch_norm else "")
        pool = {"pool": SeparatePool} if mode == "study" else {}
        model = getattr(torch_networks, arguments.network)(*depth, batch_norm=arguments.batch_norm, **pool)
        model = model.to(device, dtype)
        shape = (1, 28, 28) if arguments.network == "lenet" else (3, 32, 32)
        self.place(arguments.batch_size, shape, torch.float16 if bits == "mixed" else dtype, mode)
        if device == "cuda" and mode != "study":
            model, self.images = (it.to(memory_format=torch.channels_last) for it in (model, self.images))
        self.model = torch.compile(model) if mode == "compile" else model
        self.sgd = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4)
        self.scaler = grad_scaler() if bits == "mixed" else None
        self.step = self.whole if mode == "eager" else self.fed if mode == "study" else self.captured()

    def place(self, batch_size, shape, dtype, mode):
        """A batch on the device, or the study's on the host."""
        count, where = (HOST_BATCHES * batch_size, "cpu") if mode == "study" else (batch_size, self.device)
        images, labels = torch.randn(count, *shape, dtype=dtype, device=where), torch.arange(count, device=where) % 10
        if mode == "study":
            self.batches = batches_from_host(images, labels, batch_size)
        else:
            self.images, self.labels = images, labels

    def loss(self):
        with torch.autocast("cuda", torch.float16) if self.scaler else contextlib.nullcontext():
            return torch.nn.functional.cross_entropy(self.model(self.images), self.labels)

    def gradients(self):
        loss = self.loss()
        self.sgd.zero_grad(set_to_none=True)
        (self.scaler.scale(loss) if self.scaler else loss).backward()
        return loss

    def apply(self):
        if self.scaler:
            self.scaler.step(self.sgd)
            self.scaler.update()
        else:
            self.sgd.step()

    def whole(self):
        loss = self.gradients()
        self.apply()
        return loss

    def fed(self):
        """A step on the next batch from the host, which waits for its loss."""
        self.images, self.labels = (it.to(self.device) for it in next(self.batches))
        return self.whole().item()

    def captured(self):
        """A step of a CUDA graph, behind three that warm up on a stream of their own, as graphs want it."""
        recorded = self.gradients if self.scaler else self.whole
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.whole()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            recorded()

        def replay():
            graph.replay()
            self.apply()

        return replay if self.scaler else graph.replay


def seconds_on_cpu(step, steps):
    step()
    ends = [time.perf_counter()]
    for _ in range(steps):
        step()
        ends.append(time.perf_counter())
    return [end - start for start, end in itertools.pairwise(ends)]


def seconds_on_cuda(step, steps):
    """Between events that are queued with the steps, so that the host may run ahead as it does in a training."""
    for _ in range(10):
        step()
    torch.cuda.synchronize()
    events = [torch.cuda.Event(enable_timing=True) for _ in range(steps + 1)]
    events[0].record()
    for event in events[1:]:
        step()
        event.record()
    torch.cuda.synchronize()
    return [1e-3 * start.elapsed_time(end) for start, end in itertools.pairwise(events)]


def times_of(training, arguments, device):
    """Images per second of the median step, and in which quartiles (ms) the steps lie, if there are several."""
    seconds = (seconds_on_cuda if device == "cuda" else seconds_on_cpu)(training.step, arguments.steps)
    found = {"images_per_second": arguments.batch_size / statistics.median(seconds)}
    if len(seconds) > 1:
        first, _, third = statistics.quantiles(seconds, method="inclusive")
        found |= {"first_quartile": 1e3 * first, "third_quartile": 1e3 * third}
    return found


def timed(arguments, device, bits, mode):
    """What is printed of a precision and a mode."""
    training = Training(arguments, device, bits, mode)
    return {"system": f"PyTorch {torch.__version__}", "network": training.name, "mode": mode, "bits": bits,
            **times_of(training, arguments, device),
            "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "settings": settings(device)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=("lenet", "vgg", "resnet", "densenet"), default="vgg")
    parser.add_argument("--depth", type=int, default=11)
    parser.add_argument("--batch-norm", action="store_true")
    parser.add_argument("--bits", nargs="+", choices=DTYPES, default=["32"], help="16 on a CPU with PyTorch 2, mixed on a GPU only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=4, help="timed, behind those that warm up: 1, or 10 on a GPU")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="cpu")
    parser.add_argument("--mode", nargs="+", choices=("eager", "graph", "compile", "study"), default=["eager"],
                        help="study: its arrangement; on a GPU: a CUDA graph of the whole step, or one of the compiled net")
    arguments = parser.parse_args()
    device = choose_device(arguments.device, "networks_torch")
    if device == "cpu" and not {"eager", "study"}.issuperset(arguments.mode):
        parser.error(f"--mode: expected eager or study on a CPU, got {' '.join(arguments.mode)}")
    if device == "cpu" and "mixed" in arguments.bits:
        parser.error("--bits: expected 16, 32 or 64 on a CPU, got mixed")

    torch.set_num_threads(arguments.threads)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    for bits in arguments.bits:
        for mode in arguments.mode:
            try:
                line = timed(arguments, device, bits, mode)
            except Exception as error:  # of any kind: compilers' and captures' are many
                line = {"bits": bits, "mode": mode, "error": first_line(error)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
