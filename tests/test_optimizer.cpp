// SPDX-License-Identifier: MIT
// Optimizers against their definitions in double.
#include "kernel_run.h"
#include "optimizer_support.h"

#include <mpad/schedule.h>

#include <kernels.h>

#include <algorithm>

using namespace mpad;
using namespace mpad::test;

namespace {

double rounded(double value, DType dtype) { return Tensor::from({value}, {}, dtype).item(); }

constexpr int steps = 10;
constexpr std::int64_t size = 777;  // three blocks and a remainder

Tensor gradient_of_step(int step, DType dtype) {
  return random_tensor({size}, dtype, 100 + static_cast<std::uint64_t>(step));
}

/// One parameter's definition in double: state is rounded to the type where it is stored, and nothing else is.
struct SgdReference {
  SgdOptions options;
  DType dtype;
  double velocity = 0;
  double operator()(double p, double grad, int step) {
    const double d = grad + options.weight_decay * p;
    if (options.momentum == 0) return rounded(p - options.lr * d, dtype);
    velocity = rounded(step == 1 ? d : options.momentum * velocity + d, dtype);
    return rounded(p - options.lr * (options.nesterov ? d + options.momentum * velocity : velocity), dtype);
  }
};

struct AdamReference {
  AdamOptions options;
  DType dtype;
  double m = 0, v = 0;
  double operator()(double p, double grad, int step) {
    const auto& [lr, beta1, beta2, epsilon, decay, decoupled, masters] = options;
    if (decoupled) p -= lr * decay * p;
    const double d = decoupled ? grad : grad + decay * p;
    const double first = beta1 * m + (1 - beta1) * d, second = beta2 * v + (1 - beta2) * d * d;
    const double corrected = first / (1 - std::pow(beta1, step));
    p -= lr * corrected / (std::sqrt(second / (1 - std::pow(beta2, step))) + epsilon);
    m = rounded(first, dtype);
    v = rounded(second, dtype);
    return rounded(p, dtype);
  }
};

/// Largest distance from the reference after ten steps, over the scale of one step and the parameter, in u of dtype.
template <class Reference, class Make>
double error_after_ten_steps(DType dtype, double lr, const Reference& reference, const Make& make) {
  Bag module;
  module.add(random_tensor({size}, dtype, 99));
  Values want = module.tensors[0].values();
  std::vector<Reference> references(want.size(), reference);
  const auto optimizer = make(module);
  for (int step = 1; step <= steps; ++step) {
    const Tensor gradient = gradient_of_step(step, dtype);
    const Values grad = gradient.values();
    for (std::size_t i = 0; i < want.size(); ++i) want[i] = references[i](want[i], grad[i], step);
    give(module.tensors[0], gradient);
    optimizer->step();
  }
  const Values got = module.tensors[0].values();
  const double unit = std::ldexp(1.0, dtype == DType::f16 ? -11 : dtype == DType::f32 ? -24 : -53);
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    worst = worse(worst, std::abs(got[i] - want[i]) / (unit * (std::abs(want[i]) + steps * lr)));
  return worst;
}

// In units of the type's u times |parameter| + steps * lr. float and double: a step rounds about ten times, each within
// u of that scale, and so does the reference where it stores; errors of the state pass on to later steps, and weigh
// more in Adam while few and small gradients have made the second moment small. half: float's rounding errors matter
// only where they turn the rounding of a store, by two u each. Seen: 4 with Sgd, 11 with Adam, 3 in half.
constexpr double bound = 2 * steps;

}  // namespace

TEST_CASE("ten steps of Sgd follow the definition in every type") {
  for (DType dtype : real_dtypes)
    for (const SgdOptions& options : sgd_options) {
      INFO(to_string(dtype) << " momentum " << options.momentum << " decay " << options.weight_decay << " nesterov "
                            << options.nesterov);
      CHECK(error_after_ten_steps(dtype, options.lr, SgdReference{options, dtype},
                                  [&](Module& module) { return std::make_unique<Sgd>(module, options); }) <= bound);
    }
}

TEST_CASE("ten steps of Adam and AdamW follow the definition in every type") {
  for (DType dtype : real_dtypes)
    for (const AdamOptions& options : adam_options) {
      INFO(to_string(dtype) << " beta1 " << options.beta1 << " decay " << options.weight_decay << " decoupled "
                            << options.decoupled);
      CHECK(error_after_ten_steps(dtype, options.lr, AdamReference{options, dtype},
                                  [&](Module& module) { return std::make_unique<Adam>(module, options); }) <= bound);
    }
}

