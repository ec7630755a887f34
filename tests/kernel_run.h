// SPDX-License-Identifier: MIT
// Kernels run on any backend under watch: every output lies between guard zones and holds garbage at first; every
// kernel runs twice, on different garbage, and has to give the same bits. $MPAD_TEST_RUNS=1: once, where another run of
// the test has seen to that.
#pragma once
#include "backends.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace mpad::test {

/// What an output is to be.
struct Output {
  Shape shape;
  DType dtype;
};

/// An output tensor inside a larger block of bytes.
class GuardedOutput {
 public:
  GuardedOutput(const Output& output, Device device, std::uint8_t garbage)
      : garbage_(garbage),
        bytes_(output.shape.numel() * static_cast<std::int64_t>(size_of(output.dtype))),
        block_(Tensor::full({2 * zone + bytes_}, garbage, DType::u8).to(device)) {
    // 256 bytes in, as aligned as an allocation is.
    view_ = {static_cast<std::uint8_t*>(block_.view().data) + zone, output.dtype, output.shape};
  }

  const View& view() const { return view_; }

  /// Whether no byte beside the output was written.
  bool intact() const {
    const Tensor all = block_.to(Device::cpu);
    const auto bytes = all.span<std::uint8_t>();
    const auto is_garbage = [this](std::uint8_t byte) { return byte == garbage_; };
    return std::all_of(bytes.begin(), bytes.begin() + zone, is_garbage) &&
           std::all_of(bytes.end() - zone, bytes.end(), is_garbage);
  }

  /// The output, on the CPU.
  Tensor take() const {
    Tensor result(view_.shape, view_.dtype);
    const Tensor all = block_.to(Device::cpu);
    if (bytes_ > 0)
      std::memcpy(result.view().data, all.span<std::uint8_t>().data() + zone, static_cast<std::size_t>(bytes_));
    return result;
  }

 private:
  static constexpr std::int64_t zone = 256;
  std::uint8_t garbage_;
  std::int64_t bytes_;
  Tensor block_;
  View view_;
};

/// The bytes of the garbage of each run. The first make a NaN of every real type.
inline std::vector<std::uint8_t> garbage_of_runs() {
  const char* runs = std::getenv("MPAD_TEST_RUNS");
  if (runs != nullptr && std::string_view(runs) == "1") return {0xFF};
  return {0xFF, 0x5A};
}

/// Runs kernel(inputs, outputs), which get views on the device of `where`, and returns the outputs on the CPU.
/// Inputs must come out as they went in.
template <class Where, class Kernel>
std::vector<Tensor> run_kernel(Where where, const std::vector<Tensor>& inputs, const std::vector<Output>& outputs,
                               const Kernel& kernel) {
  std::vector<std::vector<Tensor>> results;
  for (const std::uint8_t garbage : garbage_of_runs()) {
    std::vector<Tensor> placed;
    std::vector<View> in, out;
    std::vector<GuardedOutput> guarded;
    for (const Tensor& input : inputs) {
      placed.push_back(input ? input.clone().to(device_of(where)) : Tensor());
      in.push_back(input ? placed.back().view() : View{});
    }
    for (const Output& output : outputs) guarded.emplace_back(output, device_of(where), garbage);
    for (const GuardedOutput& output : guarded) out.push_back(output.view());
    kernel(std::span<const View>(in), std::span<const View>(out));
    results.emplace_back();
    for (const GuardedOutput& output : guarded) {
      REQUIRE(output.intact());
      results.back().push_back(output.take());
    }
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i]) REQUIRE(same_bits(placed[i].to(Device::cpu), inputs[i]));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) REQUIRE(same_bits(results.front()[i], results.back()[i]));
  return results.front();
}

}  // namespace mpad::test
