// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/data/dataset.h>
#include <mpad/data/image_loader.h>
#include <mpad/ops/view_of.h>

#include <kernels.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace mpad {
namespace {

// Child of a generator's stream that augments what it shuffles.
constexpr std::uint64_t augmentation = 1;

// (byte / 255 - mean) / deviation for each channel and byte: rounded to dtype once, here, and only looked up later.
Tensor normalisation_table(const Dataset& dataset) {
  std::vector<double> values;
  for (std::size_t channel = 0; channel < dataset.mean.size(); ++channel)
    for (int byte = 0; byte < 256; ++byte)
      values.push_back((byte / 255.0 - dataset.mean[channel]) / dataset.deviation[channel]);
  return Tensor::from(values, {static_cast<std::int64_t>(dataset.mean.size()), 256}, dataset.dtype);
}

std::vector<std::int32_t> first_indices(std::int64_t count) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

void check_array(const Dataset& dataset, const char* what, const Tensor& tensor, DType dtype, int rank,
                 const char* shape) {
  require(static_cast<bool>(tensor), "{}: expected {}, got none", dataset.name, what);
  require(tensor.dtype() == dtype && tensor.shape().rank() == rank, "{}: expected {} {} {}, got {} {}", dataset.name,
          what, dtype, shape, tensor.dtype(), tensor.shape());
}

void check_labels(const Dataset& d, std::int64_t images) {
  // A source may have more images than are used.
  require(d.source ? d.labels.numel() <= images : d.labels.numel() == images,
          "{}: expected a label for each of {} images, got {}", d.name, images, d.labels.numel());
  if (!d.source)
    require(d.labels.device() == d.pixels.device(), "{}: expected pixels and labels on one device, got {} and {}",
            d.name, to_string(d.pixels.device()), to_string(d.labels.device()));
  if (d.labels.device() != Device::cpu) return;  // checked by to() before they moved
  for (const std::int32_t label : d.labels.span<std::int32_t>())
    require(label >= 0 && label < d.classes, "{}: expected labels in 0..{}, got {}", d.name, d.classes - 1, label);
}

void check_augment(const Dataset& d) {
  const Shape s = d.shape();
  require(d.augment.crop_pad >= 0 && d.augment.crop_pad <= std::min(s[1], s[2]),
          "{}: expected a crop's padding of 0 to {} pixels, got {}", d.name, std::min(s[1], s[2]), d.augment.crop_pad);
  require(d.source ? d.augment.crop_pad == 0 : !d.augment.resized_crop, "{}: expected {} of images in {}, got {}",
          d.name, d.source ? "resized crops" : "crops with padding", d.source ? "files" : "memory",
          d.source ? "crops with padding" : "resized crops");
}

}  // namespace

void Dataset::validate() const {
  if (!source) check_array(*this, "pixels", pixels, DType::u8, 4, "N,h,w,c");
  require(!source || !pixels, "{}: expected pixels or a source of images, got both", name);
  check_array(*this, "labels", labels, DType::i32, 1, "N");
  const Shape s = shape();
  require(s.numel() > 0 && s[0] <= std::numeric_limits<std::int32_t>::max(),
          "{}: expected 1 to 2147483647 images with pixels, got shape {}", name, s);
  check_labels(*this, source ? source->shape()[0] : s[0]);
  const auto channels = static_cast<std::size_t>(s[3]);
  require(mean.size() == channels && deviation.size() == channels,
          "{}: expected mean and deviation for each of {} channels, got {} and {}", name, channels, mean.size(),
          deviation.size());
  for (const double d : deviation)
    require(d > 0 && std::isfinite(d), "{}: expected deviations above 0, got {}", name, d);
  check_augment(*this);
  require(is_real(dtype), "{}: expected a dtype of half, float or double, got {}", name, dtype);
}

Shape Dataset::shape() const {
  if (!source) return pixels.shape();
  const Shape s = source->shape();
  return {size(), s[1], s[2], s[3]};
}

Dataset Dataset::first(std::int64_t count) const {
  require(count > 0, "{}: expected 1 image or more, got {}", name, count);
  Dataset part = *this;
  const std::int64_t n = std::min(count, size());
  const Shape s = shape();
  if (pixels) part.pixels = pixels.slice(0, {n, s[1], s[2], s[3]});
  part.labels = labels.slice(0, {n});
  return part;
}

