// SPDX-License-Identifier: MIT
// Batch normalisation as an operation, as layers and within LeNet-5.
#include "backends.h"
#include "temporary.h"

#include <mpad/data/synthetic.h>
#include <mpad/nn/lenet.h>
#include <mpad/ops.h>
#include <mpad/optim.h>
#include <mpad/random.h>
#include <mpad/train/checkpoint.h>

using namespace mpad;
using namespace mpad::test;

namespace {

struct Parameters {
  Tensor gamma, beta, running_mean, running_var;
};

Parameters make_parameters(std::int64_t channels, DType dtype) {
  return {random_tensor({channels}, dtype, 2, 0.5, 2), random_tensor({channels}, dtype, 3),
          random_tensor({channels}, dtype, 4), random_tensor({channels}, dtype, 5, 0.5, 2)};
}

std::vector<std::string> paths(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> names;
  for (const NamedTensor& named : tensors) names.push_back(named.path);
  return names;
}

std::unique_ptr<Module> make_normalized_lenet(const Settings& s) {
  return std::make_unique<Lenet>(LenetOptions{.ties = s.ties, .relu0 = s.relu0, .batch_norm = s.batch_norm});
}

Settings normalized_settings(DType dtype) {
  return {.dtype = dtype, .batch_norm = true, .lr = 0.01, .epochs = 2, .batch_size = 32};
}

void check_same_state(const Trainer& a, const Trainer& b) {
  const std::vector<NamedTensor> left = state(a.model()), right = state(b.model());
  REQUIRE(paths(left) == paths(right));
  for (std::size_t i = 0; i < left.size(); ++i) {
    INFO(left[i].path);
    CHECK(same_bits(left[i].tensor, right[i].tensor));
  }
}

}  // namespace

TEST_CASE("gradients of batch normalisation match central differences in double") {
  for (const Shape& shape : {Shape{7, 3}, {2, 3, 4, 5}}) {
    const Parameters p = make_parameters(shape[shape.rank() - 1], DType::f64);
    const Tensor x = random_tensor(shape, DType::f64, 1, -1, 3);
    BatchNormOptions options;
    // The running statistics that training overwrites are none of the inputs.
    const Function f = [&](const std::vector<Tensor>& in) {
      return batch_norm(in[0], in[1], in[2], p.running_mean.clone(), p.running_var.clone(), options);
    };
    for (const bool training : {true, false})
      for (const bool relu : {false, true}) {
        options.training = training;
        options.relu = relu;
        // No output within reach of ReLU's kink.
        if (relu)
          for (double value :
               batch_norm(x, p.gamma, p.beta, p.running_mean.clone(), p.running_var.clone(), {.training = training})
                   .values())
            REQUIRE(std::abs(value) > 1e-4);
        CHECK(gradient_error(f, {x, p.gamma, p.beta}) <= 1e-7);
      }
  }
}

TEST_CASE("gradients of a normalisation, a sum and ReLU match central differences in double") {
  const Parameters p = make_parameters(3, DType::f64);
  const Tensor x = random_tensor({7, 3}, DType::f64, 1, -1, 3), addend = random_tensor({7, 3}, DType::f64, 2);
  BatchNormOptions options;
  const Function f = [&](const std::vector<Tensor>& in) {
    return batch_norm(in[0], in[1], in[2], p.running_mean.clone(), p.running_var.clone(), options, in[3]);
  };
  for (const bool training : {true, false})
    for (const bool relu : {false, true}) {
      options.training = training;
      options.relu = false;
      for (double value : f({x, p.gamma, p.beta, addend}).values()) REQUIRE(std::abs(value) > 1e-4);
      options.relu = relu;
      CHECK(gradient_error(f, {x, p.gamma, p.beta, addend}) <= 1e-7);
    }
}