TEST_CASE("steps with powers of two are exact in every type") {
  for (DType dtype : real_dtypes) {
    Bag plain, heavy, nesterov;
    for (Bag* bag : {&plain, &heavy, &nesterov}) bag->add(Tensor::from({1, -2}, {2}, dtype));
    Sgd a(plain, {.lr = 0.5, .weight_decay = 0.25}), b(heavy, {.lr = 0.5, .momentum = 0.5}),
        c(nesterov, {.lr = 0.5, .momentum = 0.5, .nesterov = true});
    for (int step = 0; step < 2; ++step) {
      for (Bag* bag : {&plain, &heavy, &nesterov}) give(bag->tensors[0], Tensor::from({1, 4}, {2}, dtype));
      a.step();
      b.step();
      c.step();
    }
    // p -= (g + p / 4) / 2: 1 -> 0.375 -> -0.171875, -2 -> -3.75 -> -5.28125.
    CHECK(plain.tensors[0].values() == Values{-0.171875, -5.28125});
    // v = g, then 1.5 g: 1 - 0.5 - 0.75, -2 - 2 - 3.
    CHECK(heavy.tensors[0].values() == Values{-0.25, -7});
    // g + v / 2 = 1.5 g, then 1.75 g.
    CHECK(nesterov.tensors[0].values() == Values{-0.625, -8.5});
  }
}

TEST_CASE("the first step of Adam is lr against the sign of the gradient, whatever its size") {
  for (DType dtype : real_dtypes) {
    Bag module;
    module.add(Tensor::zeros({3}, dtype));
    Adam adam(module, {.lr = 0.25});
    give(module.tensors[0], Tensor::from({100, -0.5, 0}, {3}, dtype));
    adam.step();
    // epsilon = 1e-8 of the gradient's size, and a few roundings: 8 places, or one of half.
    CHECK(std::abs(module.tensors[0].values()[0] + 0.25) <=
          1e-8 + 0.25 * std::ldexp(1, dtype == DType::f64 ? -50 : -20));
    CHECK(std::abs(module.tensors[0].values()[1] - 0.25) <=
          1e-8 + 0.25 * std::ldexp(1, dtype == DType::f64 ? -50 : -20));
    CHECK(module.tensors[0].values()[2] == 0);
  }
}

TEST_CASE("in half, state is stored in half: small second moments vanish, and the step does not divide by 0") {
  Bag module;
  module.add(Tensor::full({2}, 1, DType::f16));
  Adam adam(module, {.lr = 0.125});
  // 0.001 * 2^-20 is below half's smallest number; the step sees it in float.
  give(module.tensors[0], Tensor::from({0x1p-10, 0}, {2}, DType::f16));
  adam.step();
  CHECK(adam.state()[1].tensor.values() == Values{0, 0});
  CHECK(adam.state()[0].tensor.values()[0] == rounded(0.1 * 0x1p-10, DType::f16));
  CHECK(module.tensors[0].values() == Values{0.875, 1});
  // Without a gradient the second moment stays 0 and epsilon, 1e-8, is all that divides.
  Bag still;
  still.add(Tensor::full({1}, 1, DType::f16));
  Adam rest(still, {.lr = 0.125});
  rest.step();
  CHECK(still.tensors[0].values() == Values{1});
}

TEST_CASE("in half, a momentum buffer is rounded to half, and used as it is stored") {
  Bag module;
  module.add(Tensor::full({1}, 4096, DType::f16));
  Sgd sgd(module, {.lr = 1, .momentum = 0.5});
  for (double gradient : {2048, 1025}) {
    give(module.tensors[0], Tensor::full({1}, gradient, DType::f16));
    sgd.step();
  }
  // 1024 + 1025 = 2049 lies between 2048 and 2050 and goes to the even one: 4096 - 2048 - 2048.
  CHECK(sgd.state()[0].tensor.item() == 2048);
  CHECK(module.tensors[0].item() == 0);
}

TEST_CASE("the first step takes the gradient for momentum, whatever the buffer held") {
  for (DType dtype : real_dtypes)
    on_each_isa([&](auto where) {
      const Tensor p = Tensor::full({300}, 8, dtype), buffer = Tensor::full({300}, 99, dtype);
      const Tensor grad = Tensor::full({300}, 2, dtype);
      kernels::sgd_step(where, {.lr = 1, .momentum = 0.5, .weight_decay = 0, .nesterov = false, .first = true},
                        p.view(), grad.view(), buffer.view());
      CHECK(buffer.values() == Values(300, 2));
      CHECK(p.values() == Values(300, 6));
    });
}

