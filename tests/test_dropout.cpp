// SPDX-License-Identifier: MIT
// Dropout against its definition: which elements stay, and their bits, on every backend.
#include "kernel_run.h"

#include <mpad/nn/layers.h>

#include <array>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double probabilities[] = {0, 0.1, 0.25, 0.5, 0.75, 0.999};

/// Sizes around a block of four words, packs, blocks of the CPU's and of threads; none and one.
const std::int64_t sizes[] = {0,  1,  2,  3,   4,   5,   7,   8,   9,   12,  15,  16,   17,   31,    32,   33,
                              63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 511, 1023, 1025, 16385, 50021};

/// The definition: element i is dropped if its word is below p * 2^32; others are x times a scale rounded to acc_t, in
/// acc_t.
Tensor reference(double p, const Rng& rng, const Tensor& x) {
  std::vector<double> values = x.values();
  const bool is_double = x.dtype() == DType::f64;
  const double scale = is_double ? 1 / (1 - p) : static_cast<double>(static_cast<float>(1 / (1 - p)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double product = values[i] * scale;
    const bool dropped = Philox(rng.seed(), i / 4, rng.stream()).word[i % 4] < std::llround(p * 0x1p32);
    values[i] = dropped ? 0 : is_double ? product : static_cast<double>(static_cast<float>(product));
  }
  return Tensor::from(values, x.shape(), x.dtype());
}

template <class Where>
Tensor drop(Where where, double p, const Rng& rng, const Tensor& x) {
  return run_kernel(where, {x}, {{x.shape(), x.dtype()}}, [&](auto in, auto out) {
    kernels::dropout(where, p, {rng.seed(), rng.stream()}, in[0], out[0]);
  })[0];
}

// By the child of a root whose key is in memory; the stream that is given beside it does not count.
template <class Where>
Tensor drop_by_key(Where where, double p, const Rng& root, std::uint64_t child, const Tensor& x) {
  return run_kernel(where, {x, key_of(root)}, {{x.shape(), x.dtype()}}, [&](auto in, auto out) {
    kernels::dropout(where, p, {1234, 5678, in[1], child}, in[0], out[0]);
  })[0];
}

}  // namespace

TEST_CASE("what is dropped and what stays is what the words say, bit for bit") {
  for (std::int64_t size : sizes)
    for (DType dtype : real_dtypes)
      for (double p : probabilities) {
        if (size > 1025 && p != 0.5) continue;
        INFO(to_string(dtype) << ' ' << size << ' ' << p);
        const Tensor x = random_tensor({size}, dtype, 1);
        const Rng rng = Rng(7).split(static_cast<std::uint64_t>(size));
        const Tensor want = reference(p, rng, x);
        CHECK(same_bits(dropout(x, p, rng), want));
        on_each_backend([&](auto where) {
          CHECK(same_bits(drop(where, p, rng, x), want));
          CHECK(same_bits(drop_by_key(where, p, Rng(7), static_cast<std::uint64_t>(size), x), want));
        });
      }
}

TEST_CASE("a key in memory is read when dropout and its gradient are computed: the bits are those of the root") {
  const std::uint64_t large = (std::uint64_t{1} << 63) + 5;  // of seed and stream all bits count
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      INFO(to_string(device) << ' ' << to_string(dtype));
      const Tensor x = random_tensor({6, 7}, dtype, 5), grad_y = random_tensor({6, 7}, dtype, 6);
      const Tensor key({2}, DType::u64, device);
      for (const Rng& root : {Rng(large, 3), Rng(3, large), Rng(3, large).split(2)}) {
        Tensor from_root = x.to(device).clone(), from_key = x.to(device).clone();
        const auto drop_twice = [&](Tensor& leaf) {
          Tape tape;
          const Tensor y = dropout(dropout(leaf.set_requires_grad(), 0.4), 0.25);
          tape.backward(dot(y, grad_y.to(device)));
          return y.to(Device::cpu);
        };
        key.copy_from(key_of(root));
        set_seed(1);
        const std::uint64_t next = next_rng().stream();
        set_seed(1);
        const Tensor want = [&] {
          const RandomScope random(root);
          return drop_twice(from_root);
        }();
        const Tensor got = [&] {
          const RandomScope random(key);
          return drop_twice(from_key);
        }();
        CHECK(same_bits(got, want));
        CHECK(same_bits(got, reference(0.25, root.split(1), reference(0.4, root.split(0), x))));
        CHECK(same_bits(from_key.grad().to(Device::cpu), from_root.grad().to(Device::cpu)));
        CHECK(next_rng().stream() == next);  // the scopes left the thread's source as it was
      }
    }
}

TEST_CASE("a scope of a key says what it wants") {
  const Tensor x = Tensor::full({8}, 1);
  CHECK_THROWS_WITH(RandomScope(Tensor::zeros({2})), "random: expected a key, u64 2, got float 2");
  CHECK_THROWS_WITH(RandomScope(Tensor({3}, DType::u64)), "random: expected a key, u64 2, got u64 3");
  {
    const RandomScope random(key_of(Rng(1)));
    CHECK_THROWS_WITH(next_rng(), "random: expected dropout where a key is drawn by (RandomScope), got another draw");
    const RandomScope inner(Rng(2));
    CHECK(next_rng().stream() == Rng(2).split(0).stream());
  }
  if (devices().size() < 2) return;
  const RandomScope random(key_of(Rng(1)));
  CHECK_THROWS_WITH(dropout(x.to(Device::cuda), 0.5), "dropout: expected a key on cuda, got one on cpu");
}

