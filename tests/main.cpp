// SPDX-License-Identifier: MIT
// Catch2 2 brings its main with one source; Catch2 3 with a library.
#define CATCH_CONFIG_MAIN
#include "catch.h"
