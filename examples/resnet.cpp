// SPDX-License-Identifier: MIT
// Trains ResNet on colour images: resnet --help.
#include "support/recipes.h"
#include "support/train_main.h"

int main(int argc, char** argv) { return mpad::train_main(mpad::resnet_recipe(), argc, argv); }
