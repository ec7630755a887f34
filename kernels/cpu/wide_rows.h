// SPDX-License-Identifier: MIT
// Loops over rows by channels that do to each element what its channel says. Rows lie side by side in wide rows, so
// that few channels still fill vectors; what belongs to a channel is repeated across a wide row.
#pragma once
#include "elementwise.h"

#include <mpad/core/scratch.h>

namespace mpad::kernels {
namespace {

class WideRows {
 public:
  /// Of x ...,channels, which is not empty.
  explicit WideRows(const View& x)
      : channels_(x.shape[x.shape.rank() - 1]),
        rows_(x.numel() / channels_),
        group_(std::clamp<std::int64_t>(96 / channels_, 1, rows_)),
        count_((rows_ + group_ - 1) / group_) {}

  std::int64_t channels() const { return channels_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t width() const { return group_ * channels_; }

  /// value(channel) for each column of a wide row.
  template <class A, class F>
  void repeat(A* to, const F& value) const {
    for (std::int64_t c = 0; c < channels_; ++c) to[c] = value(c);
    for (std::int64_t j = channels_; j < width(); ++j) to[j] = to[j - channels_];
  }

  /// Calls f(at, column, size) for all elements in blocks of a wide row, as each_block does, on the pool's threads: the
  /// index of the first element and its column in the wide row.
  template <class T, class F>
  void for_each_block(const F& f) const {
    const std::int64_t grain = std::max<std::int64_t>(1, kElementGrain / width());
    parallel_for(count_, grain, [&](std::int64_t begin, std::int64_t end) MPAD_FLATTEN { blocks<T>(begin, end, f); });
  }

  /// Two sums for each channel.
  template <class A>
  struct Sums {
    const A *first, *second;
  };
  /// add(at, column, size, first, second) adds the terms of a block to partial sums, element by element. Partial sums
  /// are of consecutive wide rows, added in pairs, then the group's rows in order: as the shape says. They live in
  /// scratch memory.
  template <class T, class Add>
  Sums<acc_t<T>> sum(const Add& add) const {
    using A = acc_t<T>;
    const std::int64_t chunk = std::max<std::int64_t>(32, kElementGrain / width());
    const std::int64_t chunks = (count_ + chunk - 1) / chunk, size = 2 * width();
    A* sums = scratch<A>(Scratch::partial_sums, chunks * size);
    parallel_for(chunks, 1, [&](std::int64_t begin, std::int64_t end) MPAD_FLATTEN {
      for (std::int64_t i = begin; i < end; ++i) {
        A *first = sums + i * size, *second = first + width();
        std::fill_n(first, size, A(0));
        blocks<T>(i * chunk, std::min(count_, (i + 1) * chunk),
                  [&](std::int64_t at, std::int64_t column, std::int64_t length) {
                    add(at, column, length, first + column, second + column);
                  });
      }
    });
    for (std::int64_t step = 1; step < chunks; step *= 2)
      for (std::int64_t i = 0; i + step < chunks; i += 2 * step)
        add_to(sums + i * size, sums + (i + step) * size, size);
    for (std::int64_t column = channels_; column < width(); column += channels_)
      for (A* half : {sums, sums + width()}) add_to(half, half + column, channels_);
    return {sums, sums + width()};
  }

 private:
  template <class A>
  static void add_to(A* sum, const A* terms, std::int64_t size) {
    MPAD_LANES
    for (std::int64_t i = 0; i < size; ++i) sum[i] += terms[i];
  }

  template <class T, class F>
  MPAD_INLINE void blocks(std::int64_t begin, std::int64_t end, const F& f) const {
    const std::int64_t stop = std::min(end * group_, rows_) * channels_;
    for (std::int64_t row = begin * width(); row < stop; row += width())
      each_block<T>(std::min(width(), stop - row),
                    [&](std::int64_t column, std::int64_t size) { f(row + column, column, size); });
  }

  std::int64_t channels_, rows_, group_, count_;
};

}  // namespace
}  // namespace mpad::kernels
