// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/checksum.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/settings.h>

#include <cmath>

namespace mpad {
namespace {

void check_range(const char* name, double value, double least, double most = HUGE_VAL) {
  require(std::isfinite(value) && value >= least && value <= most, "--{}: expected a number {}, got {}", name,
          std::isfinite(most) ? fmt::format("from {} to {}", least, most) : fmt::format("of {} or more", least), value);
}

// Large enough for any training, small enough for its steps to be counted.
constexpr double most_epochs = 1e9;

std::int64_t to_steps(double epochs, std::int64_t steps_per_epoch) {
  return std::llround(epochs * static_cast<double>(steps_per_epoch));
}

std::string checksum_of(const std::string& path) {
  if (path.empty()) return "none";
  const std::string bytes = read_file(path);
  Crc32 crc;
  crc.update(bytes.data(), bytes.size());
  return "crc32:" + crc.hex();
}

}  // namespace

void check(const Settings& s) {
  require(std::isfinite(s.relu0), "--relu0: expected a finite number, got {}", s.relu0);
  require(std::isfinite(s.norm_at_zero), "--norm-at-zero: expected a finite number, got {}", s.norm_at_zero);
  check_range("lr", s.lr, 0);
  check_range("momentum", s.momentum, 0);
  check_range("weight-decay", s.weight_decay, 0);
  check_range("epsilon", s.epsilon, 0);
  require(!s.mixed || s.dtype == DType::f16, "--bits mixed: expected half, got {}", s.dtype);
  check_range("epochs", static_cast<double>(s.epochs), 1, most_epochs);
  check_range("batch-size", static_cast<double>(s.batch_size), 1);
  check_range("runs", static_cast<double>(s.runs), 1, 1e9);
  check_range("parallel", static_cast<double>(s.parallel), 1, 1024);
  check_range("warmup", s.warmup, 0, static_cast<double>(s.epochs));
  check_range("step-factor", s.step_factor, 0);
  require(s.step_every > 0 && s.step_every <= most_epochs,
          "--step-every: expected more than 0 epochs, at most {}, got {}", most_epochs, s.step_every);
  require(!s.nesterov || (s.optimizer == OptimizerKind::sgd && s.momentum > 0),
          "--nesterov: expected sgd with a momentum above 0, got {} with {}", to_string(s.optimizer), s.momentum);
  require(s.pool == PoolKind::max || (s.pool_forward == PoolForward::exact && s.pool_backward == PoolBackward::fused),
          "--pool: expected max with --pool-forward {} and --pool-backward {}, got {}", to_string(s.pool_forward),
          to_string(s.pool_backward), to_string(s.pool));
  require(s.pool == PoolKind::max || !s.pool_test_forward,
          "--pool-test-forward: expected same for a pool of kind {}, got {}", to_string(s.pool),
          to_string(s.pool_test_forward));
  if (is_composed(pool_options(s))) s.ties.beta();
  require(s.ties.name().find_first_of(",\"\r\n") == std::string::npos,
          "--ties: expected a name without commas, quotes and line ends, got '{}'", s.ties.name());
}

void require_available(Device device) {
  const std::string reason = unavailable(device);
  require(reason.empty(), "--device: expected cpu or auto ({}), got {}", reason, to_string(device));
}

std::vector<NamedValue> named_values(const Settings& s) {
  const auto number = [](auto value) { return fmt::format("{}", value); };
  return {{"bits", precision_name(s)},
          {"ties", s.ties.name()},
          {"relu0", number(s.relu0)},
          {"batch-norm", number(s.batch_norm)},
          {"pool", to_string(s.pool)},
          {"norm-at-zero", number(s.norm_at_zero)},
          {"pool-forward", to_string(s.pool_forward)},
          {"pool-test-forward", to_string(s.pool_test_forward)},
          {"pool-backward", to_string(s.pool_backward)},
          {"accumulate", to_string(s.accumulate)},
          {"weights", checksum_of(s.weights)},
          {"optimizer", to_string(s.optimizer)},
          {"lr", number(s.lr)},
          {"momentum", number(s.momentum)},
          {"weight-decay", number(s.weight_decay)},
          {"nesterov", number(s.nesterov)},
          {"epsilon", number(s.epsilon)},
          {"schedule", to_string(s.schedule)},
          {"warmup", number(s.warmup)},
          {"step-every", number(s.step_every)},
          {"step-factor", number(s.step_factor)},
          {"epochs", number(s.epochs)},
          {"batch-size", number(s.batch_size)},
          {"seed", number(s.seed)},
          {"runs", number(s.runs)},
          {"device", to_string(s.device)}};
}

std::string precision_name(const Settings& s) { return s.mixed ? "mixed" : std::to_string(bits_of(s.dtype)); }

MaxPool2dOptions pool_options(const Settings& s) {
  return {.ties = s.ties,
          .forward = s.pool_forward,
          .backward = s.pool_backward,
          .accumulate = s.accumulate,
          .test_forward = s.pool_test_forward};
}

Schedule make_schedule(const Settings& s, std::int64_t steps_per_epoch) {
  return {.kind = s.schedule,
          .total = s.epochs * steps_per_epoch,
          .warmup = to_steps(s.warmup, steps_per_epoch),
          .every = std::max<std::int64_t>(1, to_steps(s.step_every, steps_per_epoch)),
          .gamma = s.step_factor};
}

const char* to_string(OptimizerKind kind) {
  constexpr const char* names[] = {"sgd", "adam", "adamw"};
  return names[static_cast<int>(kind)];
}

const char* to_string(Schedule::Kind kind) {
  constexpr const char* names[] = {"constant", "step", "cosine"};
  return names[static_cast<int>(kind)];
}

const char* to_string(PoolForward forward) { return forward == PoolForward::exact ? "exact" : "composed"; }

const char* to_string(std::optional<PoolForward> forward) { return forward ? to_string(*forward) : "same"; }

const char* to_string(PoolBackward backward) {
  constexpr const char* names[] = {"fused", "composed", "standard"};
  return names[static_cast<int>(backward)];
}

const char* to_string(Accumulate accumulate) { return accumulate == Accumulate::wide ? "wide" : "narrow"; }

}  // namespace mpad
