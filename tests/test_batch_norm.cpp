// SPDX-License-Identifier: MIT
// The kernels of batch normalisation, on every backend.
#include "../bench/shapes.h"
#include "batch_norm_support.h"

#include <mpad/core/parallel.h>

using namespace mpad;
using namespace mpad::test;

namespace {

// LeNet's and others: below, at and beside the multiples of packs, vectors and blocks, one row and one chunk or many.
// Without rows there is no mean, and the operation refuses them.
const Shape sizes[] = {{1, 1},   {1, 7},    {1, 8},    {1, 33},   {1, 257}, {2, 1},   {3, 1},   {97, 1},  {1000, 1},
                       {2, 2},   {5, 2},    {64, 3},   {257, 3},  {16, 4},  {33, 4},  {50, 5},  {96, 6},  {2900, 6},
                       {31, 7},  {7, 8},    {1300, 8}, {129, 9},  {40, 10}, {77, 12}, {17, 15}, {16, 16}, {600, 16},
                       {15, 17}, {100, 24}, {25, 31},  {130, 32}, {9, 33},  {64, 48}, {3, 63},  {90, 64}, {5, 65},
                       {32, 84}, {20, 100}, {33, 120}, {70, 257}, {2, 300}};

/// Calls f(where, batch) for every size, dtype and backend.
template <class F>
void for_each_case(const F& f) {
  for (const Shape& size : sizes)
    for (DType dtype : real_dtypes) {
      const Batch batch = make_batch(size[0], size[1], dtype);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << to_string(size));
        f(where, batch);
      });
    }
}

void check_definition(const Normalized& got, const Definition& want) {
  CHECK(want.mean.holds(got.mean));
  CHECK(want.inv_std.holds(got.inv_std));
  CHECK(want.y.holds(got.y));
  CHECK(want.grad_x.holds(got.grad_x));
  CHECK(want.grad_gamma.holds(got.grad_gamma));
  CHECK(want.grad_beta.holds(got.grad_beta));
}

void check_same(const Normalized& got, const Normalized& want) {
  for (std::size_t i = 0; i < all(got).size(); ++i) {
    INFO("output " << i);
    CHECK(same_bits(all(got)[i], all(want)[i]));
  }
}

}  // namespace

TEST_CASE("batch normalisation in training follows its definition") {
  for_each_case([](auto where, const Batch& batch) { check_definition(normalize(where, batch), Definition(batch)); });
}

TEST_CASE("batch normalisation of what it is timed on follows its definition", "[timed]") {
  for (const bench::Activation& it : bench::activations(Device::cuda)) {
    if (!it.normalised) continue;
    const Batch batch = make_batch(it.shape[1] * it.shape[2], it.shape[3], DType::f32);
    const Definition want(batch);
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ' ' << it.name);
      check_definition(normalize(where, batch), want);
    });
  }
}

TEST_CASE("batch normalisation by running statistics follows its definition") {
  for_each_case([](auto where, const Batch& batch) {
    const BatchNormOptions options{.training = false};
    const Normalized got = normalize(where, batch, options);
    check_definition(got, Definition(batch, options));
    CHECK(same_bits(got.running_mean, batch.running_mean));
    CHECK(same_bits(got.running_var, batch.running_var));
  });
}

TEST_CASE("running statistics move by the momentum towards the mean and the unbiased variance") {
  for_each_case([](auto where, const Batch& batch) {
    const BatchNormOptions options{.momentum = 0.3};
    const Normalized got = normalize(where, batch, options);
    const Definition want(batch, options);
    const double n = static_cast<double>(batch.x.shape()[0]);
    CHECK(updated(batch.running_mean, want.mean, 1, 0.3).holds(got.running_mean));
    if (n > 1)
      CHECK(updated(batch.running_var, want.variance, n / (n - 1), 0.3).holds(got.running_var));
    else  // one value has no unbiased variance
      for (const double variance : got.running_var.values()) CHECK(std::isnan(variance));
  });
}

