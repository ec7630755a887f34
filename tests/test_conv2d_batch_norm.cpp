// SPDX-License-Identifier: MIT
// A convolution with the statistics of a batch normalisation behind it: the convolution's bits, and statistics against
// their definition in double.
#include "batch_norm_support.h"
#include "conv2d_support.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;
using namespace mpad::test::conv2d;

namespace {

constexpr double epsilon = 1e-5, momentum = 0.3;

Sliding sliding(const Problem& p) { return slide("conv2d", p.geometry.window, p.x.shape()); }

bool has_rows(const Case& c) { return c.n > 0 && c.k > 0; }

struct Statistics {
  Tensor y, mean, inv_std, running_mean, running_var;
};

bool same(const Statistics& a, const Statistics& b) {
  return same_bits(a.y, b.y) && same_bits(a.mean, b.mean) && same_bits(a.inv_std, b.inv_std) &&
         same_bits(a.running_mean, b.running_mean) && same_bits(a.running_var, b.running_var);
}

/// In one pass, or apart. The running statistics begin as the bias.
template <class Where>
Statistics compute(Where where, const Problem& p, DType running, bool one_pass) {
  const DType dtype = p.x.dtype(), wide = acc_dtype(dtype);
  const Shape channels{p.geometry.k};
  const std::vector<Output> outputs{
      {p.grad_y.shape(), dtype}, {channels, wide}, {channels, wide}, {channels, running}, {channels, running}};
  const std::vector<Tensor> out = run_kernel(where, {p.x, p.weight, p.bias}, outputs, [&](auto in, auto out) {
    for (std::size_t i : {3, 4}) kernels::cast(where, in[2], out[i]);
    if (one_pass)
      return kernels::conv2d_batch_norm_statistics(where, sliding(p), epsilon, momentum, in[0], in[1], in[2], out[0],
                                                   out[1], out[2], out[3], out[4]);
    kernels::conv2d_forward(where, sliding(p), in[0], in[1], in[2], false, out[0]);
    kernels::batch_norm_statistics(where, epsilon, momentum, out[0], out[1], out[2], out[3], out[4]);
  });
  return {out[0], out[1], out[2], out[3], out[4]};
}

/// Statistics of y in long double, with first-order bounds of the errors of those that are formed in one pass. With u
/// the unit of acc_t, o = y[0] and o_t the first of the t-th 32 rows, let q be the mean over rows of (y - o_t)^2 +
/// (o_t - o)^2. A difference (y - o_t) passes through at most 8 + 3 additions to the sum of its block, 3 operations
/// that move this to the origin o, one addition for every 256th block and 8 in the tree behind: with the rounding of
/// the difference, depth = 23 + blocks / 256; a square has three roundings more, depth = 26 + blocks / 256. Magnitudes
/// of what is added for the sum of squares are at most 2 rows q, since 2 |a b| <= a^2 + b^2; those for the sum, by
/// Cauchy and Schwarz, rows sqrt(2 q). So with variance = squares / rows - (sum / rows)^2, where |sum| <= rows sqrt(2
/// q), errors are depth u 2 q + 2 depth u 2 q, and 6 u q for the three operations of the difference.
class InOnePass {
 public:
  explicit InOnePass(const Tensor& y)
      : y_(y.values()), k_(static_cast<std::size_t>(y.shape()[3])), rows_(y_.size() / k_) {
    const double unit = std::ldexp(1.0, y.dtype() == DType::f64 ? -53 : -24);
    const double depth = 27 + static_cast<double>(rows_ / 32 / 256);
    for (std::size_t c = 0; c < k_; ++c) {
      const double q = spread(c), mu = static_cast<double>(average(c, [](Wide v) { return v; }));
      const auto v = static_cast<double>(average(c, [&, m = exact_mean(c)](Wide x) { return (x - m) * (x - m); }));
      const double error = (6 * depth + 6) * unit * q;
      mean.push(mu, (depth + 1) * unit * std::sqrt(2 * q) + unit * std::abs(mu));
      variance.push(v, error);
      // 1 / sqrt is steep where the variance is small, so of both ends.
      const double inverse = 1 / std::sqrt(v + epsilon), most = 1 / std::sqrt(std::max(v - error, 0.0) + epsilon),
                   least = 1 / std::sqrt(v + error + epsilon);
      inv_std.push(inverse, std::max(most - inverse, inverse - least) + 4 * unit * most);
    }
  }

