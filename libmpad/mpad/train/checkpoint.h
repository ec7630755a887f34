// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/safetensors.h>
#include <mpad/train/trainer.h>

#include <span>
#include <string>
#include <vector>

namespace mpad {

/// Writes all that the rest of the run depends on, as safetensors: the network's tensors under their own paths (layout
/// as in memory, n,h,w,c and k,r,s,c), the optimizer's under "optimizer.", and as metadata the steps taken, the results
/// so far, everything in `context` and a CRC-32 of the tensors' bytes.
void save_checkpoint(const std::string& path, const Trainer& trainer, std::span<const NamedValue> context);

/// Puts the trainer where the saved one was. Throws Error if the file is damaged (in its header, as far as that is then
/// not well formed; in its tensors by their CRC-32, without which none is read), was written in another context (naming
/// what differs), or holds other tensors than the trainer's or another run; the trainer is then as before.
void load_checkpoint(const std::string& path, Trainer& trainer, std::span<const NamedValue> context);

/// The results that a checkpoint holds, without a look at its tensors or context. Throws Error if its header is
/// damaged.
std::vector<EpochResult> saved_results(const std::string& path);

/// Throws Error, naming `source` and the first name whose value differs, unless the two lists are equal.
void require_same(std::span<const NamedValue> saved, std::span<const NamedValue> now, const std::string& source);

}  // namespace mpad