// Rows of +1 and -1 around a mean of 4, with epsilon 0: every sum, quotient and root is exact in every type.
TEST_CASE("batch normalisation of small integers is exact") {
  for (const Shape& size : {Shape{4, 1}, {8, 3}, {64, 6}, {256, 8}, {1024, 16}, {24, 33}, {2048, 2}})
    for (DType dtype : real_dtypes) {
      const auto columns = static_cast<std::size_t>(size[1]);
      std::vector<double> x, grad_y, y, grad_x;
      for (std::size_t i = 0; i < static_cast<std::size_t>(size.numel()); ++i) {
        const std::size_t row = i / columns;
        const double sign = row % 2 == 0 ? 1 : -1;
        // In columns by turns: a gradient that the normalisation passes, its mean, and its own direction.
        const double passed = row % 4 < 2 ? 1 : -1, gradient[] = {passed, 1, sign};
        x.push_back(4 + 2 * sign);
        y.push_back(3 * sign + 5);
        grad_y.push_back(gradient[i % columns % 3]);
        grad_x.push_back(i % columns % 3 == 0 ? 1.5 * passed : 0);
      }
      Batch batch = make_batch(size[0], size[1], dtype);
      batch.x = Tensor::from(x, size, dtype);
      batch.grad_y = Tensor::from(grad_y, size, dtype);
      batch.gamma = Tensor::full({size[1]}, 3, dtype);
      batch.beta = Tensor::full({size[1]}, 5, dtype);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << to_string(size));
        const Normalized got = normalize(where, batch, {.epsilon = 0});
        CHECK(got.mean.values() == std::vector<double>(columns, 4));
        CHECK(got.inv_std.values() == std::vector<double>(columns, 0.5));
        CHECK(got.y.values() == y);
        CHECK(got.grad_x.values() == grad_x);
        for (std::size_t c = 0; c < columns; ++c) {
          CHECK(got.grad_gamma.values()[c] == (c % 3 == 2 ? static_cast<double>(size[0]) : 0));
          CHECK(got.grad_beta.values()[c] == (c % 3 == 1 ? static_cast<double>(size[0]) : 0));
        }
      });
    }
}

// x lies within 0.2 of 10,000, where floats are 1/1024 apart and their squares 8: the mean of squares less the square
// of the mean would be noise. The bound that Definition states is that of the differences from row 0.
TEST_CASE("large means do not cancel") {
  for (const Shape& size : {Shape{100, 3}, {1500, 8}, {4000, 1}})
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ' ' << to_string(size));
      for (DType dtype : {DType::f32, DType::f64}) {
        const Batch batch = make_batch(size[0], size[1], dtype, 1e4, 0.2);
        check_definition(normalize(where, batch), Definition(batch));
        const std::vector<double> got = normalize(where, batch).inv_std.values();
        const std::vector<double> want = Definition(batch).inv_std.value;
        for (std::size_t c = 0; c < got.size(); ++c) CHECK(std::abs(got[c] / want[c] - 1) < 1e-5);
      }
      const Batch batch = make_batch(size[0], size[1], DType::f16, 2000, 40);
      check_definition(normalize(where, batch), Definition(batch));
    });
}

TEST_CASE("a constant channel has variance 0, becomes beta and passes gradients on") {
  for (DType dtype : real_dtypes) {
    Batch batch = make_batch(50, 5, dtype);
    batch.x = Tensor::full({50, 5}, 0.3, dtype);
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ' ' << to_string(dtype));
      const Normalized got = normalize(where, batch);
      CHECK(got.mean.values() == std::vector<double>(5, Tensor::full({}, 0.3, dtype).item()));
      for (std::int64_t row = 0; row < 50; ++row) CHECK(same_bits(got.y.slice(5 * row, {5}), batch.beta));
      CHECK(got.grad_gamma.values() == std::vector<double>(5, 0));
      check_definition(got, Definition(batch));
    });
  }
}

