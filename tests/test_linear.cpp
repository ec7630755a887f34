// SPDX-License-Identifier: MIT
// Linear layers against the definition, computed in double, on every backend.
#include "kernel_run.h"

#include <mpad/core/parallel.h>
#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

namespace {

struct Size {
  std::int64_t n, in, out;
};

const Size sizes[] = {
    {128, 256, 120}, {128, 120, 84}, {128, 84, 10},                           // LeNet-5's
    {0, 4, 3},       {3, 0, 5},      {3, 5, 0},     {0, 0, 0},    {1, 0, 1},  // no rows, inputs or outputs
    {1, 1, 1},       {1, 1, 7},      {1, 7, 1},     {7, 1, 1},    {1, 17, 3},  {2, 2, 2},    {3, 5, 7},  // one and few
    {5, 16, 16},     {6, 15, 17},    {4, 8, 24},    {8, 32, 32},  {9, 33, 31}, {31, 31, 33},  // packs and warps
    {17, 64, 65},    {63, 63, 63},   {64, 64, 64},  {65, 65, 65},                             // tiles
    {2, 257, 255},   {3, 300, 48},   {1, 1009, 2},  {2, 3, 1000},  // long sums and many outputs
    {130, 7, 1},     {257, 2, 3},    {1031, 1, 2}};                // many rows

/// x, weight, bias and grad_y; small integers, whose sums are exact in every type, or random values.
std::vector<Tensor> make(const Size& size, DType dtype, bool integers) {
  std::vector<Tensor> tensors;
  for (const Shape& shape :
       {Shape{size.n, size.in}, Shape{size.out, size.in}, Shape{size.out}, Shape{size.n, size.out}}) {
    std::vector<double> values = random_tensor(shape, dtype, 10 + tensors.size(), -2, 2).values();
    if (integers)
      for (double& v : values) v = std::trunc(v);
    tensors.push_back(Tensor::from(values, shape, dtype));
  }
  return tensors;
}

/// y, grad_x, grad_weight and grad_bias of what make() makes.
template <class Where>
std::vector<Tensor> compute(Where where, const std::vector<Tensor>& in) {
  const DType dtype = in[0].dtype();
  const std::vector<Output> outputs{
      {in[3].shape(), dtype}, {in[0].shape(), dtype}, {in[1].shape(), dtype}, {in[2].shape(), dtype}};
  return run_kernel(where, in, outputs, [where](auto given, auto out) {
    const View &x = given[0], &weight = given[1], &bias = given[2], &grad_y = given[3];
    kernels::linear_forward(where, x, weight, bias, false, out[0]);
    kernels::linear_backward_data(where, grad_y, weight, out[1]);
    kernels::linear_backward_weight(where, x, grad_y, out[2]);
    kernels::sum_rows(where, grad_y, out[3]);
  });
}

/// The same in double, of |values| where `absolute`.
std::vector<std::vector<double>> reference(const Size& size, const std::vector<Tensor>& in, bool absolute) {
  std::vector<std::vector<double>> v;
  for (const Tensor& t : in) v.push_back(t.values());
  if (absolute)
    for (auto& values : v)
      for (double& e : values) e = std::abs(e);
  const auto &x = v[0], &weight = v[1], &bias = v[2], &grad = v[3];
  std::vector<std::vector<double>> out;
  for (const auto* like : {&grad, &x, &weight, &bias}) out.emplace_back(like->size(), 0.0);
  const auto columns = static_cast<std::size_t>(size.in), rows = static_cast<std::size_t>(size.out);
  for (std::size_t n = 0; n < static_cast<std::size_t>(size.n); ++n)
    for (std::size_t o = 0; o < rows; ++o) {
      const double g = grad[n * rows + o];
      out[0][n * rows + o] = bias[o];
      out[3][o] += g;
      for (std::size_t i = 0; i < columns; ++i) {
        out[0][n * rows + o] += x[n * columns + i] * weight[o * columns + i];
        out[1][n * columns + i] += g * weight[o * columns + i];
        out[2][o * columns + i] += g * x[n * columns + i];
      }
    }
  return out;
}

}  // namespace

TEST_CASE("linear layers of small integers are exact in every type") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes) {
      const std::vector<Tensor> in = make(size, dtype, true);
      const std::vector<std::vector<double>> want = reference(size, in, false);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << " " << to_string(dtype) << " " << size.n << "," << size.in << " -> " << size.out);
        const std::vector<Tensor> got = compute(where, in);
        for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i].values() == want[i]);
      });
    }
}

