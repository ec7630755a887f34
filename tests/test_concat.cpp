// SPDX-License-Identifier: MIT
// Concatenation moves bits and nothing else, on every backend.
#include "kernel_run.h"

#include <mpad/memory.h>
#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

namespace {

/// Inputs of equal n,h,w and these channels.
struct Case {
  Shape images;
  std::vector<std::int64_t> channels;
};

// Widths of each unit that kernels copy in (2, 4, 8 and 16 bytes) and of their mixtures, as many inputs as one launch
// takes and more, inputs without channels and images without pixels.
std::vector<Case> cases() {
  std::vector<Case> found;
  const std::vector<std::int64_t> widths[] = {{1},        {5},       {64},       {1, 1},        {2, 3},    {4, 4},
                                              {8, 8},     {8, 4},    {16, 8, 8}, {6, 2, 4},     {32, 1},   {1, 32, 16},
                                              {0, 3},     {3, 0, 5}, {8, 0, 0},  {17, 16, 15},  {256, 32}, {300, 7},
                                              {12, 4, 4}, {2, 2, 2}, {24, 8, 4}, {40, 56, 8, 8}};
  const Shape images[] = {{1, 1, 1}, {2, 3, 5}, {3, 4, 1}};
  for (const auto& channels : widths) found.push_back({images[found.size() % 3], channels});
  for (std::int64_t inputs : {24, 31, 32, 33, 70}) {
    found.push_back({{1, 2, 2}, std::vector<std::int64_t>(static_cast<std::size_t>(inputs), 4)});
    found.back().channels.front() = 16;
  }
  found.push_back({{2, 9, 11}, {16, 32, 8}});  // several blocks of threads for each
  found.push_back({{0, 4, 4}, {3, 5}});
  found.push_back({{2, 0, 4}, {8, 8}});
  found.push_back({{2, 3, 3}, {0, 0}});
  return found;
}

std::string describe(const Case& c) {
  std::string text = to_string(c.images) + " with";
  for (std::int64_t channels : c.channels) text += ' ' + std::to_string(channels);
  return text;
}

Shape shape_of(const Case& c, std::int64_t channels) { return {c.images[0], c.images[1], c.images[2], channels}; }

/// Any bits: NaNs with payloads, infinities and subnormal numbers among them.
Tensor random_bits(const Shape& shape, DType dtype, std::uint64_t seed) {
  Tensor tensor(shape, dtype);
  auto* bytes = static_cast<std::uint8_t*>(tensor.view().data);
  for (std::size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = static_cast<std::uint8_t>(Philox(seed, i).word[0]);
  return tensor;
}

std::vector<Tensor> inputs_of(const Case& c, DType dtype) {
  std::vector<Tensor> inputs;
  for (std::int64_t channels : c.channels)
    inputs.push_back(random_bits(shape_of(c, channels), dtype, 10 + inputs.size()));
  return inputs;
}

/// From the definition: byte after byte.
Tensor reference(const Case& c, const std::vector<Tensor>& inputs, DType dtype) {
  std::int64_t channels = 0;
  for (std::int64_t more : c.channels) channels += more;
  Tensor y(shape_of(c, channels), dtype);
  auto* to = static_cast<std::uint8_t*>(y.view().data);
  for (std::int64_t pixel = 0; pixel < c.images.numel(); ++pixel)
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto width = static_cast<std::int64_t>(size_of(dtype)) * c.channels[i];
      const auto* from = static_cast<const std::uint8_t*>(inputs[i].view().data) + pixel * width;
      to = std::copy(from, from + width, to);
    }
  return y;
}

template <class Where>
Tensor forward(Where where, const std::vector<Tensor>& inputs, const Shape& shape) {
  return run_kernel(where, inputs, {{shape, inputs[0].dtype()}},
                    [where](auto in, auto out) { kernels::concat_forward(where, in, out[0]); })[0];
}

template <class Where>
std::vector<Tensor> backward(Where where, const Tensor& grad_y, const std::vector<Tensor>& like) {
  std::vector<Output> outputs;
  for (const Tensor& tensor : like) outputs.push_back({tensor.shape(), tensor.dtype()});
  return run_kernel(where, {grad_y}, outputs,
                    [where](auto in, auto out) { kernels::concat_backward(where, in[0], out); });
}

}  // namespace