TEST_CASE("NaN and infinity stay in their channel") {
  for (DType dtype : real_dtypes) {
    Batch batch = make_batch(40, 8, dtype);
    std::vector<double> x = batch.x.values();
    const Batch finite = batch;
    x[8 * 7 + 2] = NAN;
    x[8 * 9 + 5] = INFINITY;
    batch.x = Tensor::from(x, {40, 8}, dtype);
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ' ' << to_string(dtype));
      const std::vector<Tensor> got = all(normalize(where, batch)), want = all(normalize(where, finite));
      for (std::size_t i = 0; i < got.size(); ++i) {
        const std::vector<double> a = got[i].values(), b = want[i].values();
        for (std::size_t j = 0; j < a.size(); ++j) {
          const bool spoilt = j % 8 == 2 || j % 8 == 5;
          // The gradient of beta is a sum of grad_y alone; the infinite mean is no NaN.
          if (!spoilt || i == 7)
            CHECK(a[j] == b[j]);
          else if (j % 8 == 2 || i == 1 || i == 3 || i == 6)
            CHECK(std::isnan(a[j]));
        }
      }
    });
  }
}

TEST_CASE("bn+relu in one pass has the bits of both, one after the other") {
  constexpr CpuWith<Isa::portable> portable;
  for (const Shape& size : {Shape{3, 1}, {60, 6}, {300, 8}, {40, 33}})
    for (DType dtype : real_dtypes) {
      // x of three values with mean 0 and beta 0: a third of the outputs is 0. The last channel's gamma is so small
      // that halves round to 0 what is none; the first one's gamma and beta make zeros negative.
      Batch finite = make_batch(size[0], size[1], dtype);
      std::vector<double> x, gamma(static_cast<std::size_t>(size[1]), 1.5);
      for (std::int64_t i = 0; i < size.numel(); ++i) x.push_back(static_cast<double>(i / size[1] % 3 - 1));
      std::vector<double> beta(gamma.size(), 0);
      gamma.front() = -1;
      beta.front() = -0.0;
      gamma.back() = 0x1p-24;
      finite.x = Tensor::from(x, size, dtype);
      finite.gamma = Tensor::from(gamma, {size[1]}, dtype);
      finite.beta = Tensor::from(beta, {size[1]}, dtype);
      // Where ReLU'(0) is 0, or is so in the type of sums, an infinite gradient of what is 0 is nothing.
      Batch infinite = finite;
      std::vector<double> grad_y = finite.grad_y.values();
      for (std::size_t i = 0; i < x.size(); ++i)
        if (x[i] == 0) grad_y[i] = INFINITY;
      infinite.grad_y = Tensor::from(grad_y, size, dtype);
      for (const double alpha : {0.0, 1e-300, 1.0, 0.3}) {
        const bool vanishes = alpha == 0 || (alpha == 1e-300 && dtype != DType::f64);
        const Batch& batch = vanishes ? infinite : finite;
        for (const bool training : {true, false})
          on_each_backend([&](auto where) {
            INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << to_string(size) << ' ' << alpha << training);
            BatchNormOptions options{.training = training, .epsilon = 9};
            const Tensor before = normalize(where, batch, options).y;
            Batch behind = batch;
            Tensor y = empty_like(before);
            behind.grad_y = empty_like(before);
            kernels::relu_forward(portable, before.view(), y.view());
            kernels::relu_backward(portable, alpha, before.view(), batch.grad_y.view(), behind.grad_y.view());
            Normalized want = normalize(where, behind, options);
            want.y = y;
            options.relu = true;
            options.alpha = alpha;
            check_same(normalize(where, batch, options), want);
          });
      }
    }
}

TEST_CASE("gradients that nobody wants are not computed, and change nothing in the others") {
  const Batch batch = make_batch(70, 12, DType::f32);
  for (const bool training : {true, false})
    on_each_backend([&](auto where) {
      const Normalized want = normalize(where, batch, {.training = training});
      const Tensor whole[] = {want.grad_x, want.grad_gamma, want.grad_beta};
      for (int wanted = 0; wanted < 3; ++wanted) {
        const Tensor got =
            run_kernel(where, {batch.x, batch.gamma, batch.beta, batch.grad_y, want.mean, want.inv_std},
                       {{whole[wanted].shape(), DType::f32}}, [&](auto in, auto out) {
                         View into[3];
                         into[wanted] = out[0];
                         const kernels::BatchNorm norm{in[4], in[5], in[1], in[2]};
                         kernels::batch_norm_backward(where, norm, training, in[0], in[3], into[0], into[1], into[2]);
                       })[0];
        CHECK(same_bits(got, whole[wanted]));
      }
    });
}

