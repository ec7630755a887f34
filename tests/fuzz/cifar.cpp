// SPDX-License-Identifier: MIT
// Any bytes are a file of CIFAR or an Error. The first byte chooses the set and the labels; the rest is the file.
#include "memory_file.h"

#include <mpad/core/error.h>
#include <mpad/data/cifar.h>

using mpad::fuzz::MemoryFile;
using mpad::fuzz::require_true;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return -1;
  const MemoryFile file(bytes + 1, size - 1);
  try {
    const mpad::Dataset dataset = bytes[0] % 3 == 0   ? mpad::read_cifar10({file.path()})
                                  : bytes[0] % 3 == 1 ? mpad::read_cifar100({file.path()})
                                                      : mpad::read_cifar100({file.path()}, mpad::CifarLabels::coarse);
    dataset.validate();
    require_true(dataset.size() == static_cast<std::int64_t>((size - 1) / 3073));
  } catch (const mpad::Error&) {
    return 0;
  }
  return 0;
}