  bool holds(const Statistics& got, const Tensor& running) const {
    const auto n = static_cast<double>(rows_);
    return mean.holds(got.mean) && inv_std.holds(got.inv_std) &&
           updated(running, mean, 1, momentum).holds(got.running_mean) &&
           (rows_ == 1 || updated(running, variance, n / (n - 1), momentum).holds(got.running_var));
  }

  Bounded mean{}, variance{}, inv_std{};

 private:
  using Wide = long double;

  Wide at(std::size_t row, std::size_t c) const { return y_[row * k_ + c]; }
  template <class F>
  Wide average(std::size_t c, const F& f) const {
    Wide sum = 0;
    for (std::size_t row = 0; row < rows_; ++row) sum += f(at(row, c));
    return sum / static_cast<Wide>(rows_);
  }
  Wide exact_mean(std::size_t c) const {
    return average(c, [](Wide v) { return v; });
  }
  double spread(std::size_t c) const {
    Wide sum = 0;
    for (std::size_t row = 0; row < rows_; ++row) {
      const Wide origin = at(row / 32 * 32, c), d = at(row, c) - origin, moved = origin - at(0, c);
      sum += d * d + moved * moved;
    }
    return static_cast<double>(sum / static_cast<Wide>(rows_));
  }

  std::vector<double> y_;
  std::size_t k_, rows_;
};

/// y has the convolution's bits, and the statistics are those of the kernels one after the other or within the bound.
void check(const Problem& p, DType running) {
  on_each_backend([&](auto where) {
    INFO(name_of(where) << ": " << describe(p) << " running " << to_string(running));
    const Statistics got = compute(where, p, running, true), want = compute(where, p, running, false);
    CHECK(same_bits(got.y, want.y));
    CHECK((same(got, want) || (device_of(where) == Device::cuda && InOnePass(want.y).holds(got, p.bias.to(running)))));
  });
}

// Products of one slice, and stems: below, at and beside 32 rows, the tiles' multiples and the runs of columns.
std::vector<Case> edges() {
  std::vector<Case> cases;
  for (std::int64_t rows : {1, 2, 31, 33, 64, 65, 128, 129, 200})
    for (std::int64_t k : {1, 5, 8, 60, 66, 136}) cases.push_back({1, rows, 1, 16, k, {1}});
  for (std::int64_t rows : {1, 32, 33, 129, 300})
    for (std::int64_t k : {32, 64, 40}) cases.push_back({1, rows, 1, rows % 2 == 0 ? 3 : 1, k, {1}});
  // More blocks than threads finish them.
  cases.push_back({1, 32 * 256 + 33, 1, 8, 8, {1}});
  return cases;
}

/// With its bias so far from 0 that squares of y would leave nothing of its variance.
Problem far_from_zero(const Case& c, DType dtype) {
  Problem p = make(c, dtype, false);
  const double mean = dtype == DType::f64 ? 1e9 : dtype == DType::f32 ? 1e4 : 1000;
  p.bias = random_tensor(p.bias.shape(), dtype, 3, mean, 1.1 * mean);
  return p;
}

}  // namespace

TEST_CASE("a convolution with its statistics has the convolution's bits, and statistics within their bound") {
  for (const Case& c : kCases)
    for (DType dtype : real_dtypes)
      if (has_rows(c)) check(make(c, dtype, false), dtype);
}

TEST_CASE("statistics behind a convolution at the edges of tiles, runs and blocks of rows") {
  for (const Case& c : edges())
    for (DType dtype : real_dtypes) check(make(c, dtype, false), acc_dtype(dtype));
}

