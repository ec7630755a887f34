# SPDX-License-Identifier: MIT
"""What kernels are timed on, as in bench/activations.h, bench/maxpool.cpp and bench/conv2d.cpp, in PyTorch's layout; and
how much work that is."""

VGG = {  # name: n, c, h, w
    "vgg1": (128, 64, 32, 32),
    "vgg2": (128, 128, 16, 16),
    "vgg3": (128, 256, 8, 8),
    "vgg4": (128, 512, 4, 4),
    "vgg5": (128, 512, 2, 2),
}
STEM, STEM256 = (64, 64, 112, 112), (256, 64, 112, 112)

HALVING, STEM_POOL = (2, 2, 0), (3, 2, 1)  # kernel, stride, pad
POOLS = {  # name: (n, c, h, w), kernel, stride, pad
    **{name: (shape, *HALVING) for name, shape in VGG.items()},
    "stem": (STEM, *STEM_POOL),
    "large": ((64, 64, 128, 128), *HALVING),
}
CUDA_POOLS = {"vgg224": ((128, 64, 224, 224), *HALVING), "stem256": (STEM256, *STEM_POOL)}

NORMS, CUDA_NORMS = VGG | {"stem": STEM}, {"stem256": STEM256}

LAYERS_BATCH = 128
_same, _halving, _point, _point_halving = (3, 1, 1), (3, 2, 1), (1, 1, 0), (1, 2, 0)
LAYERS = {  # name: height and width, channels in and out, (kernel, stride, pad)
    "lenet1": (28, 1, 6, (5, 1, 0)),
    "lenet2": (12, 6, 16, (5, 1, 0)),
    "fc1": (1, 256, 120, _point),
    "fc2": (1, 120, 84, _point),
    "fc3": (1, 84, 10, _point),
    "vgg1": (32, 3, 64, _same),
    "vgg2": (16, 64, 128, _same),
    "vgg3": (8, 128, 256, _same),
    "vgg4": (8, 256, 256, _same),
    "vgg5": (4, 256, 512, _same),
    "vgg6": (4, 512, 512, _same),
    "vgg7": (2, 512, 512, _same),
    "resnet1": (16, 64, 64, _same),
    "resnet2a": (16, 64, 128, _halving),
    "resnet2": (8, 128, 128, _same),
    "resnet2d": (16, 64, 128, _point_halving),
    "resnet3a": (8, 128, 256, _halving),
    "resnet4a": (4, 256, 512, _halving),
    "bottleneck": (16, 64, 256, _point),
    "stem": (64, 3, 64, (7, 2, 3)),
}


def work_of(layer):
    """Operations of each pass of a layer, a sum's term being two, and elements of its input, weights and output, all of
    which a pass reads or writes."""
    size, channels, filters, (kernel, stride, pad) = LAYERS[layer]
    out = (size + 2 * pad - kernel) // stride + 1
    weights, outputs = filters * kernel * kernel * channels, LAYERS_BATCH * out * out * filters
    return 2 * outputs * kernel * kernel * channels, LAYERS_BATCH * size * size * channels + weights + outputs