// A sum of m rounded products differs from the exact one, in any order, by at most about m * u * sum |a * b|,
// u = 2^-24 or 2^-53 (Higham, Accuracy and Stability, 3.1), bias and chunks within the margin of 20. Tensor cores
// multiply halves exactly, so that the term for products makes up for sums that they cut off. half adds the store's
// 2^-11 of the result, or 2^-25 below the normal numbers.
TEST_CASE("linear layers of random values stay within the bound of their sums", "[values]") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes) {
      const std::vector<Tensor> in = make(size, dtype, false);
      const std::vector<std::vector<double>> want = reference(size, in, false), scale = reference(size, in, true);
      const double unit = std::ldexp(1.0, dtype == DType::f64 ? -53 : -24);
      const std::int64_t terms[] = {size.in, size.out, size.n, size.n};
      on_each_backend([&](auto where) {
        INFO(name_of(where) << " " << to_string(dtype) << " " << size.n << "," << size.in << " -> " << size.out);
        const std::vector<Tensor> got = compute(where, in);
        for (std::size_t i = 0; i < want.size(); ++i) {
          const std::vector<double> values = got[i].values();
          bool within = true;
          for (std::size_t e = 0; e < values.size(); ++e) {
            const double sum = (static_cast<double>(terms[i]) + 20) * unit * scale[i][e];
            const double store =
                dtype == DType::f16 ? std::ldexp(std::abs(want[i][e]) + sum, -11) + std::ldexp(1.0, -25) : 0;
            within = within && std::abs(values[e] - want[i][e]) <= sum + store;
          }
          CHECK(within);
        }
      });
    }
}

TEST_CASE("a linear layer and ReLU in one pass are one and the other, bit for bit") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes)
      for (const bool integers : {false, true}) {  // whose sums are 0 at times
        const std::vector<Tensor> in = make(size, dtype, integers);
        on_each_backend([&](auto where) {
          INFO(name_of(where) << " " << to_string(dtype) << " " << size.n << "," << size.in << " -> " << size.out);
          const Output y{in[3].shape(), dtype};
          const std::vector<Tensor> got = run_kernel(where, in, {y, y, y, y}, [where](auto given, auto out) {
            for (const std::size_t i : {0, 2}) {
              const View bias = i == 0 ? given[2] : View{};
              kernels::linear_forward(where, given[0], given[1], bias, true, out[i]);
              kernels::linear_forward(where, given[0], given[1], bias, false, out[i + 1]);
              kernels::relu_forward(where, out[i + 1], out[i + 1]);
            }
          });
          CHECK(same_bits(got[0], got[1]));
          CHECK(same_bits(got[2], got[3]));
        });
      }
}

TEST_CASE("ReLU behind a linear layer lets NaN pass and makes both zeros 0") {
  for (DType dtype : real_dtypes) {
    const std::vector<Tensor> in{Tensor::from({NAN, -0.0, 0, 1, -1, INFINITY, -INFINITY}, {7, 1}, dtype),
                                 Tensor::full({1, 1}, 1, dtype), Tensor::from({-0.0}, {1}, dtype)};
    on_each_backend([&](auto where) {
      const Tensor y = run_kernel(where, in, {{{7, 1}, dtype}}, [where](auto given, auto out) {
        kernels::linear_forward(where, given[0], given[1], given[2], true, out[0]);
      })[0];
      const std::vector<double> values = y.values();
      CHECK(std::isnan(values[0]));
      for (const std::size_t i : {1, 2, 4, 6}) {
        CHECK(values[i] == 0);
        CHECK_FALSE(std::signbit(values[i]));
      }
      CHECK(values[3] == 1);
      CHECK(values[5] == INFINITY);
    });
  }
}

TEST_CASE("linear layers give the same bits for any number of threads") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes)
      on(Device::cpu, [&](auto where) {
        const std::vector<Tensor> in = make(size, dtype, false);
        INFO(to_string(dtype) << " " << size.n << "," << size.in << " -> " << size.out);
        set_num_threads(1);
        const std::vector<Tensor> want = compute(where, in);
        for (int threads : {1, 2, 4}) {
          set_num_threads(threads);
          const std::vector<Tensor> got = compute(where, in);
          for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
        }
        set_num_threads(0);
      });
}

TEST_CASE("the bias is added before the one rounding to half") {
  // 2048 + 1 + 1 is 2050, a half. 2049 is none: rounded on the way it would be 2048, and 2048 + 1 that again.
  const std::vector<Tensor> in{Tensor::from({2048, 1}, {1, 2}, DType::f16), Tensor::full({1, 2}, 1, DType::f16),
                               Tensor::full({1}, 1, DType::f16)};
  on_each_backend([&](auto where) {
    const Tensor y = run_kernel(where, in, {{{1, 1}, DType::f16}}, [where](auto given, auto out) {
      kernels::linear_forward(where, given[0], given[1], given[2], false, out[0]);
    })[0];
    CHECK(y.values() == std::vector<double>{2050});
  });
}

