// SPDX-License-Identifier: MIT
// The matrix instructions of a warp, with fragments laid out as in the PTX ISA, sections "Matrix fragments for
// mma.m16n8k16", "... mma.m8n8k4 with .f64" and "ldmatrix".
#pragma once
#include "location.h"

#include <cstdint>

namespace mpad::emulation {

/// Loads four 8x8 matrices of 16-bit elements; lane 8 * m + r holds the address of row r of matrix m.
void load_matrices(std::uint32_t (&fragment)[4], const void* row, bool transposed, Location where);
/// c += a * b for 16x16 halves a, 16x8 halves b and 16x8 floats c; each element's sum is formed in order of k.
void multiply_half(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], Location where);
/// c += a * b for 8x4 a, 4x8 b and 8x8 c; each element's sum is a chain of fused multiply-adds in order of k.
void multiply_double(double (&c)[2], double a, double b, Location where);

}  // namespace mpad::emulation
