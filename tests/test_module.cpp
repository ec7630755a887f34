// SPDX-License-Identifier: MIT
// Modules: names, sizes, types, modes, calls, descriptions, and how parameters start.
#include "backends.h"
#include "module_support.h"

#include <mpad/nn/lenet.h>
#include <mpad/random.h>

using namespace mpad;
using namespace mpad::test;

namespace {

Sequential nested() {
  return Sequential{Linear({.in = 3, .out = 4}), Relu(),
                    Sequential{Conv2d({.in = 1, .out = 2, .kernel = {3, 5}, .bias = false}), MaxPool2d(), Flatten()}};
}

/// A scale that is trained and a count that is not.
struct Counter final : Module {
  Tensor scale = Tensor::full({1}, 0.1, DType::f64).set_requires_grad(), calls = Tensor::full({1}, 0.1, DType::f64);
  Tensor forward(const Tensor& x) override { return x; }
  void visit(Visitor& visitor) override {
    visitor.parameter("scale", scale);
    visitor.buffer("calls", calls);
  }
  std::string describe() const override { return "Counter()"; }
};

/// Records each module's mode.
struct Modes final : Visitor {
  void parameter(std::string_view, Tensor&) override {}
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view, Module& module) override {
    seen.push_back(module.is_training());
    module.visit(*this);
  }
  std::vector<bool> seen{};
};

}  // namespace

TEST_CASE("modules have their paths, each before its children") {
  Sequential model = nested();
  std::vector<std::string> names;
  for (const auto& [path, module] : modules(model)) {
    const std::string text = module->describe();
    names.push_back(path + ' ' + text.substr(0, text.find('(')));
  }
  CHECK(names == std::vector<std::string>{" Sequential", "0 Linear", "1 Relu", "2 Sequential", "2.0 Conv2d",
                                          "2.1 MaxPool2d", "2.2 Flatten"});
  CHECK(modules(model).front().module == &model);
}

TEST_CASE("parameters of a sequence are named by place, as PyTorch names them") {
  Sequential model = nested();
  CHECK(paths_of(parameters(model)) == std::vector<std::string>{"0.weight 4,3", "0.bias 4", "2.0.weight 2,3,5,1"});
  CHECK(count_parameters(model) == 12 + 4 + 30);
  Sequential empty;
  CHECK(parameters(empty).empty());
  CHECK(count_parameters(empty) == 0);
}

TEST_CASE("state holds buffers too, in visiting order, and both are rounded; only parameters are trained") {
  Sequential model;
  model.append(std::make_unique<Counter>());
  model.append(std::make_unique<Linear>(LinearOptions{.in = 1, .out = 1, .bias = false}));
  CHECK(paths_of(parameters(model)) == std::vector<std::string>{"0.scale 1", "1.weight 1,1"});
  CHECK(paths_of(state(model)) == std::vector<std::string>{"0.scale 1", "0.calls 1", "1.weight 1,1"});
  model.to(DType::f16);
  for (const NamedTensor& named : state(model)) {
    CHECK(named.tensor.dtype() == DType::f16);
    CHECK(named.tensor.requires_grad() == (named.path != "0.calls"));
  }
  CHECK(state(model)[1].tensor.values() == Tensor::from({0.1}, {1}, DType::f16).values());
}

TEST_CASE("a module without parameters shows none, and an empty sequence is the identity") {
  Relu activation;
  Flatten flat;
  MaxPool2d pool;
  for (Module* module : {static_cast<Module*>(&activation), static_cast<Module*>(&flat), static_cast<Module*>(&pool)})
    CHECK(state(*module).empty());
  const Tensor x = random_tensor({2, 3}, DType::f32, 1);
  CHECK(same_bits(Sequential()(x), x));
}

TEST_CASE("a sequence applies its modules in order") {
  Linear twice({.in = 1, .out = 1});
  parameters(twice)[0].tensor.fill(-2);
  parameters(twice)[1].tensor.fill(1);
  Sequential model{std::move(twice), Relu()};
  CHECK(model(Tensor::from({1, -1}, {2, 1})).values() == std::vector<double>{0, 3});
}