TEST_CASE("a linear layer without bias adds none") {
  for (DType dtype : real_dtypes) {
    const Tensor x = Tensor::from({1, 2, 3, 4}, {2, 2}, dtype);
    const Tensor weight = Tensor::from({1, 1, 1, -1, 0, 2}, {3, 2}, dtype);
    for (Device device : devices())
      CHECK(linear(x.to(device), weight.to(device)).values() == std::vector<double>{3, -1, 4, 7, -1, 8});
  }
}

TEST_CASE("parameters may be slices that are aligned to an element only") {
  for (DType dtype : real_dtypes) {
    const Size size{5, 24, 16};
    const std::vector<Tensor> in = make(size, dtype, true);
    const std::vector<std::vector<double>> want = reference(size, in, false);
    for (Device device : devices()) {
      const Tensor arena(Shape{1 + size.in * size.out + size.out}, dtype, device);
      const Tensor weight = arena.slice(1, in[1].shape()), bias = arena.slice(1 + size.in * size.out, in[2].shape());
      weight.copy_from(in[1]);
      bias.copy_from(in[2]);
      CHECK(linear(in[0].to(device), weight, bias).values() == want[0]);
    }
  }
}

TEST_CASE("gradients of a linear layer match central differences in double") {
  const Function f = [](const std::vector<Tensor>& in) { return linear(in[0], in[1], in[2]); };
  const std::vector<Tensor> in = make({5, 7, 3}, DType::f64, false);
  CHECK(gradient_error(f, {in[0], in[1], in[2]}) <= 1e-7);
}

TEST_CASE("gradients of a linear layer with ReLU match central differences, and those of the two apart bit for bit") {
  for (const double alpha : {0.0, 0.5}) {
    const Function f = [=](const std::vector<Tensor>& in) { return linear_relu(in[0], in[1], in[2], alpha); };
    const Function apart = [=](const std::vector<Tensor>& in) { return relu(linear(in[0], in[1], in[2]), alpha); };
    const std::vector<Tensor> smooth = make({5, 7, 3}, DType::f64, false);
    CHECK(gradient_error(f, {smooth[0], smooth[1], smooth[2]}) <= 1e-7);
    // Of integers, so that some sums are 0.
    for (const Device device : devices())
      for (const DType dtype : real_dtypes) {
        CAPTURE(to_string(device), to_string(dtype), alpha);
        const auto gradients_of = [&](const Function& function) {
          std::vector<Tensor> in = make({31, 4, 33}, dtype, true);
          for (Tensor& tensor : in) tensor = tensor.to(device);
          for (std::size_t i = 0; i < 3; ++i) in[i].set_requires_grad();
          Tape tape;
          const Tensor y = function(in);
          tape.backward(dot(y, in[3]));
          return std::vector<Tensor>{y, in[0].grad(), in[1].grad(), in[2].grad()};
        };
        const std::vector<Tensor> got = gradients_of(f), want = gradients_of(apart);
        CHECK(std::ranges::count(want[0].values(), 0.0) > 0);
        for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i].to(Device::cpu), want[i].to(Device::cpu)));
      }
  }
}

TEST_CASE("linear_relu names itself where something does not fit") {
  CHECK_THROWS_WITH(linear_relu(Tensor::zeros({2, 4}), Tensor::zeros({3, 5})),
                    "linear_relu: expected an input of shape n,5, got 2,4");
}

TEST_CASE("linear names what does not fit") {
  const Tensor x = Tensor::zeros({2, 5}), weight = Tensor::zeros({3, 5});
  CHECK_THROWS_WITH(linear(x, Tensor::zeros({3})), "linear: expected a weight of shape out,in, got 3");
  CHECK_THROWS_WITH(linear(Tensor::zeros({2, 4}), weight), "linear: expected an input of shape n,5, got 2,4");
  CHECK_THROWS_WITH(linear(x, weight, Tensor::zeros({2})), "linear: expected a bias of shape 3, got 2");
  CHECK_THROWS_WITH(linear(x, weight.to(DType::f16)), "linear: expected one real dtype, got input float, weight half");
  CHECK_THROWS_WITH(linear(Tensor::zeros({1, 2}), Tensor::zeros({3, 2}), Tensor::zeros({3}, DType::f64)),
                    "linear: expected one real dtype, got input float, weight float, bias double");
}