TEST_CASE("updates have the same bits on every instruction set") {
  for (DType dtype : real_dtypes) {
    const auto run = [&](auto where) {
      std::vector<Tensor> out;
      for (std::uint64_t seed : {1, 2, 3, 4}) out.push_back(random_tensor({size}, dtype, seed, 0, 1));
      const auto &p = out[0], &grad = out[1], &m = out[2], &v = out[3];
      for (bool flag : {false, true}) {
        kernels::sgd_step(where, {0.1, 0.9, 0.01, flag, false}, p.view(), grad.view(), m.view());
        kernels::sgd_step(where, {0.1, 0, 0.01, false, false}, p.view(), grad.view(), {});
        kernels::adam_step(where, {0.1, 0.9, 0.999, 1e-8, 0.01, flag, 5}, p.view(), grad.view(), m.view(), v.view());
      }
      return out;
    };
    const std::vector<Tensor> want = run(CpuWith<Isa::portable>{});
    on_each_isa([&](auto where) {
      const std::vector<Tensor> got = run(where);
      for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
    });
  }
}

TEST_CASE("updates have the same bits for 1, 2 and 4 threads and for every place in the array") {
  for (DType dtype : real_dtypes) {
    const auto train = [&](std::int64_t before) {
      Bag module;
      module.add(Tensor::zeros({before}, dtype));
      module.add(random_tensor({40009}, dtype, 1));
      Sgd sgd(module, {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01});
      for (std::uint64_t step = 0; step < 3; ++step) {
        give(module.tensors[1], random_tensor({40009}, dtype, 2 + step));
        sgd.step();
      }
      Adam adam(module, {.weight_decay = 0.01, .decoupled = true});
      for (std::uint64_t step = 0; step < 3; ++step) {
        give(module.tensors[1], random_tensor({40009}, dtype, 5 + step));
        adam.step();
      }
      return module.tensors[1];
    };
    const Tensor want = train(0);
    with_threads([&] {
      CHECK(same_bits(train(0), want));
      CHECK(same_bits(train(5), want));
    });
  }
}

// Sums, products, quotients and square roots are IEEE 754's everywhere, in one order.
TEST_CASE("a step has the same bits on every backend, and the first one does not read the momentum buffer") {
  for (DType dtype : real_dtypes)
    for (std::int64_t count : element_sizes()) {
      const Output state{{count}, dtype};
      std::vector<Tensor> in;
      for (std::uint64_t i = 0; i < 4; ++i) in.push_back(random_tensor({count}, dtype, 20 + i, i == 3 ? 0 : -1));
      const auto compare = [&](const auto& compute) {
        const std::vector<Tensor> want = compute(CpuWith<Isa::portable>{});
        on_each_backend([&](auto where) {
          INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << count);
          const std::vector<Tensor> got = compute(where);
          for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
        });
      };
      for (const SgdOptions& o : sgd_options)
        for (bool first : {true, false})
          compare([&](auto where) {
            return run_kernel(where, in, {state, state}, [&](auto given, auto out) {
              kernels::cast(where, given[0], out[0]);
              if (!first || o.momentum == 0) kernels::cast(where, given[2], out[1]);
              kernels::sgd_step(where, {o.lr, o.momentum, o.weight_decay, o.nesterov, first}, out[0], given[1],
                                o.momentum == 0 ? View{} : out[1]);
            });
          });
      for (const AdamOptions& o : adam_options)
        compare([&](auto where) {
          return run_kernel(where, in, {state, state, state}, [&](auto given, auto out) {
            for (std::size_t i : {0, 1, 2}) kernels::cast(where, given[i == 0 ? 0 : i + 1], out[i]);
            kernels::adam_step(where, {o.lr, o.beta1, o.beta2, o.epsilon, o.weight_decay, o.decoupled, 3}, out[0],
                               given[1], out[1], out[2]);
          });
        });
    }
}

TEST_CASE("a step of float masters has the same bits on every backend, and rounds their copy once") {
  for (std::int64_t count : element_sizes()) {
    std::vector<Tensor> in = {random_tensor({count}, DType::f16, 30)};
    for (std::uint64_t i = 0; i < 3; ++i) in.push_back(random_tensor({count}, DType::f32, 31 + i, i == 2 ? 0 : -1));
    const Output state{{count}, DType::f32}, copy{{count}, DType::f16};
    const auto compute = [&](auto where) {
      return run_kernel(
          where, in, {state, state, state, copy, state, state, copy, state, copy}, [&](auto given, auto out) {
            for (std::size_t i : {0, 1, 2}) kernels::cast(where, given[i + 1], out[i]);
            for (std::size_t i : {4, 5, 7}) kernels::cast(where, given[i == 5 ? 2 : 1], out[i]);
            kernels::adam_step(where, {0.1, 0.9, 0.999, 1e-8, 0.01, false, 3, 0.25}, out[0], given[0], out[1], out[2],
                               out[3]);
            kernels::sgd_step(where, {0.1, 0.9, 0.01, true, false, 0.25}, out[4], given[0], out[5], out[6]);
            kernels::sgd_step(where, {0.1, 0, 0.01, false, false, 0.25}, out[7], given[0], {}, out[8]);
          });
    };
    const std::vector<Tensor> want = compute(CpuWith<Isa::portable>{});
    for (std::size_t i : {0, 4, 7}) CHECK(same_bits(want[i == 0 ? 3 : i == 4 ? 6 : 8], want[i].to(DType::f16)));
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ' ' << count);
      const std::vector<Tensor> got = compute(where);
      for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
    });
  }
}

