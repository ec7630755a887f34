# SPDX-License-Identifier: MIT
"""How values, networks and settings are written in tables, pictures and documents."""
import math
import re

_datasets = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "kmnist": "KMNIST", "cifar10": "CIFAR-10",
             "cifar100": "CIFAR-100", "svhn": "SVHN", "imagenet": "ImageNet", "synthetic": "synthetic digits",
             "synthetic-colours": "synthetic digits in colour"}
_networks = {"lenet": "LeNet-5", "vgg": "VGG", "resnet": "ResNet", "densenet": "DenseNet"}


def network(name):
    """vgg11: VGG-11; what follows a comma or a space stays."""
    stem, depth, rest = re.fullmatch(r"([a-z]+)(\d*)(.*)", name).groups() if re.match("[a-z]", name) else (name, "", "")
    return _networks.get(stem, stem) + (f"-{depth}" if depth else "") + rest


def dataset(name):
    return _datasets.get(name, name)


def is_drawn(name):
    """Whether a data set is of images that a program draws, of one channel or of three."""
    return name.startswith("synthetic")


def bits(name):
    return name if name == "mixed" else f"{name} bits"


def normalised(flag):
    return "BN" if flag == "true" else "no BN"


def setting(row):
    """Network and data of a row."""
    trained = ", trained" if row.get("trained") == "true" else ""
    augmented = ", augmented" if row["augmented"] == "true" else ""
    return f"{network(row['network'])}{trained}, {dataset(row['dataset'])}{augmented}"


def file_name(row):
    """The same in the name of a file."""
    trained = "-trained" if row.get("trained") == "true" else ""
    return f"{row['network']}{trained}-{row['dataset']}{'-augmented' if row['augmented'] == 'true' else ''}"


def number(value):
    """Three significant digits, but all of those before the point up to 1e5."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if value == 0 or 1000 <= abs(value) < 1e5:
        return f"{value:.0f}"
    return f"{value:.3g}"


def percent(value, low=math.nan, high=math.nan):
    """A share as "48.6 %", with its interval if it has one."""
    interval = "" if math.isnan(low) or math.isnan(high) else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * value:.1f} %{interval}"


def span(values, write):
    """The least and the largest of some values: "48.6 to 48.8", or one of them if all are written alike."""
    least, most = write(min(values)), write(max(values))
    return least if least == most else f"{least} to {most}"
