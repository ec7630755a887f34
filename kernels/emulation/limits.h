// SPDX-License-Identifier: MIT
// Limits of a CUDA device that hold on every architecture from sm_75 on, but for max_dynamic_shared.
#pragma once
#include <cstddef>

namespace mpad::emulation {

inline constexpr unsigned warp_size = 32;
inline constexpr unsigned max_block_threads = 1024;
inline constexpr unsigned max_block_x = 1024, max_block_y = 1024, max_block_z = 64;
inline constexpr unsigned max_grid_x = 0x7fffffff, max_grid_y = 65535, max_grid_z = 65535;
/// Blocks of a cluster on every device that has them.
inline constexpr unsigned max_cluster = 8;
/// Bytes a block may use without opting in to more.
inline constexpr std::size_t max_static_shared = 48 * 1024;
/// Bytes a block may opt in to on the largest device (sm_90); Settings::shared_memory_optin is the limit in force.
inline constexpr std::size_t max_dynamic_shared = 227 * 1024;

}  // namespace mpad::emulation
