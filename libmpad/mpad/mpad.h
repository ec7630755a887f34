// SPDX-License-Identifier: MIT
// What a program that trains needs: tensors, tape, operations, layers, networks, optimizers and data sets. mpad/train
// (checkpoints, weights of PyTorch, results of experiments) and mpad/study (its measurements) are included by name.
#pragma once
#include <mpad/core/jacobian.h>
#include <mpad/core/parallel.h>
#include <mpad/data/cifar.h>
#include <mpad/data/dataset.h>
#include <mpad/data/idx.h>
#include <mpad/data/image_folder.h>
#include <mpad/data/mnist.h>
#include <mpad/data/svhn.h>
#include <mpad/data/synthetic.h>
#include <mpad/memory.h>
#include <mpad/nn/densenet.h>
#include <mpad/nn/init.h>
#include <mpad/nn/layers.h>
#include <mpad/nn/lenet.h>
#include <mpad/nn/pool.h>
#include <mpad/nn/resnet.h>
#include <mpad/nn/summary.h>
#include <mpad/nn/vgg.h>
#include <mpad/ops.h>
#include <mpad/optim.h>
#include <mpad/random.h>
#include <mpad/schedule.h>
#include <mpad/step_graph.h>
#include <mpad/tape.h>
#include <mpad/tensor.h>
#include <mpad/version.h>
