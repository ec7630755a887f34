// SPDX-License-Identifier: MIT
// The forward of every pool, vectorised over channels. Elements are compared by order_key, so that NaN and signed zeros
// need no case of their own; a window starts below the key of -inf, with -inf as its maximum and no tie. Where no
// element is NaN, floats and doubles compare as they are, in a quarter of the instructions and with the same result. An
// `Ending` turns a window's maximum and ties into what is stored, `ending(best, y, mask)`; loops have it by value,
// since a store of a byte may change what a reference names.
#pragma once
#include "isa.h"
#include "simd.h"

#include <mpad/core/axis.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace mpad::kernels {
namespace {

/// The maximum of the taps seen so far in one lane.
template <class T, class M>
struct Best {
  using Key = decltype(order_key<T>(Lane<T>()));
  Key key = std::numeric_limits<Key>::min();
  Lane<T> value = narrow<T>(-std::numeric_limits<acc_t<T>>::infinity());
  M tied = 0;

  MPAD_INLINE void see(Lane<T> x, M bit) {
    const Key k = order_key<T>(x);
    const M joined = static_cast<M>(tied | (k == key ? bit : M(0)));
    tied = k > key ? bit : joined;
    value = k > key ? x : value;
    key = k > key ? k : key;
  }
  MPAD_INLINE bool positive() const { return key > 0; }
  MPAD_INLINE bool zero() const { return key == 0; }
};

/// The maximum of a window without NaN, in one lane: the first of its equals, as with Best.
template <class T, class M>
struct OrderedBest {
  T value;
  M tied;
  MPAD_INLINE bool positive() const { return value > 0; }
  MPAD_INLINE bool zero() const { return value == 0; }
};

/// As full_window where that is true of all channels; else false, and what was stored means nothing.
template <class T, class M, class Ending, std::size_t... i>
bool ordered_window(const T* const (&taps)[sizeof...(i)], Ending ending, std::int64_t channels, T* y, M* mask,
                    std::index_sequence<i...>) {
  constexpr std::size_t last = sizeof...(i) - 1;
  const T* const tap[] = {taps[i]...};
  using Bits = UnsignedOf<sizeof(T)>;
  // Ties are gathered in lanes as wide as the values, in their highest bits: GCC would narrow each tap's bit by itself.
  constexpr int low = 8 * sizeof(T) - sizeof...(i);
  Bits unordered = 0;
  MPAD_LANES
  for (std::int64_t c = 0; c < channels; ++c) {
    T value = tap[0][c];
    ((value = tap[i][c] > value ? tap[i][c] : value), ...);
    const Bits tied = ((tap[i][c] == value ? Bits(Bits(1) << (low + i)) : Bits(0)) | ...);
    ending(OrderedBest<T, M>{value, static_cast<M>(tied >> low)}, y[c], mask[c]);
    // Each element once: even places with the one behind them.
    ((unordered |= i % 2 == 0 && std::isunordered(tap[i][c], tap[std::min(i + 1, last)][c]) ? Bits(1) : Bits(0)), ...);
  }
  return unordered == 0;
}

/// A window that lies inside the image, its number of taps known when compiling.
template <class T, class M, class Ending, std::size_t... i>
void full_window(const Lane<T>* const (&taps)[sizeof...(i)], Ending ending, std::int64_t channels, Lane<T>* y, M* mask,
                 std::index_sequence<i...> all) {
  if constexpr (!std::is_same_v<T, half>)
    if (ordered_window<T>(taps, ending, channels, y, mask, all)) return;
  const Lane<T>* const tap[] = {taps[i]...};
  MPAD_LANES
  for (std::int64_t c = 0; c < channels; ++c) {
    Best<T, M> best;
    (best.see(tap[i][c], static_cast<M>(1u << i)), ...);
    ending(best, y[c], mask[c]);
  }
}

/// Any window: tap after tap over blocks of channels; `tap_at(i)` is null in the padding.
template <class T, class M, class Ending, class TapAt>
void any_window(int taps, const TapAt& tap_at, Ending ending, std::int64_t channels, Lane<T>* y, M* mask) {
  constexpr std::int64_t block = 64;
  for (std::int64_t start = 0; start < channels; start += block) {
    const std::int64_t size = std::min(block, channels - start);
    Best<T, M> best[block];
    for (int i = 0; i < taps; ++i) {
      const Lane<T>* x = tap_at(i);
      if (!x) continue;
      MPAD_LANES
      for (std::int64_t c = 0; c < size; ++c) best[c].see(x[start + c], static_cast<M>(std::uint64_t{1} << i));
    }
    MPAD_LANES
    for (std::int64_t c = 0; c < size; ++c) ending(best[c], y[start + c], mask[start + c]);
  }
}

template <class T, class M, class Ending>
class Pool {
 public:
  Pool(const Sliding& s, const Ending& ending, const Lane<T>* x, Lane<T>* y, M* mask)
      : s_(s), ending_(ending), x_(x), y_(y), mask_(mask) {}

