#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains LeNet on 28x28 images of noise, or VGG or ResNet on 32x32, with PyTorch on the CPU, and prints images/s and peak
memory as JSON."""
import argparse
import json
import pathlib
import resource
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "peers"))
import torch_networks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=("lenet", "vgg", "resnet"), default="vgg")
    parser.add_argument("--depth", type=int, default=11)
    parser.add_argument("--batch-norm", action="store_true")
    parser.add_argument("--bits", type=int, choices=(32, 64), default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=4, help="timed, behind one that is not")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    dtype = {32: torch.float32, 64: torch.float64}[arguments.bits]
    depth = [] if arguments.network == "lenet" else [arguments.depth]
    model = getattr(torch_networks, arguments.network)(*depth, batch_norm=arguments.batch_norm).to(dtype)
    sgd = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4)
    shape = (1, 28, 28) if arguments.network == "lenet" else (3, 32, 32)
    images = torch.randn(arguments.batch_size, *shape, dtype=dtype)
    labels = torch.arange(arguments.batch_size) % 10
    for step in range(arguments.steps + 1):
        if step == 1:
            start = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        sgd.zero_grad(set_to_none=True)
        loss.backward()
        sgd.step()
    seconds = time.perf_counter() - start
    print(json.dumps({
        "system": f"PyTorch {torch.__version__}",
        "network": "".join([arguments.network, *map(str, depth)]),
        "threads": arguments.threads,
        "bits": arguments.bits,
        "images_per_second": arguments.steps * arguments.batch_size / seconds,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


if __name__ == "__main__":
    main()
