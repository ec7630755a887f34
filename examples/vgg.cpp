// SPDX-License-Identifier: MIT
// Trains VGG on colour images of 32x32 pixels: vgg --help.
#include "support/recipes.h"
#include "support/train_main.h"

int main(int argc, char** argv) { return mpad::train_main(mpad::vgg_recipe(), argc, argv); }
