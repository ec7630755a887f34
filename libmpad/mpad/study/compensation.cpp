// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops.h>
#include <mpad/study/compensation.h>
#include <mpad/study/csv.h>

#include <algorithm>
#include <array>

namespace mpad {
namespace {

constexpr std::int64_t length = 4;

struct Zero {
  Tensor value, scaled;  // zero(t), and t * x
};

Zero zero(const Tensor& t, const Tensor& x) {
  const Tensor scaled = linear(t, x);
  const auto maximum = [&](const TieRule& ties) {
    return flatten(maxpool2d(reshape(scaled, {1, length, 1, 1}), {.window = {length, 1}, .ties = ties}));
  };
  const Tensor difference = Tensor::from({1, -1}, {1, 2}, t.dtype());
  return {linear(concat({maximum(TieRule::native()), maximum(TieRule::minimal())}), difference), scaled};
}

// The first of the tied less their mean, as a sum of differences: there is nothing to round where they are equal, or
// small integers.
double over_the_reals(const std::vector<double>& scaled, const std::vector<double>& x) {
  const double most = *std::max_element(scaled.begin(), scaled.end());
  const auto first = static_cast<std::size_t>(std::find(scaled.begin(), scaled.end(), most) - scaled.begin());
  double sum = 0, ties = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (scaled[i] == most) {
      sum += x[first] - x[i];
      ++ties;
    }
  return sum / ties;
}

Compensation compute(DType dtype, const std::string& name, std::initializer_list<double> values, double at) {
  const Tensor x = Tensor::from(values, {length, 1}, dtype);
  const Tensor t = Tensor::from({at}, {1, 1}, dtype).set_requires_grad();
  Tape tape;
  const Zero result = zero(t, x);
  tape.backward(result.value);
  return {.dtype = dtype,
          .x = name,
          .t = at,
          .value = result.value.item(),
          .derivative = t.grad().item(),
          .real_derivative = over_the_reals(result.scaled.values(), x.values())};
}

}  // namespace

std::vector<Compensation> compensations() {
  std::vector<Compensation> all;
  for (DType dtype : {DType::f16, DType::f32, DType::f64})
    for (double t : {0.0, 0.1, 1.0, -1e-4, -6.0}) {
      all.push_back(compute(dtype, "equal", {1.14, 1.14, 1.14, 1.14}, t));
      all.push_back(compute(dtype, "increasing", {1, 2, 3, 4}, t));
    }
  return all;
}

std::string compensation_csv(const std::vector<Compensation>& compensations) {
  std::string text = "bits,x,t,value,derivative,real_derivative\n";
  for (const Compensation& c : compensations)
    text += fmt::format("{},{},{},{},{},{}\n", bits_of(c.dtype), c.x, csv_number(c.t), csv_number(c.value),
                        csv_number(c.derivative), csv_number(c.real_derivative));
  return text;
}

}  // namespace mpad
