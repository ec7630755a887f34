// SPDX-License-Identifier: MIT
// Softmax cross-entropy and the count of right answers, against the definition in long double.
#include "kernel_run.h"

#include <mpad/ops.h>

#include <algorithm>
#include <array>
#include <limits>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = INFINITY, quiet = std::numeric_limits<double>::quiet_NaN();

struct Size {
  std::int64_t rows, classes;
};
// Without rows or classes there is no mean: the operation refuses them.
const Size sizes[] = {
    {1, 1},    {2, 1},    {700, 1},  {1, 2},    {2, 2},    {3, 2},     {5, 3},    // 1, 2 and 3 classes
    {1, 10},   {7, 10},   {8, 10},   {9, 10},   {128, 10}, {1000, 10},            // a GPU's block takes 8 rows
    {4, 7},    {4, 8},    {4, 9},    {17, 15},  {16, 16},  {15, 17},              // packs
    {6, 31},   {6, 32},   {6, 33},   {5, 63},   {5, 64},   {5, 65},    {7, 127},  // a warp's lanes take a row
    {63, 100}, {3, 1000}, {2, 1009}, {1, 1024}, {1, 4099},                        // many classes
    {63, 4},   {64, 4},   {65, 4},   {1025, 2}};                                  // many rows

struct Problem {
  Tensor logits, labels;
};

Problem make(const Size& size, DType dtype, double range = 6) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < size.rows; ++i)
    labels.push_back(static_cast<std::int32_t>(
        uniform_below(Philox(9, static_cast<std::uint64_t>(i)).word[0], static_cast<std::uint32_t>(size.classes))));
  return {random_tensor({size.rows, size.classes}, dtype, 8, -range, range), Tensor::from(labels, {size.rows})};
}

struct Results {
  Tensor loss, grad_logits;
};

template <class Where>
Results compute(Where where, const Problem& p, double grad_loss) {
  const DType dtype = p.logits.dtype();
  const Tensor grad = Tensor::full({}, grad_loss, dtype);
  const std::vector<Tensor> out = run_kernel(where, {p.logits, p.labels, grad},
                                             {{{}, dtype}, {p.logits.shape(), dtype}}, [where](auto in, auto results) {
                                               kernels::cross_entropy_forward(where, in[0], in[1], results[0]);
                                               kernels::cross_entropy_backward(where, in[0], in[1], in[2], results[1]);
                                             });
  return {out[0], out[1]};
}

struct Reference {
  double loss;
  std::vector<double> probability, grad_logits;
};

Reference reference(const Problem& p, double grad_loss) {
  const std::vector<double> x = p.logits.values(), labels = p.labels.values();
  const auto rows = labels.size(), classes = x.size() / rows;
  long double loss = 0;
  std::vector<double> probability(x.size()), grad(x.size());
  for (std::size_t i = 0; i < rows; ++i) {
    const double* row = &x[i * classes];
    const auto label = static_cast<std::size_t>(labels[i]);
    const long double largest = *std::max_element(row, row + classes);
    long double sum = 0;
    for (std::size_t j = 0; j < classes; ++j) sum += std::exp(row[j] - largest);
    loss += std::log(sum) + largest - row[label];
    for (std::size_t j = 0; j < classes; ++j) {
      const long double softmax = std::exp(row[j] - largest) / sum;
      probability[i * classes + j] = static_cast<double>(softmax);
      grad[i * classes + j] =
          static_cast<double>(grad_loss * (softmax - (j == label ? 1 : 0)) / static_cast<long double>(rows));
    }
  }
  return {static_cast<double>(loss / static_cast<long double>(rows)), probability, grad};
}

Tensor labels_of(std::initializer_list<std::int32_t> labels) {
  return Tensor::from(std::vector<std::int32_t>(labels), {static_cast<std::int64_t>(labels.size())});
}

// u of the type that sums are formed in.
double unit_of(DType dtype) { return std::ldexp(1.0, dtype == DType::f64 ? -53 : -24); }

// What the store of a result adds: half a place of half, from its subnormal numbers up.
double store_of(double value, DType dtype) {
  return dtype == DType::f16 ? std::ldexp(std::abs(value), -11) + std::ldexp(1.0, -25) : 0;
}

constexpr double grad_loss = 1.5;

}  // namespace

