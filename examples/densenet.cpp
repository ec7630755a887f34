// SPDX-License-Identifier: MIT
// Trains DenseNet-121 on colour images: densenet --help.
#include "support/recipes.h"
#include "support/train_main.h"

int main(int argc, char** argv) { return mpad::train_main(mpad::densenet_recipe(), argc, argv); }