  /// Output rows [begin, end) of all images.
  void rows(std::int64_t begin, std::int64_t end) const {
    const auto [kh, kw] = s_.window.kernel;
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t n = row / s_.oh, oh = row % s_.oh;
      if (sizeof(M) == 1 && kh == 2 && kw == 2)
        row_of<2>(n, oh);
      else if (sizeof(M) == 2 && kh == 3 && kw == 3)
        row_of<3>(n, oh);
      else
        any(n, oh, {0, s_.ow});
    }
  }

 private:
  /// Windows of fewer channels are pooled many at a time, up to kGathered channels of them.
  static constexpr std::int64_t kMany = 32, kGathered = 256;
  /// Channels that are copied at once.
  static constexpr std::int64_t kCopied = 32 / sizeof(T);
  /// Channels of which loops leave none to go over one by one: what g++'s second vector loop takes behind its widest.
#ifdef __AVX512BW__
  static constexpr std::int64_t kBlock = 32;
#else
  static constexpr std::int64_t kBlock = 16;
#endif

  /// A row of windows of k x k taps.
  template <int k>
  void row_of(std::int64_t n, std::int64_t oh) const {
    const Range whole = inside<k>(oh);
    any(n, oh, {0, whole.begin});
    if (s_.c < kMany)
      few_channels<k>(n, oh, whole);
    else
      in_blocks(s_.c, [&](std::int64_t first, std::int64_t channels) MPAD_FLATTEN {
        for (std::int64_t ow = whole.begin; ow < whole.end; ++ow) {
          const Lane<T>* taps[k * k];
          for (int i = 0; i < k * k; ++i) taps[i] = at(n, s_.row(oh, i / k), s_.column(ow, i % k)) + first;
          full<k>(taps, channels, ((n * s_.oh + oh) * s_.ow + ow) * s_.c + first);
        }
      });
    any(n, oh, {whole.end, s_.ow});
  }

  /// Calls f(first channel, channels) for all channels: for whole blocks of them, and where some are left over for the
  /// last block once more, most of which has been stored already. One call in a loop: of a second one, for a number of
  /// channels that is known, g++ makes a loop of its own, which may be scalar.
  template <class F>
  static void in_blocks(std::int64_t channels, const F& f) {
    std::int64_t first = 0, size = channels < kBlock ? channels : channels / kBlock * kBlock;
    while (true) {
      f(first, size);
      if (first + size == channels) return;
      first = channels - kBlock;
      size = kBlock;
    }
  }

