// SPDX-License-Identifier: MIT
// Weights in PyTorch's names and order. tests/peers moves whole networks to PyTorch and back.
#include "support.h"
#include "temporary.h"

#include <mpad/nn/layers.h>
#include <mpad/train/safetensors.h>
#include <mpad/train/weights.h>

#include <numeric>

using namespace mpad;
using namespace mpad::test;

namespace {

// A convolution, and a linear layer on its flattened output 2,2,3.
Sequential make_model() {
  return Sequential{Conv2d({.in = 2, .out = 3, .kernel = {1, 2}}), BatchNorm2d(3), Flatten(),
                    Linear({.in = 12, .out = 2, .bias = false, .image = 2})};
}

Tensor counting(const Shape& shape, DType dtype = DType::f32) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 1);
  return Tensor::from(values, shape, dtype);
}

// What PyTorch exports for make_model(), but for num_batches_tracked.
TensorFile exported() {
  return {.tensors = {{"0.weight", counting({3, 2, 1, 2})},
                      {"0.bias", counting({3})},
                      {"1.weight", counting({3})},
                      {"1.bias", counting({3})},
                      {"1.running_mean", counting({3})},
                      {"1.running_var", counting({3})},
                      {"3.weight", counting({2, 12})}}};
}

std::vector<Tensor> copies(Module& model) {
  std::vector<Tensor> tensors;
  for (const NamedTensor& named : state(model)) tensors.push_back(named.tensor.clone());
  return tensors;
}

// What is said of the file that `change` makes of exported(); the model must be as before.
template <class Change>
std::string load_error(Change&& change) {
  const TemporaryDirectory directory;
  TensorFile file = exported();
  change(file);
  write_safetensors(directory.path() + "/x", file);
  Sequential model = make_model();
  const std::vector<Tensor> before = copies(model);
  const std::string message = error_of(directory, [&] { load_weights(model, directory.path() + "/x"); });
  const std::vector<Tensor> after = copies(model);
  for (std::size_t i = 0; i < after.size(); ++i) CHECK((message.empty() || same_bits(after[i], before[i])));
  return message;
}

const std::string expected =
    "x: expected the tensors of Sequential(Conv2d(2, 3, kernel 1x2), BatchNorm2d(3), Flatten(), Linear(12, 2, no "
    "bias))";

}  // namespace

TEST_CASE("weights of convolutions and of linear layers on images change their order, others do not") {
  const TemporaryDirectory directory;
  write_safetensors(directory.path() + "/x", exported());
  for (const DType dtype : real_dtypes) {
    Sequential model = make_model();
    model.to(dtype);
    load_weights(model, directory.path() + "/x");
    const std::vector<NamedTensor> loaded = state(model);
    CHECK(loaded[0].tensor.dtype() == dtype);
    CHECK(loaded[0].tensor.requires_grad());
    // k,c,s as 1, 2, ... becomes k,s,c.
    CHECK(loaded[0].tensor.values() == std::vector<double>{1, 3, 2, 4, 5, 7, 6, 8, 9, 11, 10, 12});
    CHECK(loaded[1].tensor.values() == std::vector<double>{1, 2, 3});
    // Feature c,h,w of 3,2,2 becomes h,w,c.
    CHECK(loaded[6].tensor.values() ==
          std::vector<double>{1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12, 13, 17, 21, 14, 18, 22, 15, 19, 23, 16, 20, 24});
  }
}

TEST_CASE("what is exported is what PyTorch would, and loads again") {
  const TemporaryDirectory directory;
  const std::string first = directory.path() + "/first", second = directory.path() + "/second";
  for (const DType dtype : real_dtypes) {
    TensorFile file = exported();
    for (NamedTensor& named : file.tensors) named.tensor = named.tensor.to(dtype);
    write_safetensors(first, file);
    Sequential model = make_model();
    model.to(dtype);
    load_weights(model, first);
    export_weights(model, second);
    const TensorFile again = read_safetensors(second);
    CHECK(again.metadata == std::map<std::string, std::string>{{"format", "pt"}});
    REQUIRE(again.tensors.size() == file.tensors.size());
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      CHECK(again.tensors[i].path == file.tensors[i].path);
      CHECK(same_bits(again.tensors[i].tensor, file.tensors[i].tensor));
    }
  }
}

