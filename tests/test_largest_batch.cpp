// SPDX-License-Identifier: MIT
#include "backends.h"
#include "small_device.h"

#include <mpad/data/synthetic.h>
#include <mpad/nn/lenet.h>
#include <mpad/train/largest_batch.h>
#include <mpad/train/trainer.h>

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::Contains;

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

// The message of a LeNet training that runs out of memory; empty if it does not.
std::string training_error(const Split& data, DType dtype, std::int64_t batch_size) {
  const Settings settings{.dtype = dtype, .epochs = 1, .batch_size = batch_size, .device = Device::cuda};
  Trainer trainer(
      settings, 0, [](const Settings&) { return std::make_unique<Lenet>(); }, data);
  const std::vector<Tensor> before = copies_of(trainer.model());
  try {
    trainer.run_epoch();
    return {};
  } catch (const OutOfMemory& error) {
    check_unchanged(trainer.model(), before);
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
      CHECK(largest_batch(model, digits, 40) == limit);
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
  const Split digits = synthetic_digits(2000, 1, 0);
  const Split few{digits.train.first(8), digits.test};
  // Room for the workspace of cuBLAS (32 MiB), images, network and some, but not all, activations: 30 to 120 KiB an
  // image.
  constexpr std::size_t room = (SmallDevice::unit == 1024 ? 38 : 80) << 20;
  for (const DType dtype : real_dtypes) {
    CHECK(training_error(few, dtype, 8).empty());  // the kernels are loaded
    const SmallDevice device(room);
    const std::string error = training_error(digits, dtype, 2000);
    CAPTURE(to_string(dtype), error);
    const auto at = error.find("; a batch of ");
    REQUIRE(at != std::string::npos);
    const std::int64_t most = std::stoll(error.substr(at + 13));
    CHECK_THAT(error, Contains("memory: expected") && Contains("bytes on cuda, got none"));
    CHECK_THAT(error, Contains(fmt::format("; a batch of {} would fit", most)));
    CHECK(training_error({digits.train.first(most), digits.test}, dtype, most).empty());
    CHECK_THAT(training_error(digits, dtype, most + 1), Contains(fmt::format("; a batch of {} would fit", most)));
  }
}