// Each term exp(x - largest) is off by u |x - largest| for the difference, which times the term is below u, and by a
// place of exp; the sum of them by (classes - 1) u of itself. The logarithm turns the sum's relative error into an
// absolute one; log, differences and the mean of the rows add a few u of the loss each, one for each row at most.
TEST_CASE("the loss stays within the bound of its sums of the exact one") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << size.rows << ',' << size.classes);
      const Problem p = make(size, dtype);
      const double want = reference(p, grad_loss).loss, unit = unit_of(dtype);
      const double rows = std::min<double>(static_cast<double>(size.rows), 64 + static_cast<double>(size.rows) / 64);
      const double bound = unit * (static_cast<double>(size.classes) + 4 + (rows + 6) * std::abs(want));
      on_each_backend([&](auto where) {
        CHECK(std::abs(compute(where, p, grad_loss).loss.item() - want) <= bound + store_of(want, dtype));
      });
    }
}

// A probability is a quotient of a term, off by (12 + 1) u of itself as |x - largest| is below 12, and of the sum of
// such terms, off by (classes - 1) u more. Subtracting 1, and multiplying by a rounded grad_loss / n, cost u each.
TEST_CASE("gradients stay within the bound of their sums of the exact ones") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << size.rows << ',' << size.classes);
      const Problem p = make(size, dtype);
      const Reference want = reference(p, grad_loss);
      const double scale = grad_loss / static_cast<double>(size.rows), unit = unit_of(dtype);
      on_each_backend([&](auto where) {
        const std::vector<double> got = compute(where, p, grad_loss).grad_logits.values();
        bool within = true;
        for (std::size_t i = 0; i < got.size(); ++i) {
          const double exact = want.grad_logits[i];
          const double quotient = (static_cast<double>(size.classes) + 2 * 13) * unit * want.probability[i] * scale;
          within = within && std::abs(got[i] - exact) <= quotient + 4 * unit * std::abs(exact) + store_of(exact, dtype);
        }
        CHECK(within);
      });
    }
}

TEST_CASE("losses of a few rows are within a few places of the exact ones") {
  // Errors of the ten terms average out: one place seen on a CPU where the bound above allows forty, and two allowed
  // here; a GPU's exp and log are less exact. half rounds the float once.
  for (DType dtype : real_dtypes) {
    const Problem p = make({16, 10}, dtype);
    on_each_backend([&](auto where) {
      const double bound = dtype == DType::f16 ? 0.51 : device_of(where) == Device::cpu ? 2 : 10;
      CHECK(max_ulps(compute(where, p, 1).loss, {reference(p, 1).loss}) <= bound);
    });
  }
}

TEST_CASE("the gradient of each row sums to 0 and is negative at the label only") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << size.rows << ',' << size.classes);
      const Problem p = make(size, dtype);
      const std::vector<double> labels = p.labels.values();
      const auto classes = static_cast<std::size_t>(size.classes);
      const double scale = 1 / static_cast<double>(size.rows);
      on_each_backend([&](auto where) {
        const std::vector<double> grad = compute(where, p, 1).grad_logits.values();
        for (std::size_t i = 0; i < labels.size(); ++i) {
          double sum = 0, stores = 0;
          bool signs = true;
          for (std::size_t j = 0; j < classes; ++j) {
            const double g = grad[i * classes + j];
            sum += g;
            stores += store_of(g, dtype);
            signs = signs && (static_cast<double>(j) == labels[i] ? g <= 0 : g >= 0);
          }
          // Probabilities that sum to 1 within (classes + 3) u, each multiplied and stored with a rounding.
          const bool zero = std::abs(sum) <= unit_of(dtype) * (static_cast<double>(classes) + 6) * scale + stores;
          if (!zero || !signs) FAIL("row " << i << " sums to " << sum);
        }
      });
    }
}

TEST_CASE("logits as large as the type has them do not overflow on the way") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Tensor logits = Tensor::from({20000, 0, -20000}, {1, 3}, dtype);
      const Results right = compute(where, {logits, labels_of({0})}, 1);
      CHECK(right.loss.item() == 0);
      CHECK(right.grad_logits.values() == std::vector<double>{0, 0, 0});
      const Results wrong = compute(where, {logits, labels_of({2})}, 1);
      CHECK(wrong.loss.item() == 40000);
      CHECK(wrong.grad_logits.values() == std::vector<double>{1, 0, -1});
    });
  // 131008 lies between float's and half's largest numbers; the difference of the largest floats is beyond both.
  const Tensor halfs = Tensor::from({65504, -65504}, {1, 2}, DType::f16);
  CHECK(cross_entropy(halfs, labels_of({1})).item() == inf);
  CHECK(cross_entropy(halfs, labels_of({0})).item() == 0);
  const Tensor floats = Tensor::from({3e38, -3e38}, {1, 2}, DType::f32);
  CHECK(cross_entropy(floats, labels_of({1})).item() == inf);
  CHECK(gradients_of([](const auto& in) { return cross_entropy(in[0], labels_of({1})); }, {floats},
                     Tensor::full({}, 1))[0]
            .values() == std::vector<double>{1, -1});
}

