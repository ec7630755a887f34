// SPDX-License-Identifier: MIT
#include "run_options.h"

#include "option_group.h"

#include <mpad/core/parallel.h>
#include <mpad/version.h>

namespace mpad {
namespace {

// None for auto.
std::optional<Device> parse_device(const std::string& text) {
  if (text == "auto") return std::nullopt;
  for (Device device : {Device::cpu, Device::cuda})
    if (text == to_string(device)) return device;
  fail_choice("--device", {"cpu", "cuda", "auto"}, text);
}

}  // namespace

void RunOptions::add(CommandLine& line, const std::string& files) {
  Group group(line, "Runs and results");
  group.number("--threads", "N", threads_, "CPU threads, 0 for all cores; results do not depend on it");
  group.text("--device", "cpu|cuda|auto", device_text_, "Where to compute; auto: CUDA if it can be used");
  group.text("--out", "DIR", output.directory, "Write " + files + " here");
  group.flag("--resume", resume_, "Continue what is in --out, to the same bits as without a stop");
  group.flag("--force", force_, "Overwrite what is in --out");
  group.flag("--quiet", quiet, "Print the summary and warnings only");
}

void RunOptions::finish(const std::string& command) {
  device_ = parse_device(device_text_);
  require(threads_ >= 0 && threads_ <= 1024, "--threads: expected 0 to 1024, got {}", threads_);
  require(!resume_ || !force_, "expected --resume or --force, got both");
  require(!output.directory.empty() || !(resume_ || force_), "--resume and --force: expected --out DIR");
  output.existing = resume_ ? Existing::resume : force_ ? Existing::overwrite : Existing::refuse;
  output.command = command;
}

Device RunOptions::start(const std::string& program) const {
  set_num_threads(threads_);
  if (device_) {
    require_available(*device_);
    return *device_;
  }
  const std::string reason = unavailable(Device::cuda);
  if (reason.empty()) return Device::cuda;
  // A build without CUDA has nothing to explain.
  if (built_with_cuda()) fmt::print(stderr, "{}: computing on the CPU: {}\n", program, reason);
  return Device::cpu;
}

void add_parallel(Group& group, Settings& settings) {
  group.number("--parallel", "N", settings.parallel,
               "Runs at work at once, on CUDA on a stream each; results do not depend on it");
}

}  // namespace mpad