TEST_CASE("a sum behind a normalisation is an operation of its own where backward needs what lies between") {
  const Parameters p = make_parameters(3, DType::f32);
  const Tensor x = random_integers({8, 3}, DType::f32, 1, 3), addend = random_integers({8, 3}, DType::f32, 2, 4, -2);
  struct Recorded {
    BatchNormOptions options;
    Tape::Keep keep;
    std::size_t operations;
  };
  constexpr auto least = Tape::Keep::least, choices = Tape::Keep::choices;
  const Recorded cases[] = {{{.relu = true}, least, 1},
                            {{.relu = true, .alpha = 0.5}, least, 3},
                            {{.relu = true}, choices, 3},
                            {{}, least, 2}};
  for (Device device : devices())
    for (const auto& [options, keep, operations] : cases) {
      const auto run = [&, keep = keep](std::size_t recorded, const auto& f) {
        std::vector<Tensor> in{x.to(device), p.gamma.to(device), p.beta.to(device), addend.to(device)};
        for (Tensor& tensor : in) tensor = tensor.clone().set_requires_grad();
        Tape tape(keep);
        const Tensor y = f(in);
        CHECK(tape.size() == recorded);
        tape.backward(dot(y, random_tensor(y.shape(), DType::f32, 5).to(device)));
        std::vector<Tensor> results{y.to(Device::cpu)};
        for (const Tensor& tensor : in) results.push_back(tensor.grad().to(Device::cpu));
        return results;
      };
      const std::vector<Tensor> got = run(
          operations, [&, o = options](const auto& in) { return batch_norm(in[0], in[1], in[2], {}, {}, o, in[3]); });
      const std::vector<Tensor> want = run(options.relu ? 3 : 2, [&, o = options](const auto& in) {
        const Tensor sum = add(batch_norm(in[0], in[1], in[2], {}, {}), in[3]);
        return o.relu ? relu(sum, o.alpha) : sum;
      });
      for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
    }
}

TEST_CASE("what is normalised may be the addend too") {
  const Parameters p = make_parameters(3, DType::f64);
  const Tensor grad_y = random_tensor({8, 3}, DType::f64, 5), x = random_tensor({8, 3}, DType::f64, 1);
  const auto gradient = [&](double alpha) {
    const Function f = [&](const auto& in) {
      return batch_norm(in[0], p.gamma, p.beta, {}, {}, {.relu = true, .alpha = alpha}, in[0]);
    };
    return gradients_of(f, {x}, grad_y)[0];
  };
  CHECK(same_bits(gradient(0), gradient(0.5)));  // no sum is 0: in one pass, and apart
}

TEST_CASE("the running statistics of 1, 2, 3, 4 are those of PyTorch") {
  for (Device device : devices()) {
    const Tensor x = Tensor::from({1, 2, 3, 4}, {4, 1}, DType::f64).to(device);
    const Tensor gamma = Tensor::full({1}, 1, DType::f64, device), beta = Tensor::zeros({1}, DType::f64, device);
    const Tensor mean = Tensor::zeros({1}, DType::f64, device), var = Tensor::full({1}, 1, DType::f64, device);
    batch_norm(x, gamma, beta, mean, var);
    CHECK(mean.item() == Approx(0.25).epsilon(1e-15));
    CHECK(var.item() == Approx(0.9 + 0.1 * 5 / 3).epsilon(1e-15));
    batch_norm(x, gamma, beta, mean, var);
    CHECK(mean.item() == Approx(0.475).epsilon(1e-15));
    CHECK(var.item() == Approx(0.81 + 0.19 * 5 / 3).epsilon(1e-15));
    batch_norm(x, gamma, beta, mean, var, {.training = false});
    CHECK(mean.item() == Approx(0.475).epsilon(1e-15));
  }
}

TEST_CASE("n,h,w,c is normalised as rows of c") {
  const Parameters p = make_parameters(4, DType::f32);
  const Tensor x = random_tensor({2, 3, 5, 4}, DType::f32, 1);
  const auto normalized = [&](const Tensor& in) {
    return batch_norm(in, p.gamma, p.beta, p.running_mean.clone(), p.running_var.clone());
  };
  CHECK(same_bits(normalized(x), normalized(x.reshaped({30, 4})).reshaped(x.shape())));
}