TEST_CASE("what is written instead of the parameters has to be of their shapes, and no more or fewer") {
  const TemporaryDirectory directory;
  Sequential model = make_model();
  std::vector<Tensor> other;
  for (const NamedTensor& parameter : parameters(model)) other.push_back(parameter.tensor.to(DType::f64));
  const std::string path = directory.path() + "/x";
  export_weights(model, path, other);
  const TensorFile file = read_safetensors(path);
  for (const NamedTensor& named : file.tensors)
    CHECK((named.tensor.dtype() == DType::f64) == (named.path.find("running") == std::string::npos));
  other.push_back(Tensor::zeros({2}));
  CHECK_THROWS_WITH(export_weights(model, path, other),
                    fmt::format("export_weights: expected {} parameters, got {}", other.size() - 1, other.size()));
  other.resize(1);
  CHECK_THROWS_WITH(
      export_weights(model, path, other),
      Catch::Matchers::StartsWith("export_weights: expected a tensor") && Catch::Matchers::EndsWith("got none"));
}

TEST_CASE("values are rounded once to the network's type") {
  const TemporaryDirectory directory;
  TensorFile file = exported();
  for (NamedTensor& named : file.tensors) named.tensor = random_tensor(named.tensor.shape(), DType::f64, 5);
  write_safetensors(directory.path() + "/x", file);
  for (const DType dtype : real_dtypes) {
    Sequential model = make_model();
    model.to(dtype);
    load_weights(model, directory.path() + "/x");
    CHECK(same_bits(state(model)[1].tensor, file.tensors[1].tensor.to(dtype)));
  }
}

TEST_CASE("PyTorch's counter of batches is not looked at, 64 bits wide as it is") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  write_safetensors(path, exported());
  Bytes bytes;
  {
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  // A scalar I64 behind the other tensors.
  const std::size_t length = bytes[0] + 256U * bytes[1];
  const auto end = std::to_string(bytes.size() - 8 - length), after = std::to_string(bytes.size() - length);
  std::string header(bytes.begin() + 8, bytes.begin() + 8 + static_cast<std::ptrdiff_t>(length));
  header.insert(1, R"("1.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[)" + end + "," + after + "]},");
  std::string grown(8, '\0');
  grown[0] = static_cast<char>(header.size() % 256);
  grown[1] = static_cast<char>(header.size() / 256);
  grown +=
      header + std::string(bytes.begin() + 8 + static_cast<std::ptrdiff_t>(length), bytes.end()) + std::string(8, '\1');
  directory.write("x", Bytes(grown.begin(), grown.end()));
  Sequential model = make_model();
  load_weights(model, path);
  CHECK(state(model)[6].tensor.values()[1] == 5);
  CHECK(
      error_of(directory, [&] { read_safetensors(path); }).starts_with("x: tensor '1.num_batches_tracked': expected"));
}

TEST_CASE("all names that are missing, unexpected or of another form are in one error, and nothing changes") {
  CHECK(load_error([](TensorFile&) {}).empty());
  CHECK(load_error([](TensorFile& f) { f.tensors.erase(f.tensors.begin(), f.tensors.begin() + 2); }) ==
        expected + "; missing: 0.weight, 0.bias");
  CHECK(load_error([](TensorFile& f) {
          f.tensors.push_back({"4.weight", counting({1})});
          f.tensors.push_back({"optimizer.momentum", counting({1})});
        }) == expected + "; unexpected: 4.weight, optimizer.momentum");
  CHECK(load_error([](TensorFile& f) {
          f.tensors[0].tensor = counting({3, 1, 2, 2});
          f.tensors[1].path = "0.bais";
          f.tensors[2].tensor = Tensor::zeros({3}, DType::i32);
          f.tensors[6].tensor = counting({24});
        }) == expected +
                  "; missing: 0.bias; unexpected: 0.bais; of another form: 0.weight (expected 3,2,1,2, got "
                  "3,1,2,2), 1.weight (expected half, float or double, got i32), 3.weight (expected 2,12, got 24)");
}

TEST_CASE("a file that is not there or damaged is an error that names it") {
  const TemporaryDirectory directory;
  Sequential model = make_model();
  directory.write("short", {1});
  CHECK(error_of(directory, [&] { load_weights(model, directory.path() + "/none"); }) ==
        "cannot read none: No such file or directory");
  CHECK(error_of(directory, [&] { load_weights(model, directory.path() + "/short"); }).starts_with("short: expected"));
}

TEST_CASE("a linear layer on an image has whole channels") {
  CHECK_THROWS_WITH(Linear({.in = 10, .out = 1, .image = {2, 3}}),
                    "Linear: expected features of an image of 2x3, got 10");
}