TEST_CASE("inputs lie side by side, bit for bit, and come apart again") {
  for (const Case& c : cases())
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << describe(c));
      const std::vector<Tensor> inputs = inputs_of(c, dtype);
      const Tensor want = reference(c, inputs, dtype);
      CHECK(same_bits(concat(inputs), want));
      on_each_backend([&](auto where) {
        CHECK(same_bits(forward(where, inputs, want.shape()), want));
        const std::vector<Tensor> parts = backward(where, want, inputs);
        for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(same_bits(parts[i], inputs[i]));
      });
    }
}

TEST_CASE("parts without data are left out") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Case c{{1, 2, 3}, {4, 3, 8}};
      const std::vector<Tensor> inputs = inputs_of(c, dtype);
      const Tensor grad_y = reference(c, inputs, dtype);
      const Tensor last = run_kernel(where, {grad_y}, {{inputs[2].shape(), dtype}}, [&](auto in, auto out) {
        const View parts[] = {{nullptr, dtype, inputs[0].shape()}, {nullptr, dtype, inputs[1].shape()}, out[0]};
        kernels::concat_backward(where, in[0], parts);
      })[0];
      CHECK(same_bits(last, inputs[2]));
    });
}

TEST_CASE("arrays that are aligned to their elements only are copied in smaller units") {
  for (Device device : devices())
    for (DType dtype : real_dtypes)
      for (std::int64_t offset : {1, 2, 4}) {
        const Tensor arena = random_tensor({offset + 3 * 16}, dtype, 1).to(device);
        const Tensor a = arena.slice(offset, {3, 16}), b = random_tensor({3, 8}, dtype, 2).to(device);
        const Tensor want = concat({a.to(Device::cpu).clone(), b.to(Device::cpu)});
        CHECK(same_bits(concat({a, b}).to(Device::cpu), want));
      }
}

TEST_CASE("any rank is joined along its last axis") {
  const Tensor a = Tensor::from({1, 2}, {2}), b = Tensor::from({3}, {1});
  CHECK(concat({a, b}).values() == std::vector<double>{1, 2, 3});
  const Tensor c = Tensor::from({1, 2}, {2, 1}), d = Tensor::from({3, 4, 5, 6}, {2, 2});
  CHECK(concat({c, d}).values() == std::vector<double>{1, 3, 4, 2, 5, 6});
}

TEST_CASE("1, 2 and 4 threads join and split alike") {
  const Case c{{3, 33, 31}, {5, 16, 3}};
  for (DType dtype : real_dtypes) {
    const std::vector<Tensor> inputs = inputs_of(c, dtype);
    const Tensor want = reference(c, inputs, dtype);
    with_threads([&] {
      on(Device::cpu, [&](auto where) {
        CHECK(same_bits(forward(where, inputs, want.shape()), want));
        CHECK(same_bits(backward(where, want, inputs)[1], inputs[1]));
      });
    });
  }
}

TEST_CASE("gradients of concat match central differences in double, of an input given twice too") {
  const Tensor a = random_tensor({2, 2, 3, 2}, DType::f64, 3), b = random_tensor({2, 2, 3, 1}, DType::f64, 4);
  CHECK(gradient_error([](const auto& in) { return concat({in[0], in[1], in[0]}); }, {a, b}) <= 1e-7);
  // Behind something that is not linear, so that a gradient in the wrong place shows.
  CHECK(gradient_error([](const auto& in) { return relu(concat({in[1], in[0]})); }, {a, b}) <= 1e-7);
}