TEST_CASE("arrays that are not aligned to packs are normalised to the same bits") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      const Parameters p = make_parameters(16, dtype);
      const Tensor arena = random_tensor({1 + 40 * 16}, dtype, 1);
      const auto normalized = [&](const Tensor& x) {
        return batch_norm(x, p.gamma.to(device), p.beta.to(device), {}, {}).to(Device::cpu);
      };
      const Shape shape{40, 16};
      CHECK(same_bits(normalized(arena.to(device).slice(1, shape)),
                      normalized(arena.slice(1, shape).clone().to(device))));
    }
}

TEST_CASE("batch normalisation names what does not fit") {
  const Parameters p = make_parameters(3, DType::f32);
  const auto run = [&](const Tensor& x, const BatchNormOptions& options = {}) {
    return batch_norm(x, p.gamma, p.beta, p.running_mean, p.running_var, options);
  };
  CHECK_THROWS_WITH(run(Tensor::zeros({1, 3})),
                    "batch_norm: expected more than 1 value per channel when training, got an input of shape 1,3");
  CHECK_NOTHROW(run(Tensor::zeros({1, 3}), {.training = false}));
  CHECK_NOTHROW(run(Tensor::zeros({1, 1, 2, 3})));
  CHECK_THROWS_WITH(run(Tensor::zeros({0, 3})), "batch_norm: expected an input ...,c that is not empty, got 0,3");
  CHECK_THROWS_WITH(run(Tensor::zeros({3})), "batch_norm: expected an input ...,c that is not empty, got 3");
  CHECK_THROWS_WITH(run(Tensor({2, 3}, DType::i32)), "batch_norm: expected half, float or double, got i32");
  CHECK_THROWS_WITH(run(Tensor::zeros({2, 4})), "batch_norm: expected a gamma of shape 4, got 3");
  CHECK_THROWS_WITH(run(Tensor::zeros({2, 3}, DType::f16)),
                    "batch_norm: expected a gamma of half as the input, got float");
  CHECK_THROWS_WITH(batch_norm(Tensor::zeros({2, 3}), p.gamma, p.beta, {}, {}, {.training = false}),
                    "batch_norm: expected running statistics unless training, got none");
  const Tensor x = Tensor::zeros({2, 3}, DType::f16), ones = Tensor::full({3}, 1, DType::f16),
               wide = Tensor::zeros({3});
  CHECK_NOTHROW(batch_norm(x, ones, ones, wide, wide));
  CHECK_NOTHROW(batch_norm(x, ones, ones, wide, {}));
  CHECK_THROWS_WITH(batch_norm(x, ones, ones, wide, ones),
                    "batch_norm: expected running statistics of one dtype, got float and half");
  CHECK_THROWS_WITH(batch_norm(x, ones, ones, wide.to(DType::f64), {}),
                    "batch_norm: expected a running_mean of half as the input or float, got double");
  CHECK_THROWS_WITH(batch_norm(wide.reshaped({1, 3}), wide, wide, ones, ones, {.training = false}),
                    "batch_norm: expected a running_mean of float as the input, got half");
  CHECK_THROWS_WITH(run(Tensor::zeros({2, 3}), {.epsilon = -1}),
                    "batch_norm: expected a finite momentum and an epsilon of 0 or more, got 0.1 and -1");
  const Tensor untouched = p.running_mean.clone();
  CHECK_THROWS_WITH(batch_norm(Tensor::zeros({2, 3}), p.gamma, p.beta, p.running_mean, p.running_var, {},
                               Tensor::zeros({3, 3}, DType::f64)),
                    "batch_norm: expected an addend as what is normalised, float 2,3, got double 3,3");
  CHECK(same_bits(p.running_mean, untouched));
  CHECK_THROWS_WITH(BatchNorm1d(3)(Tensor::zeros({2, 2, 2, 3})),
                    "BatchNorm1d: expected an input of shape n,c, got 2,2,2,3");
  CHECK_THROWS_WITH(BatchNorm2d(3)(Tensor::zeros({2, 3})), "BatchNorm2d: expected an input of shape n,h,w,c, got 2,3");
  CHECK_THROWS_WITH(BatchNorm2d(0), "BatchNorm2d: expected 1 channel or more, got 0");
}

