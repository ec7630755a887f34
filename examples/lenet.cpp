// SPDX-License-Identifier: MIT
// Trains LeNet-5 on MNIST or on drawn digits: lenet --help.
#include "support/recipes.h"
#include "support/train_main.h"

int main(int argc, char** argv) { return mpad::train_main(mpad::lenet_recipe(), argc, argv); }
