// SPDX-License-Identifier: MIT
// Tensors, modules and data sets on CUDA hold what they hold on the CPU, bit for bit.
#include "backends.h"

#include <mpad/data/synthetic.h>
#include <mpad/nn/lenet.h>

#include <cuda/runtime.h>

using namespace mpad;
using namespace mpad::test;

namespace {

Tensor on_cuda(const Tensor& tensor) { return tensor.to(Device::cuda); }
Tensor on_cpu(const Tensor& tensor) { return tensor.to(Device::cpu); }

}  // namespace

TEST_CASE("a tensor keeps its bits on the way to the device and back") {
  if (!can_use_cuda()) return;
  for (const DType dtype : real_dtypes)
    for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{1}, Shape{7, 5, 3, 2}}) {
      const Tensor x = random_tensor(shape, dtype, 5);
      const Tensor y = on_cuda(x);
      CHECK(y.device() == Device::cuda);
      CHECK(same_bits(on_cpu(y), x));
      CHECK(y.values() == x.values());
      CHECK(on_cuda(y).view().data == y.view().data);
    }
  const Tensor labels = Tensor::from(std::vector<std::int32_t>{3, -1, 4}, {3});
  CHECK(on_cuda(labels).values() == std::vector<double>{3, -1, 4});
  CHECK(on_cuda(Tensor::from({-2.5}, {}, DType::f16)).item() == -2.5);
  CHECK_THROWS_WITH(on_cuda(labels).span<std::int32_t>(), "span: expected a tensor on the cpu, got one on cuda");
}

TEST_CASE("slices, reshapes and copies on the device share or copy as on the CPU") {
  if (!can_use_cuda()) return;
  const Tensor x = on_cuda(Tensor::from({1, 2, 3, 4, 5, 6}, {6}, DType::f16));
  const Tensor part = x.slice(1, {2, 2}), flat = x.reshaped({2, 3}), copy = x.clone();
  CHECK(part.values() == std::vector<double>{2, 3, 4, 5});
  part.copy_from(Tensor::from({20, 30, 40, 50}, {2, 2}, DType::f16));
  CHECK(flat.values() == std::vector<double>{1, 20, 30, 40, 50, 6});
  CHECK(copy.values() == std::vector<double>{1, 2, 3, 4, 5, 6});
  x.slice(4, {2}).copy_from(x.slice(0, {2}));
  CHECK(x.values() == std::vector<double>{1, 20, 30, 40, 1, 20});
  const Tensor host({2}, DType::f16);
  host.copy_from(x.slice(3, {2}));
  CHECK(host.values() == std::vector<double>{40, 1});
  CHECK_THROWS_WITH(host.copy_from(x), "copy: expected half 2, got half 6");
}

TEST_CASE("tensors made on the device hold what they are made to hold") {
  if (!can_use_cuda()) return;
  for (const DType dtype : real_dtypes) {
    CHECK(Tensor::zeros({3}, dtype, Device::cuda).values() == std::vector<double>(3, 0));
    const Tensor x = Tensor::full({5}, 0.1, dtype, Device::cuda);
    CHECK(same_bits(on_cpu(x), Tensor::full({5}, 0.1, dtype)));
    x.slice(1, {2}).fill(-3);
    CHECK(on_cpu(x).slice(1, {2}).values() == std::vector<double>{-3, -3});
    for (const DType other : real_dtypes) {
      const Tensor y = random_tensor({100}, dtype, 9);
      CHECK(same_bits(on_cpu(on_cuda(y).to(other)), y.to(other)));
    }
  }
}

TEST_CASE("tensors of a stream are copied in its order") {
  if (!can_use_cuda()) return;
  const cuda::Stream stream;
  const CudaScope scope(stream.where());
  const Tensor x = random_tensor({300}, DType::f32, 1), y = random_tensor({300}, DType::f32, 2);
  const Tensor moved = on_cuda(x), copy = moved.clone();
  moved.copy_from(y);
  CHECK(same_bits(on_cpu(copy), x));
  CHECK(same_bits(on_cpu(moved), y));
}

TEST_CASE("a module moves to the device and back") {
  if (!can_use_cuda()) return;
  Lenet model;
  std::vector<Tensor> before;
  for (const NamedTensor& named : state(model)) before.push_back(named.tensor.clone());
  model.to(Device::cuda);
  const std::vector<NamedTensor> moved = state(model);
  REQUIRE(moved.size() == before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(moved[i].tensor.device() == Device::cuda);
    CHECK(moved[i].tensor.requires_grad());
    CHECK(same_bits(on_cpu(moved[i].tensor), before[i]));
  }
  model.to(Device::cpu);
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(same_bits(state(model)[i].tensor, before[i]));
}

TEST_CASE("mini-batches on the device are those of the CPU") {
  if (!can_use_cuda()) return;
  Dataset digits = synthetic_digits(50, 1, 3).train;
  for (const DType dtype : real_dtypes) {
    digits.dtype = dtype;
    digits.augment = dtype == DType::f16 ? Augment() : Augment{.crop_pad = 4, .flip = true};
    const Dataset moved = digits.to(Device::cuda);
    CHECK(moved.pixels.device() == Device::cuda);
    CHECK(moved.labels.device() == Device::cuda);
    Rng a(4), b(4);
    const Batches want = digits.batches(16, a), got = moved.batches(16, b);
    REQUIRE(got.size() == want.size());
    for (std::int64_t i = 0; i < want.size(); ++i) {
      CHECK(got[i].images.device() == Device::cuda);
      CHECK(same_bits(on_cpu(got[i].images), want[i].images));
      CHECK(same_bits(on_cpu(got[i].labels), want[i].labels));
    }
    CHECK(same_bits(on_cpu(moved.first(7).batches(7)[0].images), digits.first(7).batches(7)[0].images));
  }
  digits.labels = on_cuda(digits.labels);
  CHECK_THROWS_WITH(digits.batches(16), "synthetic: expected pixels and labels on one device, got cpu and cuda");
}

TEST_CASE("images of a source move to the device when they are read") {
  if (!can_use_cuda()) return;
  class Source final : public ImageSource {
   public:
    Shape shape() const override { return {7, 3, 2, 3}; }
    void read(std::int64_t index, const Augment&, Rng rng, std::uint8_t* pixels) const override {
      for (int i = 0; i < 18; ++i) pixels[i] = static_cast<std::uint8_t>(index + static_cast<std::int64_t>(rng.word()));
    }
  };
  Dataset images = synthetic_digits(7, 1, 3).train;
  images.pixels = {};
  images.source = std::make_shared<Source>();
  images.mean = images.deviation = {0.25, 0.5, 0.75};
  const Dataset moved = images.to(Device::cuda);
  Rng a(4), b(4);
  const Batches want = images.batches(3, a), got = moved.batches(3, b);
  auto next = got.begin();
  for (const Batch& batch : want) {
    const Batch other = *next;
    CHECK(other.images.device() == Device::cuda);
    CHECK(same_bits(on_cpu(other.images), batch.images));
    CHECK(same_bits(on_cpu(other.labels), batch.labels));
    ++next;
  }
}
