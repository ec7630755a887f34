// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/dataset.h>

#include <algorithm>
#include <utility>

namespace mpad {
namespace {

using Indices = std::vector<std::int32_t>;

// Some images of another source.
class PartOfSource final : public ImageSource {
 public:
  PartOfSource(std::shared_ptr<const ImageSource> whole, Indices indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {}
  Shape shape() const override {
    const Shape s = whole_->shape();
    return {std::ssize(indices_), s[1], s[2], s[3]};
  }
  void read(std::int64_t index, const Augment& augment, Rng rng, std::uint8_t* pixels) const override {
    whole_->read(indices_[static_cast<std::size_t>(index)], augment, rng, pixels);
  }

 private:
  std::shared_ptr<const ImageSource> whole_;
  Indices indices_;
};

Tensor pixels_at(const Tensor& pixels, const Indices& indices) {
  const Shape s = pixels.shape();
  const Tensor part({std::ssize(indices), s[1], s[2], s[3]}, DType::u8);
  const auto from = pixels.span<std::uint8_t>(), to = part.span<std::uint8_t>();
  const auto image = static_cast<std::size_t>(s[1] * s[2] * s[3]);
  for (std::size_t i = 0; i < indices.size(); ++i)
    std::copy_n(&from[image * static_cast<std::size_t>(indices[i])], image, &to[image * i]);
  return part;
}

Tensor labels_at(const Tensor& labels, const Indices& indices) {
  const auto all = labels.span<std::int32_t>();
  Indices part;
  for (const std::int32_t index : indices) part.push_back(all[static_cast<std::size_t>(index)]);
  return Tensor::from(part, {std::ssize(part)});
}

}  // namespace

Dataset Dataset::part(std::vector<std::int32_t> indices) const {
  require(!indices.empty(), "{}: expected 1 image or more, got 0", name);
  for (const std::int32_t i : indices)
    require(i >= 0 && i < size(), "{}: expected indices in 0..{}, got {}", name, size() - 1, i);
  Dataset part = *this;
  part.labels = labels_at(labels, indices);
  if (source)
    part.source = std::make_shared<PartOfSource>(source, std::move(indices));
  else
    part.pixels = pixels_at(pixels, indices);
  return part;
}

}  // namespace mpad