  /// The windows of row oh that lie in the image.
  template <int k>
  Range inside(std::int64_t oh) const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    if (s_.row(oh, 0) < 0 || s_.row(oh, k - 1) >= s_.h) return {0, 0};
    const std::int64_t before = (pad.w + stride.w - 1) / stride.w, room = s_.w + pad.w - (k - 1) * dilation.w;
    const std::int64_t begin = std::min(before, s_.ow);
    return {begin, std::clamp((room + stride.w - 1) / stride.w, begin, s_.ow)};
  }

  /// Windows that lie in the image, of few channels: lanes go over those of many windows, gathered tap by tap.
  template <int k>
  void few_channels(std::int64_t n, std::int64_t oh, const Range& whole) const {
    if (s_.c == 0) return;
    const std::int64_t at_a_time = kGathered / s_.c;
    for (std::int64_t ow = whole.begin; ow < whole.end; ow += at_a_time) {
      const std::int64_t count = std::min(at_a_time, whole.end - ow), o = ((n * s_.oh + oh) * s_.ow + ow) * s_.c;
      Lane<T> places[k * k][kGathered + kCopied];
      for (int i = 0; i < k * k; ++i) gather(at(n, s_.row(oh, i / k), s_.column(ow, i % k)), count, places[i]);
      in_blocks(count * s_.c, [&](std::int64_t first, std::int64_t channels) MPAD_FLATTEN {
        const Lane<T>* taps[k * k];
        for (int i = 0; i < k * k; ++i) taps[i] = places[i] + first;
        full<k>(taps, channels, o + first);
      });
    }
  }

  /// A tap of `count` windows, one behind the other; what is copied beyond a tap, the next one overwrites.
  void gather(const Lane<T>* tap, std::int64_t count, Lane<T>* to) const {
    const std::int64_t step = s_.window.stride.w * s_.c;
    const bool room = at(s_.n, 0, 0) - (tap + (count - 1) * step) >= kMany;
    for (std::int64_t i = 0; i < count; ++i, tap += step)
      if (room)
        for (std::int64_t c = 0; c < s_.c; c += kCopied) std::memcpy(to + i * s_.c + c, tap + c, kCopied * sizeof(T));
      else
        std::copy_n(tap, s_.c, to + i * s_.c);
  }

  template <int k>
  void full(const Lane<T>* const (&taps)[k * k], std::int64_t channels, std::int64_t o) const {
    full_window<T>(taps, ending_, channels, y_ + o, mask_ + o, std::make_index_sequence<k * k>());
  }

  /// Windows of any size, in the image or not.
  void any(std::int64_t n, std::int64_t oh, const Range& windows) const {
    const auto [kh, kw] = s_.window.kernel;
    for (std::int64_t ow = windows.begin; ow < windows.end; ++ow) {
      const std::int64_t o = ((n * s_.oh + oh) * s_.ow + ow) * s_.c;
      const auto tap_at = [&, kw = kw](int i) -> const Lane<T>* {
        const std::int64_t row = s_.row(oh, i / kw), column = s_.column(ow, i % kw);
        return row >= 0 && row < s_.h && column >= 0 && column < s_.w ? at(n, row, column) : nullptr;
      };
      any_window<T>(static_cast<int>(kh * kw), tap_at, ending_, s_.c, y_ + o, mask_ + o);
    }
  }

  const Lane<T>* at(std::int64_t n, std::int64_t h, std::int64_t w) const {
    return x_ + ((n * s_.h + h) * s_.w + w) * s_.c;
  }

  Sliding s_;
  Ending ending_;
  const Lane<T>* x_;
  Lane<T>* y_;
  M* mask_;
};

/// Runs the pool over all output rows.
template <class T, class M, class Ending>
void slide_over(const Sliding& s, const Ending& ending, View x, View y, View mask) {
  const Pool<T, M, Ending> pool(s, ending, lanes(x.as<const T>()), lanes(y.as<T>()), mask.as<M>());
  const std::int64_t row_work = s.ow * s.c * s.window.taps();
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 16) / std::max<std::int64_t>(1, row_work));
  parallel_for(s.n * s.oh, grain, [&](std::int64_t begin, std::int64_t end) { pool.rows(begin, end); });
}

}  // namespace
}  // namespace mpad::kernels