TEST_CASE("modules in a list draw their parameters in its order, and cannot be given otherwise") {
  static_assert(!std::is_constructible_v<Sequential, Linear, Linear>);
  set_seed(3);
  Sequential listed{Linear({.in = 2, .out = 3}), Sequential{Linear({.in = 3, .out = 3}), Relu()},
                    Linear({.in = 3, .out = 1})};
  set_seed(3);
  std::vector<NamedTensor> want;
  for (const LinearOptions& options : {LinearOptions{2, 3}, LinearOptions{3, 3}, LinearOptions{3, 1}}) {
    Linear layer(options);
    for (const NamedTensor& named : parameters(layer)) want.push_back(named);
  }
  const std::vector<NamedTensor> got = parameters(listed);
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i].tensor, want[i].tensor));
}

TEST_CASE("a sequence of one sequence is that one, whatever the compiler, and one of another class is not cut down") {
  struct Residual : Sequential {
    using Sequential::Sequential;
  };
  static_assert(!std::is_constructible_v<Sequential, Residual> && std::is_move_constructible_v<Residual>);
  Sequential one{Sequential{Linear({.in = 1, .out = 1})}}, nested;
  nested.append(Sequential{Linear({.in = 1, .out = 1})});
  CHECK(parameters(one)[0].path == "0.weight");
  CHECK(parameters(nested)[0].path == "0.0.weight");
}

TEST_CASE("a sequence has no place for nothing") {
  Sequential model;
  CHECK_THROWS_WITH(model.append(nullptr), "Sequential: expected a module, got none");
  CHECK_THROWS_WITH((Sequential{Relu(), std::unique_ptr<Module>()}), "Sequential: expected a module, got none");
}

TEST_CASE("a model in another type holds the same parameters, rounded once, and still collects gradients") {
  for (DType dtype : real_dtypes) {
    Sequential model = nested();
    std::vector<Tensor> want;
    for (const NamedTensor& named : parameters(model)) want.push_back(named.tensor.to(dtype));
    model.to(dtype);
    const std::vector<NamedTensor> got = parameters(model);
    for (std::size_t i = 0; i < want.size(); ++i) {
      CHECK(same_bits(got[i].tensor, want[i]));
      CHECK(got[i].tensor.requires_grad());
      CHECK_FALSE(static_cast<bool>(got[i].tensor.grad()));
    }
  }
  Sequential model = nested();
  CHECK_THROWS_WITH(model.to(DType::i32), "dtype: expected half, float or double, got i32");
}

TEST_CASE("a model that has the type already keeps its parameters and gradients") {
  Linear model({.in = 2, .out = 1});
  const Tensor weight = parameters(model)[0].tensor;
  {
    Tape tape;
    tape.backward(dot(model(Tensor::full({1, 2}, 1)), Tensor::full({1, 1}, 1)));
  }
  model.to(DType::f32);
  CHECK(parameters(model)[0].tensor.view().data == weight.view().data);
  CHECK(parameters(model)[0].tensor.grad().values() == std::vector<double>{1, 1});
}

TEST_CASE("training mode reaches every child") {
  Sequential model = nested();
  CHECK(model.is_training());
  for (bool on : {false, true}) {
    model.train(on);
    CHECK(model.is_training() == on);
    Modes modes;
    model.visit(modes);
    CHECK(modes.seen == std::vector<bool>(6, on));
  }
}

TEST_CASE("the innermost observer is told of every call on its thread, each after its children") {
  struct Calls final : CallObserver {
    void called(Module& module, const Tensor& x, const Tensor& y) override {
      seen.push_back(module.describe() + ' ' + to_string(x.shape()) + " to " + to_string(y.shape()));
    }
    std::vector<std::string> seen{};
  };
  Sequential model{Linear({.in = 2, .out = 3}), Sequential{Relu()}};
  const Tensor x = Tensor::zeros({1, 2});
  const std::vector<std::string> want = {"Linear(2, 3) 1,2 to 1,3", "Relu() 1,3 to 1,3",
                                         "Sequential(Relu()) 1,3 to 1,3",
                                         "Sequential(Linear(2, 3), Sequential(Relu())) 1,2 to 1,3"};
  Calls outer;
  {
    Calls inner;
    model(x);
    CHECK(inner.seen == want);
  }
  CHECK(outer.seen.empty());
  model(x);
  CHECK(outer.seen == want);
}