namespace {

struct Summed {
  Tensor x, gamma, beta, mean, inv_std, addend, grad_y;
};

/// Few values, so that sums tie at 0, and where `spoilt` infinities and NaN.
Summed make_summed(std::int64_t rows, std::int64_t channels, DType dtype, bool spoilt) {
  const DType wide = acc_dtype(dtype);
  const auto integers = [](const Shape& shape, DType type, std::uint64_t seed) {
    return random_integers(shape, type, seed, 4, -1);
  };
  const Shape matrix{rows, channels}, vector{channels};
  Summed s{integers(matrix, dtype, 1),     integers(vector, dtype, 2),      integers(vector, dtype, 3),
           integers(vector, wide, 4),      Tensor::full(vector, 0.5, wide), random_integers(matrix, dtype, 5, 5, -3),
           random_tensor(matrix, dtype, 6)};
  if (spoilt)
    for (const Tensor& tensor : {s.x, s.addend, s.grad_y}) {
      std::vector<double> values = tensor.values();
      for (std::size_t i = 0; i < values.size(); i += 5)
        values[i] = i % 2 == 0 ? INFINITY : i % 3 == 0 ? NAN : -INFINITY;
      tensor.copy_from(Tensor::from(values, tensor.shape(), dtype));
    }
  return s;
}

constexpr int none_wanted = 0, all_wanted = 7;  // bits: x, gamma, beta

/// y, the addend's gradient and those of x, gamma and beta that are wanted, in one pass or operation by operation.
template <class Where>
std::vector<Tensor> add_relu_behind(Where where, const Summed& s, bool training, int wanted, bool in_one_pass) {
  const DType dtype = s.x.dtype();
  const Output matrix{s.x.shape(), dtype}, vector{s.gamma.shape(), dtype};
  std::vector<Output> outputs{matrix, matrix, matrix};
  for (int i = 0; i < 3; ++i)
    if (wanted >> i & 1) outputs.push_back(i == 0 ? matrix : vector);
  std::vector<Tensor> results =
      run_kernel(where, {s.x, s.gamma, s.beta, s.mean, s.inv_std, s.addend, s.grad_y}, outputs, [&](auto in, auto out) {
        const kernels::BatchNorm norm{in[3], in[4], in[1], in[2]};
        View into[3];
        for (std::size_t i = 0, next = 3; i < 3; ++i)
          if (wanted >> i & 1) into[i] = out[next++];
        if (in_one_pass) {
          kernels::fill(where, out[0], 0);
          kernels::batch_norm_add_relu_forward(where, norm, in[0], in[5], out[1]);
          kernels::batch_norm_add_relu_backward(where, norm, training, in[0], out[1], in[6], out[2], into[0], into[1],
                                                into[2]);
        } else {
          kernels::batch_norm_forward(where, norm, in[0], out[0]);
          kernels::add_relu(where, out[0], in[5], out[1]);
          kernels::relu_backward(where, 0, out[1], in[6], out[2]);
          kernels::batch_norm_backward(where, norm, training, in[0], out[2], into[0], into[1], into[2]);
        }
      });
  results.erase(results.begin());
  return results;
}

}  // namespace

TEST_CASE("normalisation, a sum and ReLU in one pass have the bits of the three, ties and NaN included") {
  for (const Shape& size : {Shape{1, 8}, {2, 1}, {70, 12}, {37, 8}, {65, 64}, {300, 3}, {9, 264}, {2000, 16}})
    for (DType dtype : real_dtypes)
      for (const bool spoilt : {false, true})
        on_each_backend([&](auto where) {
          const Summed s = make_summed(size[0], size[1], dtype, spoilt);
          for (const bool training : {true, false}) {
            INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << to_string(size) << ' ' << spoilt << training);
            const std::vector<Tensor> got = add_relu_behind(where, s, training, all_wanted, true),
                                      want = add_relu_behind(where, s, training, all_wanted, false);
            for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
          }
        });
}