TEST_CASE("a NaN, +inf or a row of -inf spoils the loss, and the gradient of its row alone") {
  for (DType dtype : real_dtypes)
    for (const auto& row : {std::array{quiet, 1.0, 2.0}, std::array{1.0, 2.0, quiet}, std::array{1.0, inf, 2.0},
                            std::array{inf, inf, -inf}, std::array{-inf, -inf, -inf}})
      on_each_backend([&](auto where) {
        const Problem p{Tensor::from({row[0], row[1], row[2], 0, 0, -inf}, {2, 3}, dtype), labels_of({1, 1})};
        const Results got = compute(where, p, 2);
        CHECK(std::isnan(got.loss.item()));
        const std::vector<double> grad = got.grad_logits.values();
        CHECK((std::isnan(grad[0]) || std::isnan(grad[1])));
        CHECK(std::vector<double>(grad.begin() + 3, grad.end()) == std::vector<double>{0.5, -0.5, 0});
      });
}

TEST_CASE("-inf is a class of probability 0") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Tensor logits = Tensor::from({-inf, 0, 0, -inf}, {1, 4}, dtype);
      const Results other = compute(where, {logits, labels_of({1})}, 1);
      CHECK(max_ulps(other.loss, {std::log(2.0)}) <= 1);
      CHECK(other.grad_logits.values() == std::vector<double>{0, -0.5, 0.5, 0});
      const Results impossible = compute(where, {logits, labels_of({3})}, 1);
      CHECK(impossible.loss.item() == inf);
      CHECK(impossible.grad_logits.values() == std::vector<double>{0, 0.5, 0.5, -1});
    });
}

TEST_CASE("with one class there is nothing to lose") {
  for (DType dtype : real_dtypes) {
    const Tensor logits = Tensor::from({5, -3, 0}, {3, 1}, dtype), labels = labels_of({0, 0, 0});
    CHECK(cross_entropy(logits, labels).item() == 0);
    CHECK(gradients_of([&](const auto& in) { return cross_entropy(in[0], labels); }, {logits},
                       Tensor::full({}, 1, dtype))[0]
              .values() == std::vector<double>{0, 0, 0});
    CHECK(accuracy(logits, labels) == 1);
  }
}

TEST_CASE("cross-entropy has the same bits on every instruction set and for 1, 2 and 4 threads") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << size.rows << ',' << size.classes);
      const Problem p = make(size, dtype);
      const Results want = compute(CpuWith<Isa::portable>{}, p, grad_loss);
      const auto check = [&](auto where) {
        const Results got = compute(where, p, grad_loss);
        CHECK(same_bits(got.loss, want.loss));
        CHECK(same_bits(got.grad_logits, want.grad_logits));
      };
      on_each_isa(check);
      with_threads([&] { on(Device::cpu, check); });
    }
}

TEST_CASE("gradients of cross-entropy match central differences in double") {
  for (const Size& size : {Size{4, 5}, Size{1, 2}, Size{3, 1}}) {
    const Problem p = make(size, DType::f64);
    CHECK(gradient_error([&](const auto& in) { return cross_entropy(in[0], p.labels); }, {p.logits}) <= 1e-7);
  }
}

TEST_CASE("the answer is the first largest logit, and NaN is largest") {
  for (DType dtype : real_dtypes) {
    for (Device device : devices()) {
      const auto count = [&](std::initializer_list<double> row, std::int32_t label) {
        return count_correct(Tensor::from(row, {1, 4}, dtype).to(device), labels_of({label}).to(device));
      };
      CHECK(count({1, 3, 2, 3}, 1) == 1);
      CHECK(count({1, 3, 2, 3}, 3) == 0);
      CHECK(count({0, -0.0, 0, 0}, 0) == 1);
      CHECK(count({-0.0, 0, 0, 0}, 0) == 1);
      CHECK(count({-inf, -inf, -inf, -inf}, 0) == 1);
      CHECK(count({-inf, -inf, -5, inf}, 3) == 1);
      CHECK(count({inf, NAN, inf, NAN}, 1) == 1);
      CHECK(count({NAN, inf, NAN, 1}, 0) == 1);
      CHECK(count({NAN, inf, NAN, 1}, 1) == 0);
      CHECK(count({NAN, NAN, NAN, NAN}, 1) == 0);
    }
  }
}

