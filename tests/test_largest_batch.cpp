// SPDX-License-Identifier: MIT
#include "backends.h"
#include "small_device.h"

#include <mpad/data/synthetic.h>
#include <mpad/nn/layers.h>
#include <mpad/train/largest_batch.h>
#include <mpad/train/trainer.h>

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A network that runs out of memory, forward or backward, on more images than its limit, and counts its forwards in a
// buffer.
class Limited final : public Module {
 public:
  Limited(std::int64_t limit, bool in_backward) : limit_(limit), in_backward_(in_backward) {}
  Tensor forward(const Tensor& x) override {
    forwards_.fill(forwards_.item() + 1);
    const std::int64_t images = x.shape()[0];
    if (!in_backward_) check(images);
    const Tensor y = linear_(flatten(x)), guarded = y.detach();
    record("limited", {y}, guarded, [this, images](const Tensor& grad, Gradients& gradients) {
      check(images);
      gradients.set(0, grad);
    });
    return guarded;
  }
  void visit(Visitor& visitor) override {
    visitor.child("linear", linear_);
    visitor.buffer("forwards", forwards_);
  }
  std::string describe() const override { return "Limited"; }

 private:
  void check(std::int64_t images) const {
    if (images > limit_) throw OutOfMemory("memory: expected more");
  }
  std::int64_t limit_;
  bool in_backward_;
  Linear linear_{{784, 10}};
  Tensor forwards_ = Tensor::zeros({1});
};

std::vector<Tensor> copies_of(Module& model) {
  std::vector<Tensor> copies;
  for (const NamedTensor& named : state(model)) copies.push_back(named.tensor.to(Device::cpu).clone());
  return copies;
}

void check_unchanged(Module& model, const std::vector<Tensor>& copies) {
  const std::vector<NamedTensor> tensors = state(model);
  for (std::size_t i = 0; i < copies.size(); ++i) CHECK(same_bits(tensors[i].tensor.to(Device::cpu), copies[i]));
  for (const NamedTensor& parameter : parameters(model)) CHECK_FALSE(parameter.tensor.grad());
}

// Blank images and labels, as many as are asked for.
Split blank(std::int64_t images) {
  const Tensor pixels({images, 28, 28, 1}, DType::u8);
  std::memset(pixels.view().data, 0, pixels.bytes());
  const Dataset dataset{.name = "blank",
                        .pixels = pixels,
                        .labels = Tensor::from(std::vector<std::int32_t>(static_cast<std::size_t>(images)), {images}),
                        .mean = {0},
                        .deviation = {1}};
  return {dataset, dataset.first(1)};
}

// The message of an epoch on the device that runs out of memory; empty if it does not. As in a new process: blocks that
// another training left may be larger than what they would serve for.
std::string training_error(std::int64_t images, std::int64_t batch_size, bool graph) {
  release_cached_memory(Device::cuda);
  const Settings settings{.epochs = 1, .batch_size = batch_size, .device = Device::cuda, .graph = graph};
  const auto make_model = [](const Settings&) {
    return std::make_unique<Sequential>(Sequential{Flatten(), Linear({784, 64}), Relu(), Linear({64, 10})});
  };
  Trainer trainer(settings, 0, make_model, blank(images));
  const std::vector<Tensor> before = copies_of(trainer.model());
  try {
    trainer.run_epoch();
    return {};
  } catch (const OutOfMemory& error) {
    // A graph's own memory does not serve a test, before which steps were taken.
    if (!graph) check_unchanged(trainer.model(), before);
    CHECK(trainer.optimizer().steps() <= images / batch_size);  // none of those that were tried
    return error.what();
  }
}

}  // namespace

TEST_CASE("the largest batch is found, and the network stays as it is") {
  const Dataset digits = synthetic_digits(40, 1, 0).train;
  for (const bool in_backward : {false, true})
    for (const std::int64_t limit : {0, 1, 2, 17, 38, 39}) {
      CAPTURE(limit, in_backward);
      Limited model(limit, in_backward);
      const std::vector<Tensor> before = copies_of(model);
      CHECK(largest_batch(model, digits, 40, [&](const Batches& batches) {
              const Batch batch = batches[0];
              Tape tape;
              tape.backward(cross_entropy(model(batch.images), batch.labels));
            }) == limit);
      check_unchanged(model, before);
    }
}

TEST_CASE("training that runs out of memory says which batch would fit") {
  const Split digits = synthetic_digits(40, 5, 0);
  const auto train = [&](std::int64_t limit, std::int64_t batch_size) {
    const Settings settings{.epochs = 1, .batch_size = batch_size};
    const auto make_model = [&](const Settings&) { return std::make_unique<Limited>(limit, false); };
    Trainer(settings, 0, make_model, digits).run_epoch();
  };
  CHECK_NOTHROW(train(20, 20));
  CHECK_THROWS_AS(train(20, 21), OutOfMemory);
  CHECK_THROWS_WITH(train(20, 21), "memory: expected more; a batch of 20 would fit");
  CHECK_THROWS_WITH(train(20, 1000), "memory: expected more; a batch of 20 would fit");
  CHECK_THROWS_WITH(train(0, 1), "memory: expected more; not even a batch of 1 would fit");
}

TEST_CASE("the batch that is said to fit the device does, and no larger one") {
  if (!can_use_cuda()) return;
  // Room for the workspace of cuBLAS (32 MiB, and for a graph's stream another), the images as bytes and the network;
  // and for what a batch takes, some 4 KiB an image, for a part of them.
  constexpr std::int64_t scale = SmallDevice::unit == 1024 ? 1 : 10, images = 2000 * scale;
  for (const bool graph : {false, true}) {
    CAPTURE(graph);
    CHECK(training_error(8, 8, graph).empty());  // the kernels are loaded
    const SmallDevice device(((graph ? 64 : 32) + 6 * scale) << 20);
    const std::string error = training_error(images, images, graph);
    CAPTURE(error);
    const auto at = error.find("; a batch of ");
    REQUIRE(at != std::string::npos);
    const std::int64_t most = std::stoll(error.substr(at + 13));
    const std::string advice = fmt::format("; a batch of {} would fit", most);
    CHECK_THAT(error, ContainsSubstring("bytes on cuda, got none (") && ContainsSubstring(advice));
    CHECK(most > 100);
    CHECK(training_error(images, most, graph).empty());
    // Beside a graph the rest of a pass counts too, which may be smaller where batches are larger.
    if (!graph) CHECK_THAT(training_error(images, most + 1, graph), ContainsSubstring(advice));
  }
}