TEST_CASE("observers may end in any order") {
  struct Counting final : CallObserver {
    void called(Module&, const Tensor&, const Tensor&) override { ++calls; }
    int calls = 0;
  };
  auto outer = std::make_unique<Counting>();
  auto inner = std::make_unique<Counting>();
  outer.reset();
  Relu relu;
  relu(Tensor::zeros({1}));
  CHECK(inner->calls == 1);
  inner.reset();
  CHECK_FALSE(CallObserver::observing());
}

TEST_CASE("what moves stays frozen, shared, or an integer") {
  struct Tied final : Module {
    Tensor scale = Tensor::full({2}, 0.5).set_requires_grad(), same = scale, frozen = Tensor::full({1}, 2),
           steps = Tensor::from(std::vector<std::int32_t>{7}, {1});
    Tensor forward(const Tensor& x) override { return x; }
    void visit(Visitor& visitor) override {
      visitor.parameter("scale", scale);
      visitor.parameter("same", same);
      visitor.parameter("frozen", frozen);
      visitor.buffer("steps", steps);
    }
    std::string describe() const override { return "Tied()"; }
  };
  Tied module;
  module.to(DType::f64);
  CHECK(module.scale.dtype() == DType::f64);
  CHECK(module.scale.view().data == module.same.view().data);
  CHECK(module.scale.requires_grad());
  CHECK(module.frozen.dtype() == DType::f64);
  CHECK_FALSE(module.frozen.requires_grad());
  CHECK(module.steps.dtype() == DType::i32);
  CHECK(module.steps.values() == std::vector<double>{7});
  for (const Device device : devices()) {
    module.to(device);
    CHECK(module.steps.device() == device);
    CHECK(module.scale.view().data == module.same.view().data);
  }
}

TEST_CASE("a module says what it is") {
  CHECK(Conv2d({.in = 1, .out = 6, .kernel = 5}).describe() == "Conv2d(1, 6, kernel 5x5)");
  CHECK(Conv2d({.in = 3, .out = 4, .kernel = {1, 3}, .stride = 2, .pad = {0, 1}, .dilation = {1, 2}, .bias = false})
            .describe() == "Conv2d(3, 4, kernel 1x3, stride 2x2, pad 0x1, dilation 1x2, no bias)");
  CHECK(Linear({.in = 2, .out = 3}).describe() == "Linear(2, 3)");
  CHECK(Linear({.in = 2, .out = 3, .bias = false}).describe() == "Linear(2, 3, no bias)");
  CHECK(Relu().describe() == "Relu()");
  CHECK(Relu({.alpha = 0.5}).describe() == "Relu(alpha 0.5)");
  CHECK(MaxPool2d({.window = 3, .stride = 2, .pad = 1, .ties = TieRule::beta(0.5)}).describe() ==
        "MaxPool2d(3x3, stride 2x2, pad 1x1, ties beta:0.5)");
  CHECK(MaxPool2d().describe() == "MaxPool2d(2x2, stride 2x2, ties native)");
  CHECK(ReluMaxPool2d().describe() == "ReluMaxPool2d(2x2, stride 2x2, ties native)");
  CHECK(Identity().describe() == "Identity()");
  CHECK(Sequential{Flatten(), Relu()}.describe() == "Sequential(Flatten(), Relu())");
  CHECK(Sequential().describe() == "Sequential()");
}

TEST_CASE("each layer starts within its bound: the fan-in of a convolution is taps times channels") {
  Sequential model{Conv2d({.in = 6, .out = 16, .kernel = 5}), Linear({.in = 400, .out = 30})};
  const double bounds[] = {1 / std::sqrt(150), 1 / std::sqrt(150), 1 / std::sqrt(400), 1 / std::sqrt(400)};
  const std::vector<NamedTensor> found = parameters(model);
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO(found[i].path);
    double largest = 0;
    for (double v : found[i].tensor.values()) largest = std::max(largest, std::abs(v));
    CHECK(largest <= bounds[i]);
    CHECK(largest > 0.7 * bounds[i]);  // of at least 16 draws: a chance of 0.7^16, and the seed is fixed
  }
}