TEST_CASE("statistics behind a convolution of small integers are exact, so they have the bits of any order of sums") {
  for (const Case& c :
       {Case{4, 6, 6, 64, 64, {3, 1, 1}}, Case{5, 8, 8, 3, 64, {3, 1, 1}}, Case{2, 9, 9, 16, 72, {3, 2, 1}},
        Case{1, 11, 12, 24, 130, {3, 1, 1}}, Case{1, 12, 11, 72, 136, {1}}})
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, true);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ": " << describe(p));
        CHECK(same(compute(where, p, dtype, true), compute(where, p, dtype, false)));
      });
    }
}

TEST_CASE("large means of a convolution do not cancel") {
  for (const Case& c :
       {Case{4, 6, 6, 64, 64, {3, 1, 1}}, Case{5, 8, 8, 3, 64, {3, 1, 1}}, Case{1, 12, 11, 72, 136, {1}}})
    for (DType dtype : real_dtypes) {
      const Problem p = far_from_zero(c, dtype);
      check(p, dtype);
      if (dtype == DType::f16) continue;
      on_each_backend([&](auto where) {
        const Statistics got = compute(where, p, dtype, true);
        const std::vector<double> inv_std = got.inv_std.values(), want = InOnePass(got.y).inv_std.value;
        for (std::size_t i = 0; i < want.size(); ++i) CHECK(std::abs(inv_std[i] / want[i] - 1) < 1e-5);
      });
    }
}

TEST_CASE("a constant channel behind a convolution has variance 0 and its value as mean") {
  for (const Case& c : {Case{1, 12, 11, 72, 136, {1}}, Case{1, 9, 11, 16, 24, {1}}, Case{5, 5, 5, 3, 32, {3}}})
    for (DType dtype : real_dtypes) {
      Problem p = make(c, dtype, false);
      p.weight = Tensor::zeros(p.weight.shape(), dtype);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ": " << describe(p));
        const Statistics got = compute(where, p, dtype, true);
        CHECK(got.mean.values() == p.bias.values());
        // Nothing but what the momentum leaves: the variance is 0.
        CHECK(same(got, compute(where, p, dtype, false)));
        for (double value : got.inv_std.values()) CHECK(value == Approx(1 / std::sqrt(epsilon)).epsilon(1e-6));
      });
    }
}

// Of 16 inputs the first meets a weight that is not 0 in channels 2 and 3 alone, and overflows there in two rows, one
// of them the first of a block.
TEST_CASE("NaN and infinity behind a convolution stay in their channel") {
  for (DType dtype : real_dtypes) {
    Problem finite = make({1, 100, 1, 16, 72, {1}}, dtype, false);
    std::vector<double> weight = finite.weight.values();
    for (std::size_t k = 0; k < 72; ++k) weight[k * 16] = 0;
    finite.weight = Tensor::from(weight, finite.weight.shape(), dtype);
    Problem p = finite;
    const double big = dtype == DType::f16 ? 6e4 : dtype == DType::f32 ? 3e38 : 1e308;
    std::vector<double> x = p.x.values(), bias = p.bias.values();
    weight[2 * 16] = weight[3 * 16] = big;
    x[40 * 16] = x[64 * 16] = big;
    bias[5] = NAN;
    p.weight = Tensor::from(weight, p.weight.shape(), dtype);
    p.x = Tensor::from(x, p.x.shape(), dtype);
    p.bias = Tensor::from(bias, p.bias.shape(), dtype);
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ": " << describe(p));
      const Statistics got = compute(where, p, dtype, true), want = compute(where, finite, dtype, true);
      for (std::size_t c = 0; c < 72; ++c) {
        const bool spoilt = c == 2 || c == 3 || c == 5;
        for (const auto& [a, b] :
             {std::pair(&got.mean, &want.mean), std::pair(&got.inv_std, &want.inv_std),
              std::pair(&got.running_mean, &want.running_mean), std::pair(&got.running_var, &want.running_var)}) {
          if (!spoilt) CHECK(a->values()[c] == b->values()[c]);
          if (spoilt) CHECK_FALSE(std::isfinite(a->values()[c]));
        }
        if (spoilt) CHECK(std::isnan(got.inv_std.values()[c]));
      }
    });
  }
}

