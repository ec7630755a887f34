#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains the study's LeNet-5 on MNIST with PyTorch on the CPU, and prints images/s and peak memory as JSON."""
import argparse
import gzip
import json
import pathlib
import resource
import time

import numpy
import torch
from torch import nn


def read_idx(path, header):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=header)


def load(directory, split):
    def find(name):
        return next(p for p in (directory / name, directory / (name + ".gz")) if p.exists())

    images = read_idx(find(f"{split}-images-idx3-ubyte"), 16).reshape(-1, 1, 28, 28)
    labels = read_idx(find(f"{split}-labels-idx1-ubyte"), 8)
    return torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(numpy.int64))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the four MNIST files")
    parser.add_argument("--bits", type=int, choices=(32, 64), default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.0353)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    dtype = {32: torch.float32, 64: torch.float64}[arguments.bits]
    train_images, train_labels = load(arguments.data, "train")
    test_images, test_labels = load(arguments.data, "t10k")
    model = lenet().to(dtype)
    steps = arguments.epochs * -(-len(train_images) // arguments.batch_size)
    sgd = torch.optim.SGD(model.parameters(), lr=arguments.lr, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, steps)

    def prepare(images):
        return (images.to(dtype) / 255 - 0.5) / 0.5

    rates = []
    for _ in range(arguments.epochs):
        start = time.perf_counter()
        for index in torch.randperm(len(train_images)).split(arguments.batch_size):
            loss = nn.functional.cross_entropy(model(prepare(train_images[index])), train_labels[index])
            sgd.zero_grad(set_to_none=True)
            loss.backward()
            sgd.step()
            schedule.step()
        rates.append(len(train_images) / (time.perf_counter() - start))
    with torch.no_grad():
        correct = sum((model(prepare(x)).argmax(1) == y).sum().item()
                      for x, y in zip(test_images.split(500), test_labels.split(500)))
    print(json.dumps({
        "system": f"PyTorch {torch.__version__}",
        "threads": arguments.threads,
        "bits": arguments.bits,
        "images_per_second": sorted(rates)[len(rates) // 2],
        "test_accuracy": correct / len(test_images),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


if __name__ == "__main__":
    main()