TEST_CASE("a schedule's factor scales the learning rate of each step") {
  Bag module;
  module.add(Tensor::zeros({1}, DType::f64));
  Sgd sgd(module, {.lr = 8});
  const Schedule schedule{.kind = Schedule::Kind::step, .total = 6, .warmup = 2, .every = 2, .gamma = 0.25};
  double want = 0;
  for (double lr : {4, 8, 8, 8, 2, 2}) {
    sgd.set_lr(8 * schedule.factor(sgd.steps()));
    CHECK(sgd.lr() == lr);
    give(module.tensors[0], Tensor::full({1}, 1, DType::f64));
    sgd.step();
    want -= lr;
    CHECK(module.tensors[0].item() == want);
  }
}

TEST_CASE("make_adamw decays the parameter by 0.01 unless told otherwise") {
  Bag module, other;
  for (Bag* bag : {&module, &other}) bag->add(Tensor::full({1}, 2, DType::f64));
  make_adamw(module)->step();
  CHECK(module.tensors[0].item() == 2 * (1 - 1e-3 * 0.01));
  make_adamw(other, {.lr = 0.5, .weight_decay = 0.5})->step();
  CHECK(other.tensors[0].item() == 1.5);
  Bag faster;
  faster.add(Tensor::full({1}, 2, DType::f64));
  make_adamw(faster, {.lr = 0.5})->step();
  CHECK(faster.tensors[0].item() == 2 * (1 - 0.5 * 0.01));
}

TEST_CASE("a parameter that was frozen for a while is trained again by the gradients that it gets") {
  for (const bool masters : {false, true}) {
    Bag module;
    for (int i = 0; i < 2; ++i) module.add(Tensor::full({3}, 8));
    Sgd sgd(module, {.lr = 1, .float_masters = masters});
    const DType dtype = masters ? DType::f16 : DType::f32;
    for (const Tensor& t : module.tensors) give(t, Tensor::full({3}, 1, dtype));
    sgd.step();
    module.tensors[0].set_requires_grad(false);
    give(module.tensors[1], Tensor::full({3}, 1, dtype));
    sgd.step();
    CHECK(module.tensors[0].values() == Values(3, 7));
    module.tensors[0].set_requires_grad();
    for (int step = 0; step < 2; ++step) {
      give(module.tensors[0], Tensor::full({3}, -2, dtype));
      CHECK(sgd.has_finite_gradients());
      sgd.step();
    }
    CHECK(module.tensors[0].values() == Values(3, 11));
    CHECK(module.tensors[1].values() == Values(3, 6));
    give(module.tensors[0], Tensor::full({3}, HUGE_VAL, dtype));
    CHECK_FALSE(sgd.has_finite_gradients());
  }
}

TEST_CASE("a parameter that several layers share has one place, and one step") {
  for (const bool masters : {false, true}) {
    Bag module;
    module.add(Tensor::full({3}, 8));
    module.add(Tensor::full({2}, 1));
    module.tensors.push_back(module.tensors[0]);
    Sgd sgd(module, {.lr = 1, .momentum = 0.5, .float_masters = masters});
    CHECK(sgd.state()[0].tensor.numel() == 64 + 2);
    CHECK(module.tensors[0].view().data == module.tensors[2].view().data);
    const DType dtype = masters ? DType::f16 : DType::f32;
    give(module.tensors[0], Tensor::full({3}, 1, dtype));
    give(module.tensors[2], Tensor::full({3}, 1, dtype));
    sgd.step();
    for (const int i : {0, 2}) CHECK(module.tensors[static_cast<std::size_t>(i)].values() == Values(3, 6));
    REQUIRE(sgd.unrounded().size() == 3);
    CHECK(sgd.unrounded()[2].values() == Values(3, 6));
  }
}

TEST_CASE("an optimizer whose parameters another one has moved says so") {
  Bag module;
  module.add(Tensor::full({1}, 1));
  Sgd first(module, {.lr = 1}), second(module, {.lr = 1});
  give(module.tensors[0], Tensor::full({1}, 1));
  CHECK_THROWS_WITH(first.step(), "optimizer: expected 0 where it was put, got it in another's arena");
  CHECK(module.tensors[0].item() == 1);
  second.step();
  CHECK(module.tensors[0].item() == 0);
}