Dataset Dataset::to(Device device) const {
  validate();
  Dataset moved = *this;
  if (pixels) moved.pixels = pixels.to(device);
  moved.labels = labels.to(device);
  return moved;
}

Batches Dataset::batches(std::int64_t batch_size) const { return Batches(*this, batch_size, first_indices(size())); }

Batches Dataset::batches(std::int64_t batch_size, Rng& rng) const {
  const Rng augmenting = rng.split(augmentation).split(rng.position());
  return Batches(*this, batch_size, rng.permutation(static_cast<std::int32_t>(size())), augmenting);
}

Batches::Batches(const Dataset& dataset, std::int64_t batch_size, std::vector<std::int32_t> order,
                 const std::optional<Rng>& augmenting)
    : dataset_(dataset), batch_size_(batch_size), augmenting_(augmenting) {
  if (dataset.augment == Augment()) augmenting_.reset();
  require(batch_size > 0, "batches: expected a batch size of 1 or more, got {}", batch_size);
  dataset_.validate();
  for (const std::int32_t i : order)
    require(i >= 0 && i < dataset.size(), "batches: expected indices in 0..{}, got {}", dataset.size() - 1, i);
  const Device device = dataset_.labels.device();
  order_ = Tensor::from(order, {static_cast<std::int64_t>(order.size())}).to(device);
  table_ = normalisation_table(dataset_).to(device);
  if (!dataset_.source) return;
  const std::vector<std::int32_t> in_order = first_indices(std::min(batch_size, order_.numel()));
  in_order_ = Tensor::from(in_order, {std::ssize(in_order)}).to(device);
  pass_ =
      std::make_shared<ImagePass>(ImagePass{dataset_.source, std::move(order), batch_size,
                                            augmenting_ ? dataset_.augment : Augment(), augmenting_.value_or(Rng(0))});
}

std::int64_t Batches::size() const { return order_.numel() / batch_size_ + (order_.numel() % batch_size_ != 0); }

Tensor Batches::indices(std::int64_t i) const {
  require(i >= 0 && i < size(), "batches: expected a batch in 0..{}, got {}", size() - 1, i);
  const std::int64_t begin = i * batch_size_;
  return order_.slice(begin, {std::min(batch_size_, order_.numel() - begin)});
}

Batch Batches::operator[](std::int64_t i) const {
  return pass_ ? make(indices(i), pass_->read_batch(i)) : make(indices(i), dataset_.pixels);
}

Batches::Iterator Batches::begin() const {
  return {*this, 0, pass_ ? std::make_shared<ImageLoader>(pass_, dataset_.workers) : nullptr};
}

Batch Batches::Iterator::operator*() const {
  return loader_ ? batches_->make(batches_->indices(i_), loader_->batch(i_)) : (*batches_)[i_];
}

Batch Batches::make(const Tensor& indices, const Tensor& pixels) const {
  const Shape& s = pixels.shape();
  const std::int64_t n = indices.numel();
  const Device device = indices.device();
  const Batch batch{Tensor({n, s[1], s[2], s[3]}, dataset_.dtype, device), Tensor({n}, DType::i32, device)};
  gather_images(pixels.to(device), pass_ ? in_order_.slice(0, {n}) : indices, {}, batch.images);
  gather_labels(indices, batch.labels);
  return batch;
}

Tensor Batches::key() const { return key_of(augmenting_.value_or(Rng(0))); }

void Batches::gather(const Tensor& indices, const Tensor& key, const Batch& batch) const {
  require(!pass_, "{}: expected images in memory, got a source", dataset_.name);
  gather_images(dataset_.pixels, indices, key, batch.images);
  gather_labels(indices, batch.labels);
}

void Batches::gather_images(const Tensor& bytes, const Tensor& indices, const Tensor& key, const Tensor& images) const {
  on(images.device(), [&](auto where) {
    if (!augmenting_ || pass_)
      return kernels::gather_images(where, bytes.view(), indices.view(), table_.view(), images.view());
    const kernels::CropFlip draw{augmenting_->seed(), augmenting_->stream(), dataset_.augment.crop_pad,
                                 dataset_.augment.flip};
    kernels::augment_images(where, draw, bytes.view(), indices.view(), table_.view(), images.view(), view_of(key));
  });
}

void Batches::gather_labels(const Tensor& indices, const Tensor& labels) const {
  on(labels.device(),
     [&](auto where) { kernels::gather_labels(where, dataset_.labels.view(), indices.view(), labels.view()); });
}

}  // namespace mpad
