// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/core/device.h>
#include <mpad/nn/pool.h>
#include <mpad/ops.h>
#include <mpad/schedule.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mpad {

enum class OptimizerKind : unsigned char { sgd, adam, adamw };

/// What --bits says.
struct Precision {
  DType dtype = DType::f32;
  bool mixed = false;
};

/// What decides the result of a training, bit for bit, beside the network and the data, and how steps and runs are
/// queued. Where it is written to and how many threads compute it are not part of it.
struct Settings {
  DType dtype = DType::f32;  ///< of parameters, activations, gradients and, unless mixed, optimizer state
  bool mixed = false;        ///< half with float masters, float running statistics and a scaled loss; dtype is half
  TieRule ties{};
  double relu0 = 0;  ///< ReLU'(0)
  bool batch_norm = false;
  PoolKind pool = PoolKind::max;
  double norm_at_zero = 0;  ///< of norm pools: the derivative where a window is 0
  PoolForward pool_forward = PoolForward::exact;
  std::optional<PoolForward> pool_test_forward{};  ///< in evaluation; none: pool_forward
  PoolBackward pool_backward = PoolBackward::fused;
  Accumulate accumulate = Accumulate::wide;
  std::string weights{};  ///< file (weights.h) of what each run starts from; empty: parameters are drawn

  OptimizerKind optimizer = OptimizerKind::sgd;
  double lr = 0.05, momentum = 0.9, weight_decay = 5e-4;  ///< Adam has no momentum and reads none
  bool nesterov = false;
  double epsilon = 0;  ///< Adam's; 0: 1e-8, or 1e-4 where second moments are half, below 2^-25 of which they vanish

  Schedule::Kind schedule = Schedule::Kind::cosine;
  double warmup = 0;       ///< epochs of linear warm-up
  double step_every = 30;  ///< schedule step: epochs between two reductions
  double step_factor = 0.1;

  std::int64_t epochs = 10, batch_size = 128;
  std::uint64_t seed = 0;  ///< of run 0; run k has seed + k
  std::int64_t runs = 1;
  std::int64_t parallel = 1;  ///< runs at work at once (experiment.h), with the same bits
  Device device = Device::cpu;
  bool graph = false;  ///< on CUDA: a step is a graph (queued_steps.h; gradient_step.h of a source), with the same bits
};

/// Throws Error, naming the setting, if one is out of range or two contradict each other.
void check(const Settings& settings);

/// Throws Error, saying why, unless this program can compute there.
void require_available(Device device);

/// A setting, under its name on the command line, and its value as text.
using NamedValue = std::pair<std::string, std::string>;

/// All settings that decide the result in a fixed order, weights as the file's checksum. Equal lists mean equal
/// settings. Throws Error if there is no such file.
std::vector<NamedValue> named_values(const Settings& settings);

/// "16", "32", "64" or "mixed".
std::string precision_name(const Settings& settings);

/// The options of a model's pools (but for the window).
MaxPool2dOptions pool_options(const Settings& settings);

/// The learning-rate schedule over all epochs.
Schedule make_schedule(const Settings& settings, std::int64_t steps_per_epoch);

const char* to_string(OptimizerKind kind);
const char* to_string(Schedule::Kind kind);
const char* to_string(PoolForward forward);
/// "same" for none.
const char* to_string(std::optional<PoolForward> forward);
const char* to_string(PoolBackward backward);
const char* to_string(Accumulate accumulate);

}  // namespace mpad