TEST_CASE("statistics of arrays aligned to an element only have the same bits") {
  for (const Case& c : {Case{2, 8, 8, 64, 72, {1}}, Case{2, 5, 4, 3, 32, {3, 1, 1}}, Case{2, 9, 8, 1, 6, {5}}})
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, false);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ": " << describe(p));
        const Statistics want = compute(where, p, dtype, true);
        const Device device = device_of(where);
        const Shifted x(p.x, device), weight(p.weight, device), bias(p.bias, device);
        const Shifted y(Tensor::full(p.grad_y.shape(), NAN, dtype), device);
        const Tensor mean = empty_like(want.mean.to(device)), inv_std = empty_like(mean);
        kernels::conv2d_batch_norm_statistics(where, sliding(p), epsilon, momentum, x.view(), weight.view(),
                                              bias.view(), y.view(), mean.view(), inv_std.view(), View{}, View{});
        CHECK(same_bits(y.take(), want.y));
        CHECK(same_bits(mean.to(Device::cpu), want.mean));
        CHECK(same_bits(inv_std.to(Device::cpu), want.inv_std));
      });
    }
}

namespace {

struct Norm {
  Tensor gamma, beta, running_mean, running_var;
};

Norm make_norm(std::int64_t channels, DType dtype, DType running, Device device) {
  return {random_tensor({channels}, dtype, 12, 0.5, 2).to(device), random_tensor({channels}, dtype, 13).to(device),
          random_tensor({channels}, running, 15).to(device), random_tensor({channels}, running, 16, 0.5, 2).to(device)};
}

/// Output, gradients of the five inputs, and running statistics of a step, all on the CPU, and the operations recorded.
struct Step {
  std::vector<Tensor> tensors{};
  std::size_t recorded = 0;
};

Step step(const Problem& p, DType running, Device device, Tape::Keep keep, const BatchNormOptions& options,
          const Tensor& addend, bool one_pass) {
  const Norm norm = make_norm(p.geometry.k, p.x.dtype(), running, device);
  std::vector<Tensor> inputs{p.x.to(device), p.weight.to(device), p.bias.to(device), norm.gamma, norm.beta};
  if (addend) inputs.push_back(addend.to(device));
  for (Tensor& input : inputs) input = input.clone().set_requires_grad();
  const Tensor &x = inputs[0], &weight = inputs[1], &bias = inputs[2], &gamma = inputs[3], &beta = inputs[4],
               more = addend ? inputs[5] : Tensor();
  const Conv2dWindow window{.pad = 1};
  Tape tape(keep);
  const Tensor y = one_pass ? conv2d_batch_norm(x, weight, bias, window, gamma, beta, norm.running_mean,
                                                norm.running_var, options, more)
                            : batch_norm(::mpad::conv2d(x, weight, bias, window), gamma, beta, norm.running_mean,
                                         norm.running_var, options, more);
  Step result{{y.to(Device::cpu), norm.running_mean.to(Device::cpu), norm.running_var.to(Device::cpu)}, tape.size()};
  tape.backward(dot(y, p.grad_y.to(device)));
  for (const Tensor& input : inputs) result.tensors.push_back(input.grad().to(Device::cpu));
  return result;
}

// Of a product and of a stem; integers, so that statistics are exact, elements tie and are 0.
const Case few[] = {{2, 6, 6, 8, 72, {3, 1, 1}}, {3, 4, 4, 3, 32, {3, 1, 1}}};

}  // namespace

TEST_CASE("the operation in one pass has the bits, gradients and nodes of the two where statistics are exact") {
  for (const Case& c : few)
    for (DType dtype : real_dtypes)
      for (Device device : devices())
        for (const bool relu : {false, true})
          for (const bool training : {true, false})
            for (const Tape::Keep keep : {Tape::Keep::least, Tape::Keep::choices}) {
              const Problem p = make(c, dtype, true);
              INFO(to_string(device) << ": " << describe(p) << " relu " << relu << " training " << training);
              const BatchNormOptions options{.training = training, .relu = relu, .alpha = 0.5};
              const Step got = step(p, acc_dtype(dtype), device, keep, options, {}, true),
                         want = step(p, acc_dtype(dtype), device, keep, options, {}, false);
              CHECK(got.recorded == want.recorded);
              CHECK(got.recorded == (relu && keep == Tape::Keep::choices ? 3 : 2));
              for (std::size_t i = 0; i < want.tensors.size(); ++i) CHECK(same_bits(got.tensors[i], want.tensors[i]));
            }
}