TEST_CASE("a share p is dropped, each place alike, and the mean stays") {
  constexpr std::int64_t count = 100000;
  const Tensor ones = Tensor::full({count}, 1, DType::f64);
  for (double p : {0.1, 0.5, 0.9}) {
    std::array<std::int64_t, 4> dropped{};
    const std::vector<double> y = dropout(ones, p, Rng(3)).values();
    for (std::size_t i = 0; i < y.size(); ++i) dropped[i % 4] += y[i] == 0;
    // Five standard deviations of a binomial count.
    const double quarter = count / 4.0, deviation = std::sqrt(quarter * p * (1 - p));
    for (std::int64_t of_word : dropped) CHECK(std::abs(static_cast<double>(of_word) - p * quarter) < 5 * deviation);
  }
}

TEST_CASE("what is dropped is +0, NaN and infinity too, and what stays keeps its sign and kind") {
  const Tensor kinds = Tensor::from({NAN, -INFINITY, -1, -0.0, INFINITY, NAN, 2, -3}, {8});
  for (DType dtype : real_dtypes) {
    const Tensor x = kinds.to(dtype);
    on_each_backend([&](auto where) {
      const Rng rng(11);
      const std::vector<double> y = drop(where, 0.5, rng, x).values(), in = x.values();
      for (std::size_t i = 0; i < y.size(); ++i) {
        const bool dropped = Philox(11, i / 4, 0).word[i % 4] < 0x80000000u;
        if (dropped) CHECK((y[i] == 0 && !std::signbit(y[i])));
        if (!dropped) CHECK((y[i] == 2 * in[i] || (std::isnan(y[i]) && std::isnan(in[i]))));
      }
      CHECK(std::isnan(drop(where, 0, rng, x).values()[0]));
    });
  }
}

TEST_CASE("a probability next to 1 drops all but few, without overflow of the threshold") {
  const double p = std::nextafter(1.0, 0.0);
  on_each_backend([&](auto where) {
    CHECK(drop(where, p, Rng(1), Tensor::full({1000}, 1, DType::f64)).values() == std::vector<double>(1000, 0));
  });
}

TEST_CASE("packs are not accessed where the array is not aligned to them") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      const Tensor arena = random_tensor({1 + 100}, dtype, 8), x = arena.slice(1, {100});
      const Tensor y = dropout(arena.to(device).slice(1, {100}), 0.5, Rng(2));
      CHECK(same_bits(y.to(Device::cpu), reference(0.5, Rng(2), x)));
    }
}

TEST_CASE("1, 2 and 4 threads drop the same elements") {
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor({60013}, dtype, 4), want = reference(0.3, Rng(9), x);
    with_threads([&] { CHECK(same_bits(dropout(x, 0.3, Rng(9)), want)); });
  }
}

TEST_CASE("the gradient passes where the element stayed, times the same scale") {
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor({6, 7}, dtype, 5), grad_y = random_tensor({6, 7}, dtype, 6);
    const Function f = [](const auto& in) { return dropout(in[0], 0.4, Rng(4).split(2)); };
    CHECK(same_bits(gradients_of(f, {x}, grad_y)[0], reference(0.4, Rng(4).split(2), grad_y)));
  }
}

TEST_CASE("gradients of dropout match central differences in double") {
  const Tensor x = random_tensor({5, 7}, DType::f64, 7);
  for (double p : probabilities)
    CHECK(gradient_error([p](const auto& in) { return dropout(in[0], p, Rng(1)); }, {x}) <= 1e-7);
}

TEST_CASE("in training each call draws the next stream; in evaluation nothing is drawn and nothing changes") {
  const Tensor x = Tensor::full({1000}, 1);
  set_seed(5);
  const Tensor first = dropout(x, 0.5), second = dropout(x, 0.5);
  CHECK_FALSE(same_bits(first, second));
  set_seed(5);
  CHECK(dropout(x, 0.5, false).view().data == x.view().data);
  CHECK(dropout(x, 0).view().data == x.view().data);
  CHECK(same_bits(dropout(x, 0.5), first));
  const Rng root = Rng(1).split(2);
  for (int repeat = 0; repeat < 2; ++repeat) {
    const RandomScope random(root);
    CHECK(same_bits(dropout(x, 0.5), dropout(x, 0.5, root.split(0))));
    CHECK(same_bits(dropout(x, 0.5), dropout(x, 0.5, root.split(1))));
  }
  CHECK(same_bits(dropout(x, 0.5), second));  // the scope left the thread's source as it was
}

TEST_CASE("the layer drops in training only and says what it is") {
  Dropout layer(0.25);
  const Tensor x = Tensor::full({4, 100}, 3);
  CHECK(layer.describe() == "Dropout(0.25)");
  const std::vector<double> y = layer(x).values();
  CHECK(std::all_of(y.begin(), y.end(), [](double v) { return v == 0 || v == 4; }));
  CHECK(std::count(y.begin(), y.end(), 0.0) > 50);
  layer.train(false);
  CHECK(same_bits(layer(x), x));
}

TEST_CASE("dropout names what does not fit") {
  const Tensor x = Tensor::zeros({2});
  for (double p : {1.0, -0.5})
    CHECK_THROWS_WITH(dropout(x, p),
                      fmt::format("dropout: expected a probability of 0 or more and below 1, got {}", p));
  CHECK_THROWS_WITH(dropout(x, NAN, false), "dropout: expected a probability of 0 or more and below 1, got nan");
  CHECK_THROWS_WITH(Dropout(1), "Dropout: expected a probability of 0 or more and below 1, got 1");
  CHECK_THROWS_WITH(dropout(Tensor::zeros({2}, DType::i32), 0.5), "dropout: expected half, float or double, got i32");
}