TEST_CASE("only wanted gradients are computed, on each device") {
  for (Device device : devices()) {
    const Tensor a = Tensor::full({2, 3}, 1, DType::f32, device);
    Tensor b = Tensor::full({2, 2}, 2, DType::f32, device);
    b.set_requires_grad();
    Tape tape;
    const Tensor y = concat({a, b}), loss = Tensor::zeros({}, DType::f32, device);
    record("loss", {y}, loss, [device](const Tensor&, Gradients& gradients) {
      gradients.set(0, Tensor::from({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {2, 5}).to(device));
    });
    tape.backward(loss);
    CHECK(b.grad().to(Device::cpu).values() == std::vector<double>{4, 5, 9, 10});
    CHECK_FALSE(a.grad());
  }
}

TEST_CASE("a growing list and the list so far give the same bits, gradients included") {
  for (DType dtype : real_dtypes) {
    const auto grown = [](const std::vector<Tensor>& in) {
      Tensor all = in[0];
      for (std::size_t i = 1; i < in.size(); ++i) all = concat({all, relu(concat({all, in[i]}))});
      return all;
    };
    const auto listed = [](const std::vector<Tensor>& in) {
      std::vector<Tensor> list{in[0]};
      for (std::size_t i = 1; i < in.size(); ++i) {
        std::vector<Tensor> with = list;
        with.push_back(in[i]);
        list.push_back(relu(concat(with)));
      }
      return concat(list);
    };
    std::vector<Tensor> inputs;
    for (std::uint64_t i = 0; i < 5; ++i) inputs.push_back(random_tensor({2, 3, 3, 2}, dtype, i));
    const Tensor y = listed(inputs), grad_y = random_tensor(y.shape(), dtype, 9);
    CHECK(same_bits(grown(inputs), y));
    const std::vector<Tensor> a = gradients_of(grown, inputs, grad_y), b = gradients_of(listed, inputs, grad_y);
    for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(same_bits(a[i], b[i]));
  }
}

TEST_CASE("concat keeps none of its inputs alive") {
  release_cached_memory(Device::cpu);  // so that blocks are as large as asked
  Tensor leaf = Tensor::full({1 << 12}, 1);
  leaf.set_requires_grad();
  Tape tape;
  Tensor x = add(leaf, leaf);
  const Tensor y = concat({x, x});
  const std::size_t before = memory_statistics(Device::cpu).in_use, bytes = x.bytes();
  x = Tensor();
  CHECK(before - memory_statistics(Device::cpu).in_use == bytes);
}

TEST_CASE("concat names what does not fit") {
  const Tensor x = Tensor::zeros({2, 3, 3, 4});
  CHECK_THROWS_WITH(concat({}), "concat: expected one input or more, got none");
  CHECK_THROWS_WITH(concat({x, Tensor::zeros({2, 3, 4, 4})}),
                    "concat: expected inputs alike but for their channels, got float 2,3,3,4 and float 2,3,4,4");
  CHECK_THROWS_WITH(concat({x, Tensor::zeros({2, 3, 4})}),
                    "concat: expected inputs alike but for their channels, got float 2,3,3,4 and float 2,3,4");
  CHECK_THROWS_WITH(concat({x, Tensor::zeros({2, 3, 3, 1}, DType::f16)}),
                    "concat: expected inputs alike but for their channels, got float 2,3,3,4 and half 2,3,3,1");
  CHECK_THROWS_WITH(concat({Tensor::zeros({2}, DType::i32)}),
                    "concat: expected half, float or double of shape ...,c, got i32 2");
  CHECK_THROWS_WITH(concat({Tensor::zeros({})}),
                    "concat: expected half, float or double of shape ...,c, got float scalar");
  CHECK_THROWS_WITH(concat({x, Tensor()}), "tensor: expected one with data, got an empty handle");
}
