// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/safetensors.h>
#include <mpad/train/weights.h>

#include <fmt/ranges.h>

#include <cstring>
#include <map>

namespace mpad {
namespace {

// A tensor of the module; `krsc` is its shape as an image weight, of rank 0 if it is none.
struct Entry {
  std::string path;
  Tensor tensor;
  Shape krsc{};
  bool is_trained = true;
  bool is_image_weight() const { return krsc.rank() == 4; }
  // Its shape in PyTorch.
  Shape shape() const {
    return tensor.shape().rank() == 4 && is_image_weight() ? Shape{krsc[0], krsc[3], krsc[1], krsc[2]} : tensor.shape();
  }
};

struct Entries final : PathVisitor {
  explicit Entries(Module& module) { module.visit(*this); }
  void parameter(std::string_view name, Tensor& tensor) override { found.push_back({path(name), tensor}); }
  void image_weight(std::string_view name, Tensor& tensor, const Shape& krsc) override {
    found.push_back({path(name), tensor, krsc});
  }
  void buffer(std::string_view name, Tensor& tensor) override { found.push_back({path(name), tensor, {}, false}); }
  std::vector<Entry> found{};
};

// Each of the count matrices rows,columns of x transposed: y of the given shape. Both on the CPU.
Tensor transpose_each(const Tensor& x, std::int64_t count, std::int64_t rows, std::int64_t columns,
                      const Shape& shape) {
  const Tensor y(shape, x.dtype());
  const std::size_t size = size_of(x.dtype());
  const auto* from = static_cast<const std::byte*>(x.view().data);
  auto* to = static_cast<std::byte*>(y.view().data);
  for (std::int64_t k = 0; k < count; ++k)
    for (std::int64_t column = 0; column < columns; ++column)
      for (std::int64_t row = 0; row < rows; ++row, to += size)
        std::memcpy(to, from + static_cast<std::size_t>((k * rows + row) * columns + column) * size, size);
  return y;
}

Tensor to_torch(const Entry& entry) {
  const Tensor x = entry.tensor.to(Device::cpu);
  if (!entry.is_image_weight()) return x;
  const Shape& s = entry.krsc;
  return transpose_each(x, s[0], s[1] * s[2], s[3], entry.shape());
}

Tensor from_torch(const Entry& entry, const Tensor& x) {
  const Tensor rounded = x.to(entry.tensor.dtype());
  if (!entry.is_image_weight()) return rounded;
  const Shape& s = entry.krsc;
  return transpose_each(rounded, s[0], s[3], s[1] * s[2], entry.tensor.shape());
}

void replace_parameters(std::vector<Entry>& entries, std::span<const Tensor> by) {
  std::size_t next = 0;
  for (Entry& entry : entries) {
    if (!entry.is_trained) continue;
    require(next < by.size() && by[next].shape() == entry.tensor.shape(),
            "export_weights: expected a tensor {} for {}, got {}", entry.tensor.shape(), entry.path,
            next < by.size() ? fmt::format("{}", by[next].shape()) : "none");
    entry.tensor = by[next++];
  }
  require(next == by.size(), "export_weights: expected {} parameters, got {}", next, by.size());
}

// All but the counter of BatchNorm, 64 bits wide, that momentum as a number does not need.
bool has_counterpart(const std::string& name) { return !name.ends_with("num_batches_tracked"); }

// "; what: name, name", or nothing if there are none.
std::string listed(const char* what, const std::vector<std::string>& names) {
  return names.empty() ? "" : fmt::format("; {}: {}", what, fmt::join(names, ", "));
}

void require_match(const std::vector<Entry>& entries, const std::map<std::string, Tensor>& saved,
                   const std::string& model, const std::string& path) {
  std::vector<std::string> missing, unexpected, wrong;
  std::map<std::string, const Entry*> known;
  for (const Entry& entry : entries) {
    known[entry.path] = &entry;
    if (!saved.contains(entry.path)) missing.push_back(entry.path);
  }
  for (const auto& [name, tensor] : saved) {
    const auto found = known.find(name);
    if (found == known.end()) {
      unexpected.push_back(name);
    } else if (!is_real(tensor.dtype())) {
      wrong.push_back(fmt::format("{} (expected half, float or double, got {})", name, tensor.dtype()));
    } else if (tensor.shape() != found->second->shape()) {
      wrong.push_back(fmt::format("{} (expected {}, got {})", name, found->second->shape(), tensor.shape()));
    }
  }
  require(missing.empty() && unexpected.empty() && wrong.empty(), "{}: expected the tensors of {}{}{}{}", path, model,
          listed("missing", missing), listed("unexpected", unexpected), listed("of another form", wrong));
}

}  // namespace

void load_weights(Module& module, const std::string& path) {
  std::map<std::string, Tensor> saved;
  for (const auto& [name, tensor] : read_safetensors(path, has_counterpart).tensors) saved[name] = tensor;
  const std::vector<Entry> entries = Entries(module).found;
  require_match(entries, saved, module.describe(), path);
  for (const Entry& entry : entries) entry.tensor.copy_from(from_torch(entry, saved.at(entry.path)));
}

void export_weights(Module& module, const std::string& path, std::span<const Tensor> unrounded) {
  std::vector<Entry> entries = Entries(module).found;
  if (!unrounded.empty()) replace_parameters(entries, unrounded);
  TensorFile file{.metadata = {{"format", "pt"}}};
  for (const Entry& entry : entries) file.tensors.push_back({entry.path, to_torch(entry)});
  write_safetensors(path, file);
}

}  // namespace mpad
