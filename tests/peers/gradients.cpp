// SPDX-License-Identifier: MIT
// gradients NETWORK DEPTH STEM BATCH_NORM TIES WEIGHTS BATCHES OUT: for each batch k in the file BATCHES (images.k
// n,h,w,c and labels.k), in double from the same weights, prints the loss and writes OUT.k: gradients in the place of
// parameters, and buffers behind the step.
#include <mpad/core/check.h>
#include <mpad/nn/densenet.h>
#include <mpad/nn/lenet.h>
#include <mpad/nn/resnet.h>
#include <mpad/nn/vgg.h>
#include <mpad/train/safetensors.h>
#include <mpad/train/weights.h>

#include <map>

using namespace mpad;

namespace {

std::unique_ptr<Module> make_network(const std::string& name, int depth, const std::string& stem, bool batch_norm,
                                     const TieRule& ties) {
  if (name == "lenet") return std::make_unique<Lenet>(LenetOptions{.ties = ties, .batch_norm = batch_norm});
  if (name == "vgg") return std::make_unique<Vgg>(VggOptions{.depth = depth, .ties = ties, .batch_norm = batch_norm});
  if (name == "densenet")
    return std::make_unique<Densenet>(
        DensenetOptions{.ties = ties, .batch_norm = batch_norm, .study_norms = stem == "study-norms"});
  for (const Stem choice : {Stem::cifar, Stem::imagenet, Stem::imagenet_3x3})
    if (name == "resnet" && stem == to_string(choice))
      return std::make_unique<Resnet>(
          ResnetOptions{.depth = depth, .stem = choice, .ties = ties, .batch_norm = batch_norm});
  fail("expected a network, got '{}' with stem '{}'", name, stem);
}

void write_gradients(Module& model, const Tensor& images, const Tensor& labels, const std::string& path) {
  Tape tape;
  const Tensor loss = cross_entropy(model(images), labels);
  tape.backward(loss);
  fmt::print("{:.17g}\n", loss.item());
  for (const NamedTensor& parameter : parameters(model)) {
    parameter.tensor.copy_from(parameter.tensor.grad());
    parameter.tensor.clear_grad();
  }
  export_weights(model, path);
}

void run(const std::vector<std::string>& arguments) {
  require(arguments.size() == 8, "expected 8 arguments, got {}", arguments.size());
  const std::unique_ptr<Module> model = make_network(arguments[0], std::stoi(arguments[1]), arguments[2],
                                                     arguments[3] == "1", TieRule::parse(arguments[4]));
  model->to(DType::f64);
  std::map<std::string, Tensor> batches;
  for (const auto& [name, tensor] : read_safetensors(arguments[6]).tensors) batches[name] = tensor;
  for (int k = 0; batches.contains(fmt::format("images.{}", k)); ++k) {
    load_weights(*model, arguments[5]);
    write_gradients(*model, batches.at(fmt::format("images.{}", k)), batches.at(fmt::format("labels.{}", k)),
                    fmt::format("{}.{}", arguments[7], k));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "gradients: {}\n", error.what());
    return 1;
  }
}
