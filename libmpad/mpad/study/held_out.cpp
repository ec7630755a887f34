// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/held_out.h>

#include <algorithm>
#include <vector>

namespace mpad {
namespace {

using Indices = std::vector<std::int32_t>;

// Away from the streams that a training draws from.
constexpr std::uint64_t holding_out = 0x401d;

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

Dataset part_of(const Dataset& whole, Indices indices) {
  std::sort(indices.begin(), indices.end());
  Dataset part = whole;
  part.labels = labels_at(whole.labels, indices);
  if (whole.source)
    part.source = std::make_shared<PartOfSource>(whole.source, std::move(indices));
  else
    part.pixels = pixels_at(whole.pixels, indices);
  return part;
}

}  // namespace

Split hold_out(const Dataset& train, std::int64_t count, std::uint64_t seed) {
  require(train.size() > 1, "hold_out: expected 2 images of {} or more, to hold some out, got {}", train.name,
          train.size());
  require(count > 0 && count < train.size(), "hold_out: expected 1 to {} images of {} to hold out, got {}",
          train.size() - 1, train.name, count);
  const Indices order = Rng(seed).split(holding_out).permutation(static_cast<std::int32_t>(train.size()));
  return {.train = part_of(train, {order.begin() + count, order.end()}),
          .test = part_of(train, {order.begin(), order.begin() + count})};
}

}  // namespace mpad
