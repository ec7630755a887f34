// SPDX-License-Identifier: MIT
// Max pooling, alone and behind a ReLU: forward and backward, by rule, dtype, shape and rate of ties, on the CPU or
// with --device=cuda. Counters: minimal bytes per second, and what per cent that is of a copy timed in the same way in
// the same run.
#include "run.h"
#include "shapes.h"

#include <mpad/core/half.h>
#include <mpad/core/jacobian.h>
#include <mpad/core/philox.h>

#include <fmt/format.h>
#include <kernels.h>

#include <cmath>

namespace {
using namespace mpad;

Device device = Device::cpu;

using Case = bench::Activation;

std::vector<Case> cases() {
  if (!bench::is_emulated(device)) return bench::activations(device);
  return {{"tiny2", {2, 8, 8, 16}, {2, 2}, true, false}, {"tiny3", {2, 9, 9, 16}, {3, 2, 1}, true, false}};
}

/// Uniform in [-1, 1), in eight images again and again; or one of -1, 0 and 1: a 2x2 window has one maximum of three
/// levels with probability 4 * sum_v (v/3)^3 / 3, so 56 % of them tie.
Tensor make_input(const Shape& shape, DType dtype, bool ties) {
  const Tensor x({std::min<std::int64_t>(8, shape[0]), shape[1], shape[2], shape[3]}, dtype);
  with_type(dtype, [&]<class T>() {
    const auto elements = x.span<T>();
    parallel_for(x.numel(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Philox random(1, static_cast<std::uint64_t>(i));
        const double u = uniform_double(random.word[0], random.word[1]);
        elements[static_cast<std::size_t>(i)] = static_cast<T>(ties ? std::floor(3 * u) - 1 : 2 * u - 1);
      }
    });
  });
  return bench::repeated(x.to(device), shape);
}

/// What one call works on. `between` is the array between a ReLU and a pool that are not fused.
struct Buffers {
  Tensor x, between, y, mask;
};

struct Problem {
  Sliding sliding;
  std::vector<Buffers> sets{};
  std::size_t bytes = 0;  ///< least traffic of a call: x, y and masks

  Problem(const Case& shape, DType dtype, bool ties, bool has_between)
      : sliding(slide("bench", shape.window, shape.shape)) {
    const Tensor x = make_input(shape.shape, dtype, ties);
    const Shape output{sliding.n, sliding.oh, sliding.ow, sliding.c};
    // The codes of relu_maxpool have one bit more than masks; in these windows both take the same type.
    const DType mask = mask_dtype(shape.window.taps());
    bytes = x.bytes() + static_cast<std::size_t>(output.numel()) * (size_of(dtype) + size_of(mask));
    for (std::size_t count = bench::sets_for(device, bytes); sets.size() < count;)
      sets.push_back({sets.empty() ? x : x.clone(), has_between ? empty_like(x) : Tensor(),
                      Tensor(output, dtype, device), Tensor(output, mask, device)});
  }
};

enum class Pass { maxpool, relu_maxpool, relu_then_maxpool };

void forward(const Sliding& s, const Buffers& b, Pass pass) {
  on(device, [&](auto where) {
    if (pass == Pass::relu_maxpool)
      return kernels::relu_maxpool_forward(where, s, b.x.view(), b.y.view(), b.mask.view());
    const Tensor& from = pass == Pass::maxpool ? b.x : b.between;
    if (pass == Pass::relu_then_maxpool) kernels::relu_forward(where, b.x.view(), b.between.view());
    kernels::maxpool_forward(where, s, from.view(), b.y.view(), b.mask.view());
  });
}

/// The gradient of y is y; that of x replaces x.
void backward(const Sliding& s, const Buffers& b, Pass pass, const TieRule& rule) {
  constexpr Accumulate wide = Accumulate::wide;
  on(device, [&](auto where) {
    if (pass == Pass::relu_maxpool)
      return kernels::relu_maxpool_backward(where, s, rule, wide, 0, b.y.view(), b.mask.view(), b.x.view());
    kernels::maxpool_backward(where, s, rule, wide, b.y.view(), b.mask.view(), b.x.view());
    if (pass == Pass::relu_then_maxpool) kernels::relu_backward(where, 0, b.between.view(), b.x.view(), b.x.view());
  });
}

void run(benchmark::State& state, const Case& shape, DType dtype, bool ties, Pass pass, const TieRule* rule) {
  const Problem problem(shape, dtype, ties, pass == Pass::relu_then_maxpool);
  for (const Buffers& set : problem.sets) forward(problem.sliding, set, pass);
  bench::time_rounds(state, device, problem.sets.size(), [&](std::size_t set) {
    rule ? backward(problem.sliding, problem.sets[set], pass, *rule)
         : forward(problem.sliding, problem.sets[set], pass);
  });
  bench::count_bytes(state, device, problem.bytes);
}

void add_case(const Case& shape, DType dtype, bool ties) {
  const std::string what = fmt::format("{}/{}/ties:{}", to_string(dtype), shape.name, ties ? 50 : 0);
  constexpr const char* names[] = {"maxpool", "relu_maxpool", "relu_then_maxpool"};
  for (const Pass pass : {Pass::maxpool, Pass::relu_maxpool, Pass::relu_then_maxpool}) {
    const std::string name = names[static_cast<int>(pass)];
    bench::add(device, name + "_forward/" + what,
               [=](benchmark::State& state) { run(state, shape, dtype, ties, pass, nullptr); });
    for (const char* text : {"native", "last", "minimal", "beta:0.5", "random:7", "all"}) {
      const TieRule rule = TieRule::parse(text);
      bench::add(device, fmt::format("{}_backward/{}/{}", name, text, what),
                 [=](benchmark::State& state) { run(state, shape, dtype, ties, pass, &rule); });
    }
  }
}

void add_all(Device on) {
  device = on;
  for (const Case& shape : cases())
    for (const DType dtype : {DType::f32, DType::f16, DType::f64})
      for (const bool ties : {false, true}) add_case(shape, dtype, ties);
}

}  // namespace

int main(int argc, char** argv) { return bench::run_benchmarks("bench_maxpool", argc, argv, add_all); }