TEST_CASE("counts and accuracy agree with a search of each row") {
  for (const Size& size : sizes)
    for (DType dtype : real_dtypes) {
      const Problem p = make(size, dtype, 2);
      const std::vector<double> x = p.logits.values(), labels = p.labels.values();
      std::int64_t want = 0;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto row = x.begin() + static_cast<std::ptrdiff_t>(i) * size.classes;
        want += static_cast<double>(std::max_element(row, row + size.classes) - row) == labels[i];
      }
      on_each_backend([&](auto where) {
        const auto count = [where](auto in, auto out) { kernels::count_correct(where, in[0], in[1], out[0]); };
        CHECK(run_kernel(where, {p.logits, p.labels}, {{{}, DType::i32}}, count)[0].item() ==
              static_cast<double>(want));
      });
      CHECK(count_correct(p.logits, p.labels) == want);
      CHECK(accuracy(p.logits, p.labels) == static_cast<double>(want) / static_cast<double>(size.rows));
    }
}

TEST_CASE("more rows than a grid has warps") {
  const Problem p = make({8200, 2}, DType::f64);
  const Reference want = reference(p, 1);
  const std::int64_t correct = count_correct(p.logits, p.labels);
  // 8200 losses in a tree of less than 30 levels, and of the order of 1.
  on_each_backend([&](auto where) {
    const Results got = compute(where, p, 1);
    CHECK(std::abs(got.loss.item() - want.loss) <= 0x1p-52 * 200 * want.loss);
    CHECK(got.grad_logits.values()[16399] == Approx(want.grad_logits[16399]).epsilon(1e-12));
    CHECK(count_correct(p.logits.to(device_of(where)), p.labels.to(device_of(where))) == correct);
  });
}

TEST_CASE("labels on a device are not checked: one out of range makes the loss NaN, and counts as wrong") {
  for (Device device : devices())
    if (device != Device::cpu)
      for (const std::int32_t label : {-1, 3}) {
        const Tensor logits = Tensor::zeros({2, 3}).to(device), labels = labels_of({label, 0}).to(device);
        CHECK(std::isnan(cross_entropy(logits, labels).item()));
        CHECK(count_correct(logits, labels) == 1);
      }
}

TEST_CASE("backward refuses labels that were overwritten since") {
  const Tensor logits = Tensor::zeros({1, 3}).set_requires_grad(), labels = labels_of({1});
  Tape tape;
  const Tensor loss = cross_entropy(logits, labels);
  labels.copy_from(labels_of({2}));
  CHECK_THROWS_WITH(tape.backward(loss),
                    "cross_entropy: expected tensors as they were when it was recorded, got one of shape 1 that was "
                    "overwritten (by fill, copy_from or an optimizer's step)");
}

TEST_CASE("cross_entropy and count_correct name what does not fit") {
  const Tensor logits = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH(cross_entropy(Tensor::zeros({6}), labels_of({0})),
                    "cross_entropy: expected real logits of shape n,classes, both 1 or more, got float 6");
  CHECK_THROWS_WITH(cross_entropy(Tensor::zeros({0, 3}), Tensor({0}, DType::i32)),
                    "cross_entropy: expected real logits of shape n,classes, both 1 or more, got float 0,3");
  CHECK_THROWS_WITH(cross_entropy(Tensor::zeros({2, 0}), labels_of({0, 0})),
                    "cross_entropy: expected real logits of shape n,classes, both 1 or more, got float 2,0");
  CHECK_THROWS_WITH(cross_entropy(Tensor::zeros({2, 3}, DType::i32), labels_of({0, 0})),
                    "cross_entropy: expected real logits of shape n,classes, both 1 or more, got i32 2,3");
  CHECK_THROWS_WITH(cross_entropy(logits, labels_of({0})), "cross_entropy: expected i32 labels of shape 2, got i32 1");
  CHECK_THROWS_WITH(cross_entropy(logits, Tensor::zeros({2})),
                    "cross_entropy: expected i32 labels of shape 2, got float 2");
  CHECK_THROWS_WITH(cross_entropy(logits, labels_of({0, 3})), "cross_entropy: expected labels in 0..2, got 3");
  CHECK_THROWS_WITH(cross_entropy(logits, labels_of({-1, 0})), "cross_entropy: expected labels in 0..2, got -1");
  CHECK_THROWS_WITH(count_correct(logits, labels_of({0, 3})), "count_correct: expected labels in 0..2, got 3");
  CHECK_THROWS_WITH(accuracy(Tensor::zeros({6}), labels_of({0})),
                    "count_correct: expected real logits of shape n,classes, both 1 or more, got float 6");
}
