// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/parallel.h>
#include <mpad/data/checksum.h>
#include <mpad/data/cifar.h>
#include <mpad/data/find_file.h>
#include <mpad/train/atomic_file.h>

#include <cstddef>
#include <filesystem>

namespace mpad {
namespace {

constexpr std::int64_t side = 32, plane = side * side, image = 3 * plane;

// What a record begins with, and what else the two sets differ in.
struct Format {
  std::string name;
  std::int64_t label_bytes, label_at;
  int classes;
  std::vector<double> mean, deviation;

  std::int64_t record() const { return label_bytes + image; }
};

Format cifar10_format() { return {"cifar10", 1, 0, 10, {.4914, .4822, .4465}, {.2023, .1994, .2010}}; }

Format cifar100_format(CifarLabels labels) {
  const bool fine = labels == CifarLabels::fine;
  return {"cifar100", 2, fine ? 1 : 0, fine ? 100 : 20, {.5071, .4865, .4409}, {.2673, .2564, .2762}};
}

std::int64_t count_records(const Format& format, const std::string& path) {
  std::error_code error;
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
  require(!error, "{}: {}: expected a readable file, got: {}", format.name, path, error.message());
  require(size > 0 && size % format.record() == 0, "{}: {}: expected one or more records of {} bytes, got {} bytes",
          format.name, path, format.record(), size);
  return size / format.record();
}

// The records as images first, first + 1, ... of the data set.
void unpack(const Format& format, const std::string& path, const std::string& bytes, std::int64_t first,
            const Dataset& dataset) {
  const auto* records = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::int32_t* labels = dataset.labels.span<std::int32_t>().data() + first;
  std::uint8_t* pixels = dataset.pixels.span<std::uint8_t>().data() + first * image;
  const std::int64_t record = format.record();
  parallel_for(static_cast<std::int64_t>(bytes.size()) / record, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      labels[i] = records[i * record + format.label_at];
      require(labels[i] < format.classes, "{}: {}: expected labels in 0..{}, got {} in record {}", format.name, path,
              format.classes - 1, labels[i], i);
      const std::uint8_t* planes = records + i * record + format.label_bytes;
      for (std::int64_t at = 0; at < plane; ++at)
        for (std::int64_t channel = 0; channel < 3; ++channel)
          pixels[i * image + 3 * at + channel] = planes[channel * plane + at];
    }
  });
}

Dataset read(const Format& format, const std::vector<std::string>& paths) {
  require(!paths.empty(), "{}: expected one file or more, got none", format.name);
  std::vector<std::int64_t> counts;
  std::int64_t total = 0;
  for (const std::string& path : paths) total += counts.emplace_back(count_records(format, path));
  Dataset dataset{.name = format.name,
                  .pixels = Tensor({total, side, side, 3}, DType::u8),
                  .labels = Tensor({total}, DType::i32),
                  .classes = format.classes,
                  .mean = format.mean,
                  .deviation = format.deviation};
  Crc32 crc;
  for (std::size_t i = 0, first = 0; i < paths.size(); first += static_cast<std::size_t>(counts[i++])) {
    const std::string bytes = read_file(paths[i]);
    require(static_cast<std::int64_t>(bytes.size()) == counts[i] * format.record(),
            "{}: {}: expected {} records, got a file that changes", format.name, paths[i], counts[i]);
    unpack(format, paths[i], bytes, static_cast<std::int64_t>(first), dataset);
    crc.update(bytes.data(), bytes.size());
  }
  dataset.checksum = crc.hex();
  return dataset;
}

std::vector<std::string> cifar10_folders() { return {"cifar10", "cifar-10-batches-bin"}; }

std::vector<std::string> cifar10_training_files() {
  std::vector<std::string> names;
  for (int i = 1; i <= 5; ++i) names.push_back(fmt::format("data_batch_{}.bin", i));
  return names;
}

}  // namespace

Dataset read_cifar10(const std::vector<std::string>& paths) { return read(cifar10_format(), paths); }

Dataset read_cifar100(const std::vector<std::string>& paths, CifarLabels labels) {
  return read(cifar100_format(labels), paths);
}

bool has_cifar10(const std::string& directory) {
  return has_file(directory, cifar10_folders(), cifar10_training_files());
}

Split load_cifar10(const std::string& directory) {
  const DataPlaces places = data_places("cifar10", directory, cifar10_folders());
  const std::vector<std::string> names = cifar10_training_files();
  find_file(places, names);
  Split split{read_cifar10(find_files(places, names)), read_cifar10({find_file(places, {"test_batch.bin"})})};
  split.train.augment = crop_and_flip;
  return split;
}

Split load_cifar100(const std::string& directory, CifarLabels labels) {
  const DataPlaces places = data_places("cifar100", directory, {"cifar100", "cifar-100-binary"});
  Split split{read_cifar100({find_file(places, {"train.bin"})}, labels),
              read_cifar100({find_file(places, {"test.bin"})}, labels)};
  split.train.augment = crop_and_flip;
  return split;
}

}  // namespace mpad
