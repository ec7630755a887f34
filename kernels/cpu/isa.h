// SPDX-License-Identifier: MIT
// Included first by every file of kernels/cpu. Each is compiled once for each instruction set, with MPAD_ISA naming it.
// All but the explicit specialisations of the catalogue has internal linkage: a function with external linkage would
// exist once for each instruction set under one name, and the linker would keep an arbitrary one.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/half.h>
#include <mpad/core/parallel.h>

#include <kernels.h>

#ifndef MPAD_ISA
#define MPAD_ISA portable
#endif

namespace mpad::kernels {
namespace {
using Cpu = CpuWith<Isa::MPAD_ISA>;
}
}  // namespace mpad::kernels