TEST_CASE("the sum behind a normalisation has gradient 0 where it ties with 0, and is rounded before") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Tensor one = Tensor::full({1}, 1, dtype), wide = Tensor::full({1}, 1, acc_dtype(dtype));
      // 2048 + 1 and 2048 + 3 are no halves: they round to even before the sum.
      const Summed s{Tensor::from({2, 3, 1, 2048, 2050}, {5, 1}, dtype),
                     one,
                     one,
                     Tensor::zeros({1}, acc_dtype(dtype)),
                     wide,
                     Tensor::from({-3, -3, -3, -2048, -2048}, {5, 1}, dtype),
                     Tensor::from({1, 2, 3, 4, 5}, {5, 1}, dtype)};
      const std::vector<Tensor> got = add_relu_behind(where, s, false, all_wanted, true);
      const bool half = dtype == DType::f16;
      CHECK(got[0].values() == std::vector<double>{0, 1, 0, half ? 0.0 : 1.0, half ? 4.0 : 3.0});
      CHECK(got[1].values() == std::vector<double>{0, 2, 0, half ? 0.0 : 4.0, 5});
    });
}

TEST_CASE("the addend's gradient is written whatever else is wanted") {
  const Summed s = make_summed(70, 12, DType::f32, false);
  for (const bool training : {true, false})
    for (int wanted = none_wanted; wanted <= all_wanted; ++wanted)
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << training << ' ' << wanted);
        const std::vector<Tensor> got = add_relu_behind(where, s, training, wanted, true),
                                  want = add_relu_behind(where, s, training, wanted, false);
        for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
      });
}

TEST_CASE("batch normalisation gives the same bits for any number of threads and instruction set") {
  constexpr CpuWith<Isa::portable> portable;
  for (const Shape& size : {Shape{9000, 6}, {700, 64}, {90, 300}, {40000, 1}})
    for (DType dtype : real_dtypes) {
      const Batch batch = make_batch(size[0], size[1], dtype);
      const BatchNormOptions options{.relu = true, .alpha = 0.5};
      set_num_threads(1);
      const Normalized want = normalize(portable, batch, options);
      for (int threads : {1, 2, 4}) {
        set_num_threads(threads);
        on_each_isa([&](auto where) {
          INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << to_string(size) << ' ' << threads);
          check_same(normalize(where, batch, options), want);
        });
      }
      set_num_threads(0);
    }
}

TEST_CASE("running statistics of half inputs may be float: rounded to half, they are those kept in half") {
  const Batch batch = make_batch(37, 9, DType::f16);
  on_each_backend([&](auto where) {
    INFO(name_of(where));
    const Output wide{{9}, DType::f32}, narrow{{9}, DType::f16};
    const std::vector<Tensor> out =
        run_kernel(where, {batch.x, batch.running_mean, batch.running_var},
                   {wide, wide, wide, wide, wide, wide, narrow, narrow}, [&](auto in, auto out) {
                     for (std::size_t i : {4, 6}) {
                       kernels::cast(where, in[1], out[i]);
                       kernels::cast(where, in[2], out[i + 1]);
                       kernels::batch_norm_statistics(where, 1e-5, 0.1, in[0], out[0], out[1], out[i], out[i + 1]);
                     }
                     kernels::batch_norm_running(where, 1e-5, out[4], out[5], out[2], out[3]);
                   });
    CHECK(same_bits(out[4].to(DType::f16), out[6]));
    CHECK(same_bits(out[5].to(DType::f16), out[7]));
    CHECK_FALSE(same_bits(out[4], out[6].to(DType::f32)));
    CHECK(same_bits(out[2], out[4]));
  });
}
