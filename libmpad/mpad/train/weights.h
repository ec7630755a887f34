// SPDX-License-Identifier: MIT
// A network's state as PyTorch has it: the names of its state dict, and its order of axes (weights k,c,r,s; features of
// a flattened image c,h,w).
#pragma once
#include <mpad/nn/module.h>

#include <span>
#include <string>

namespace mpad {

/// Overwrites parameters and buffers with those of a safetensors file of a PyTorch state dict, rounded once to the
/// module's dtype. What is called num_batches_tracked there has no counterpart and is not looked at. Throws Error,
/// naming the file and all tensors that are missing, unexpected, or of another shape or no real dtype; nothing is
/// changed then. An optimizer with float masters knows nothing of it: load first.
void load_weights(Module& module, const std::string& path);

/// Writes parameters and buffers so that PyTorch reads them into the same module's state dict. `unrounded` (see
/// Optimizer): what to write instead of the module's own parameters, of their shapes, in visiting order. Throws Error
/// if these are others.
void export_weights(Module& module, const std::string& path, std::span<const Tensor> unrounded = {});

}  // namespace mpad