TEST_CASE("a layer normalises by the batch in training and by what it has seen in evaluation") {
  BatchNorm2d layer(2, {.momentum = 1});
  CHECK(layer.describe() == "BatchNorm2d(2)");
  CHECK(BatchNorm1d(5, {.relu = true}).describe() == "BatchNorm1d(5, relu)");
  const Tensor x = Tensor::from({1, 10, 3, 30}, {1, 1, 2, 2}), y = layer(x);
  CHECK(y.values()[0] == Approx(-1).margin(1e-4));
  CHECK(y.values()[3] == Approx(1).margin(1e-4));
  layer.train(false);
  CHECK(layer(x).values()[0] == Approx(-1 / std::sqrt(2)).margin(1e-4));  // the unbiased variance is 2
  const std::vector<NamedTensor> tensors = state(layer);
  CHECK(paths(tensors) == std::vector<std::string>{"weight", "bias", "running_mean", "running_var"});
  CHECK(paths(parameters(layer)) == std::vector<std::string>{"weight", "bias"});
  CHECK(tensors[2].tensor.values() == std::vector<double>{2, 20});
  CHECK(tensors[3].tensor.values() == std::vector<double>{2, 200});
  layer.to(DType::f16);
  CHECK(state(layer)[3].tensor.dtype() == DType::f16);
}

TEST_CASE("LeNet-5 with batch normalisation names its tensors as PyTorch's Sequential does") {
  std::vector<std::string> want_parameters, want_state;
  for (const int layer : {0, 3, 4, 7, 9, 11, 12, 14, 15}) {
    for (const char* name : {".weight", ".bias"}) {
      want_parameters.push_back(std::to_string(layer) + name);
      want_state.push_back(std::to_string(layer) + name);
    }
    if (layer == 3 || layer == 7 || layer == 11 || layer == 14)
      for (const char* name : {".running_mean", ".running_var"}) want_state.push_back(std::to_string(layer) + name);
  }
  Lenet lenet({.batch_norm = true});
  CHECK(paths(parameters(lenet)) == want_parameters);
  CHECK(paths(state(lenet)) == want_state);
  CHECK(count_parameters(lenet) == 44'426 + 2 * (6 + 16 + 120 + 84));
  Lenet plain;
  CHECK(paths(parameters(plain)) == std::vector<std::string>{"0.weight", "0.bias", "3.weight", "3.bias", "7.weight",
                                                             "7.bias", "9.weight", "9.bias", "11.weight", "11.bias"});
}

TEST_CASE("LeNet-5 with batch normalisation learns in every precision, and resumes to the same bits") {
  const Split data = synthetic_digits(320, 64, 1);
  for (DType dtype : real_dtypes) {
    INFO(to_string(dtype));
    Trainer trainer(normalized_settings(dtype), 0, make_normalized_lenet, data);
    const double first = trainer.run_epoch().train.loss;
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/checkpoint";
    save_checkpoint(path, trainer, {});
    const EpochResult last = trainer.run_epoch();
    CHECK(last.train.loss < 0.7 * first);
    CHECK(last.test.accuracy > 0.5);
    Trainer resumed(normalized_settings(dtype), 0, make_normalized_lenet, data);
    load_checkpoint(path, resumed, {});
    resumed.run_epoch();
    check_same_state(resumed, trainer);
  }
}