TEST_CASE("with a sum and ReLU behind it the operation has the bits and gradients of what it does one by one") {
  const Problem p = make(few[0], DType::f32, true);
  const Tensor addend = random_integers(p.grad_y.shape(), DType::f32, 17, 4, -2);
  for (Device device : devices())
    for (const bool training : {true, false}) {
      const BatchNormOptions options{.training = training, .relu = true};
      const Step got = step(p, DType::f32, device, Tape::Keep::least, options, addend, true),
                 want = step(p, DType::f32, device, Tape::Keep::choices, options, addend, false);
      CHECK(got.recorded == 2);
      CHECK(want.recorded == 4);
      for (std::size_t i = 0; i < want.tensors.size(); ++i) CHECK(same_bits(got.tensors[i], want.tensors[i]));
    }
}

TEST_CASE("gradients of a convolution and its normalisation in one pass match central differences in double") {
  const Problem p = make(few[1], DType::f64, false);
  const Norm norm = make_norm(p.geometry.k, DType::f64, DType::f64, Device::cpu);
  const Function f = [&](const std::vector<Tensor>& in) {
    return conv2d_batch_norm(in[0], in[1], {}, {.pad = 1}, in[2], in[3], norm.running_mean.clone(),
                             norm.running_var.clone());
  };
  CHECK(gradient_error(f, {p.x, p.weight, norm.gamma, norm.beta}) < 1e-7);
}

TEST_CASE("a convolution and its normalisation in one pass name themselves in errors, and leave statistics alone") {
  for (Device device : devices()) {
    const Norm norm = make_norm(3, DType::f32, DType::f32, device),
               other = make_norm(4, DType::f32, DType::f32, device);
    const Tensor x = Tensor::zeros({1, 4, 4, 2}, DType::f32, device),
                 weight = Tensor::zeros({3, 3, 3, 2}, DType::f32, device), before = norm.running_mean.clone();
    const auto run = [&](const Tensor& in, const Tensor& filter, const Tensor& gamma) {
      return conv2d_batch_norm(in, filter, {}, {}, gamma, norm.beta, norm.running_mean, norm.running_var);
    };
    CHECK_THROWS_WITH(run(x, Tensor::zeros({3, 3, 3, 4}, DType::f32, device), norm.gamma),
                      Catch::Matchers::StartsWith("conv2d_batch_norm: expected an input of 4 channels"));
    CHECK_THROWS_WITH(run(x, weight, other.gamma), "conv2d_batch_norm: expected a gamma of shape 3, got 4");
    CHECK_THROWS_WITH(run(Tensor::zeros({0, 4, 4, 2}, DType::f32, device), weight, norm.gamma),
                      "conv2d_batch_norm: expected an input ...,c that is not empty, got 0,2,2,3");
    CHECK_THROWS_WITH(run(Tensor::zeros({1, 3, 3, 2}, DType::f32, device), weight, norm.gamma),
                      "conv2d_batch_norm: expected more than 1 value per channel when training, got an input of shape "
                      "1,1,1,3");
    Tape spent;
    const Tensor gamma = norm.gamma.clone().set_requires_grad(), images = Tensor::full({1, 4, 4, 2}, 1).to(device);
    spent.backward(dot(gamma, Tensor::zeros({3}).to(device)));
    CHECK_THROWS_WITH(run(images, weight, gamma),
                      "conv2d_batch_norm: expected a tape that has not run backward, got a spent one");
    CHECK_THROWS_WITH(
        batch_norm(Tensor::full({2, 3}, 1).to(device), gamma, norm.beta, norm.running_mean, norm.running_var),
        "batch_norm: expected a tape that has not run backward, got a spent one");
    CHECK(same_bits(norm.running_mean.to(Device::cpu), before.to(Device::cpu)));
  }
}
