# SPDX-License-Identifier: MIT
"""The networks in PyTorch. `pool` makes a 2x2 pool (or another window), `norm` a normalisation or the identity."""
import collections

import torch
from torch import nn


def lenet(batch_norm=False, pool=nn.MaxPool2d):
    def norm(kind, channels):
        return [kind(channels)] if batch_norm else []

    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), pool(2), *norm(nn.BatchNorm2d, 6),
        nn.Conv2d(6, 16, 5), nn.ReLU(), pool(2), *norm(nn.BatchNorm2d, 16),
        nn.Flatten(), nn.Linear(256, 120), nn.ReLU(), *norm(nn.BatchNorm1d, 120),
        nn.Linear(120, 84), nn.ReLU(), *norm(nn.BatchNorm1d, 84), nn.Linear(84, 10))


def vgg(depth=11, batch_norm=False, pool=nn.MaxPool2d, classes=10):
    convolutions = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}[depth]
    layers, channels = [], 3
    for width, count in zip((64, 128, 256, 512, 512), convolutions):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), *([nn.BatchNorm2d(width)] if batch_norm else []), nn.ReLU()]
            channels = width
        layers.append(pool(2))
    return nn.Sequential(collections.OrderedDict(
        features=nn.Sequential(*layers), flatten=nn.Flatten(), classifier=nn.Linear(512, classes)))


class Residual(nn.Module):
    """A basic block or a bottleneck, with torchvision's names."""

    def __init__(self, channels, width, stride, bottleneck, norm):
        super().__init__()
        out = 4 * width if bottleneck else width
        kernels = ((1, 1, width), (3, stride, width), (1, 1, out)) if bottleneck else ((3, stride, width), (3, 1, out))
        self.depth, self.downsample, before = len(kernels), nn.Sequential(), channels
        for i, (kernel, step, after) in enumerate(kernels, 1):
            self.add_module(f"conv{i}", nn.Conv2d(before, after, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{i}", norm(after))
            before = after
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), norm(out))

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.depth:
                y = torch.relu(y)
        return torch.relu(y + self.downsample(x))


def resnet(depth=18, stem="cifar", batch_norm=True, pool=nn.MaxPool2d, classes=10):
    norm = nn.BatchNorm2d if batch_norm else (lambda channels: nn.Identity())
    bottleneck, channels = depth >= 50, 64
    first = nn.Conv2d(3, 64, 3, 1, 1, bias=False) if stem == "cifar" else nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    layers = collections.OrderedDict(conv1=first, bn1=norm(64), relu=nn.ReLU(),
                                     maxpool=pool(3, 2, 1) if stem == "imagenet-3x3" else pool(2))
    for stage, count in enumerate({18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[depth]):
        width, blocks = 64 << stage, []
        for i in range(count):
            blocks.append(Residual(channels, width, 2 if stage > 0 and i == 0 else 1, bottleneck, norm))
            channels = 4 * width if bottleneck else width
        layers[f"layer{stage + 1}"] = nn.Sequential(*blocks)
    layers.update(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(channels, classes))
    return nn.Sequential(layers)


class DenseLayer(nn.Module):
    """The input, and the channels computed from it behind it."""

    def __init__(self, channels, norm):
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, 128, 1, bias=False)
        self.norm2, self.conv2 = norm(128), nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(torch.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(torch.relu(self.norm2(y)))], 1)


def densenet(batch_norm=True, study_norms=False, pool=nn.MaxPool2d, classes=10):
    def norm(channels, outer=False):
        return nn.BatchNorm2d(channels) if batch_norm and (outer or not study_norms) else nn.Identity()

    features, channels = collections.OrderedDict(
        conv0=nn.Conv2d(3, 64, 7, 2, 3, bias=False), norm0=norm(64, True), relu0=nn.ReLU(), pool0=pool(2)), 64
    for block, layers in enumerate((6, 12, 24, 16), 1):
        if block > 1:
            features[f"transition{block - 1}"] = nn.Sequential(collections.OrderedDict(
                norm=norm(channels), relu=nn.ReLU(), conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
                pool=nn.AvgPool2d(2)))
            channels //= 2
        features[f"denseblock{block}"] = nn.Sequential(collections.OrderedDict(
            (f"denselayer{i + 1}", DenseLayer(channels + 32 * i, norm)) for i in range(layers)))
        channels += 32 * layers
    features["norm5"] = norm(channels, True)
    return nn.Sequential(collections.OrderedDict(
        features=nn.Sequential(features), relu=nn.ReLU(), pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(),
        classifier=nn.Linear(channels, classes)))