TEST_CASE("the seed decides how a model starts, and no two layers start alike") {
  const auto weights = [](std::uint64_t seed) {
    set_seed(seed);
    Sequential model{Linear({.in = 9, .out = 9, .bias = false}), Linear({.in = 9, .out = 9, .bias = false})};
    const std::vector<NamedTensor> found = parameters(model);
    return std::pair(found[0].tensor, found[1].tensor);
  };
  const auto a = weights(1), again = weights(1), other = weights(2);
  CHECK(same_bits(a.first, again.first));
  CHECK(same_bits(a.second, again.second));
  CHECK_FALSE(same_bits(a.first, a.second));
  CHECK_FALSE(same_bits(a.first, other.first));
}

TEST_CASE("LeNet-5 has the study's parameters: 44,426 in ten tensors") {
  Lenet model;
  CHECK(paths_of(parameters(model)) ==
        std::vector<std::string>{"0.weight 6,5,5,1", "0.bias 6", "3.weight 16,5,5,6", "3.bias 16", "7.weight 120,256",
                                 "7.bias 120", "9.weight 84,120", "9.bias 84", "11.weight 10,84", "11.bias 10"});
  CHECK(count_parameters(model) == 44426);
  for (std::int64_t n : {0, 1, 3}) CHECK(model(Tensor::zeros({n, 28, 28, 1})).shape() == Shape{n, 10});
}

TEST_CASE("LeNet-5 passes its options to activations and pools, but for the pool's window and ties") {
  const Lenet model({.ties = TieRule::minimal(), .relu0 = 0.5, .pool = {.window = 7, .ties = TieRule::all()}});
  CHECK(model.describe() ==
        "Sequential(Conv2d(1, 6, kernel 5x5), ReluMaxPool2d(alpha 0.5, 2x2, stride 2x2, ties minimal), Identity(), "
        "Conv2d(6, 16, kernel 5x5), ReluMaxPool2d(alpha 0.5, 2x2, stride 2x2, ties minimal), Identity(), Flatten(), "
        "Linear(256, 120), Relu(alpha 0.5), Linear(120, 84), Relu(alpha 0.5), Linear(84, 10))");
  Lenet composed({.ties = TieRule::last(), .pool = {.forward = PoolForward::composed}});
  CHECK_THROWS_WITH(composed(Tensor::zeros({1, 28, 28, 1})),
                    "ties: expected a rule of the beta family (native, minimal or beta:B) for the composed pool, got "
                    "'last'");
}

TEST_CASE("layers name the options that do not fit") {
  CHECK_THROWS_WITH(Conv2d({.in = 0, .out = 1, .kernel = 3}),
                    "Conv2d: expected in, out and kernel of 1 or more, got in 0, out 1, kernel 3x3");
  CHECK_THROWS_WITH(Conv2d({.in = 1, .out = -1, .kernel = 3}),
                    "Conv2d: expected in, out and kernel of 1 or more, got in 1, out -1, kernel 3x3");
  CHECK_THROWS_WITH(Conv2d({.in = 1, .out = 1, .kernel = {3, 0}}),
                    "Conv2d: expected in, out and kernel of 1 or more, got in 1, out 1, kernel 3x0");
  CHECK_THROWS_WITH(Linear({.in = 0, .out = 2}), "Linear: expected in and out of 1 or more, got in 0, out 2");
  CHECK_THROWS_WITH(Linear({.in = 2, .out = 0}), "Linear: expected in and out of 1 or more, got in 2, out 0");
  CHECK_THROWS_WITH(Linear({.in = 10, .out = 4, .image = std::int64_t{1} << 32}),
                    "Linear: expected features of an image of 4294967296x4294967296, got 10");
  Conv2d strided({.in = 1, .out = 1, .kernel = 1, .stride = 0});
  CHECK_THROWS_WITH(strided(Tensor::zeros({1, 3, 3, 1})), "conv2d: expected a stride of 1 or more, got 0x0");
}
