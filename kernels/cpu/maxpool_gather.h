// SPDX-License-Identifier: MIT
// The gather that every backward of a pool is: each input element sums, over the windows that hold it, in row-major
// order, the term of a lane rule. No zero fill, no atomics, vectorised over channels.
//
// A lane rule is made for one tap, `rule.at(i)`, and called as `(g, mask, o)`: g in acc_t<A>, the window's mask, and
// the flat index o of its output. It returns a value of A, held in acc_t<A>. A `Sum` adds the terms of one lane up.
#pragma once
#include "maxpool_cover.h"
#include "simd.h"

#include <algorithm>

namespace mpad::kernels {
namespace {

/// A tap as masks see it, in lanes U of the width of the values: bit i, the bits up to it, and those from it.
template <class U>
struct TapBits {
  U bit, up_to, from;
  explicit TapBits(int i)
      : bit(U{1} << i), up_to(~U{0} >> (8 * sizeof(U) - 1 - static_cast<unsigned>(i))), from(~U{0} << i) {}
  MPAD_INLINE bool tied(U mask) const { return (mask & bit) != 0; }
  MPAD_INLINE bool is_first(U mask) const { return (mask & up_to) == bit; }
};

/// Bits set in a mask of type M, at least 1 so that it divides; no vector instruction for it before AVX-512.
template <class M, class U>
MPAD_INLINE int tie_count(U mask) {
  constexpr U ones = ~U{0};
  U x = mask - (mask >> 1 & ones / 3);
  x = (x & ones / 5) + (x >> 2 & ones / 5);
  x = (x + (x >> 4)) & ones / 17;
  if constexpr (sizeof(M) >= 2) x += x >> 8;
  if constexpr (sizeof(M) >= 4) x += x >> 16;
  if constexpr (sizeof(M) >= 8) x += x >> 32;
  const int count = static_cast<int>(x & 0x7f);
  return count < 1 ? 1 : count;
}

/// The sum of one lane, each term and sum rounded to A.
template <class T, class M, class A>
struct PoolSum {
  static constexpr bool wants_inside = false;
  acc_t<A> value = 0;
  template <class Rule, class Tap>
  MPAD_INLINE void add(const Rule&, const Tap& tap, const Holder&, acc_t<A> g, M mask, std::int64_t o) {
    value = rounded<A>(value + tap(g, mask, o));
  }
  template <class Rule>
  MPAD_INLINE Lane<T> result(const Rule&) const {
    return narrow<T>(value);
  }
};

template <class T, class M, class A, class Sum, class Rule>
class Gather {
 public:
  Gather(const Sliding& s, const Rule& rule, const Lane<T>* grad_y, const M* mask, Lane<T>* grad_x)
      : s_(s), rule_(rule), grad_y_(grad_y), mask_(mask), grad_x_(grad_x) {}

  /// Input rows [begin, end) of all images.
  void rows(std::int64_t begin, std::int64_t end) const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    for (std::int64_t row = begin; row < end; ++row) {
      const int width = static_cast<int>(kernel.w);
      const Cover vertical(row % s_.h, s_.oh, kernel.h, stride.h, pad.h, dilation.h);
      Cover horizontal(0, s_.ow, kernel.w, stride.w, pad.w, dilation.w);
      const std::int64_t n = row / s_.h;
      for (std::int64_t w = 0; w < s_.w; ++w) {
        horizontal.move_to(w);
        Holders holders;
        vertical.each([&](std::int64_t oh, int r) {
          horizontal.each([&](std::int64_t ow, int q) {
            holders.window[holders.count++] = {((n * s_.oh + oh) * s_.ow + ow) * s_.c, r * width + q, inside(oh, ow)};
          });
        });
        pixel(holders, grad_x_ + (row * s_.w + w) * s_.c);
      }
    }
  }

 private:
  using V = acc_t<A>;

  void pixel(const Holders& holders, Lane<T>* out) const {
    // One window holds each element where windows touch; one, two or four do under a 3x3 window of stride 2.
    if constexpr (Rule::vectorised && std::is_same_v<A, V>) {
      if (holders.count == 1) return sum_of<1>(holders, out);
      if constexpr (sizeof(M) == 2) {
        if (holders.count == 2) return sum_of<2>(holders, out);
        if (holders.count == 4) return sum_of<4>(holders, out);
      }
    }
    sum_of_any(holders, out);
  }

  /// The taps of a window that lie in the image: every combination of a row and a column that do.
  std::uint64_t inside(std::int64_t oh, std::int64_t ow) const {
    if constexpr (!Sum::wants_inside) return 0;
    const auto& [kernel, stride, pad, dilation] = s_.window;
    return bits_inside(s_.row(oh, 0), kernel.h, dilation.h, s_.h, kernel.w) *
           bits_inside(s_.column(ow, 0), kernel.w, dilation.w, s_.w, 1);
  }

  MPAD_INLINE void add(Sum& sum, const auto& tap, const Holder& window, std::int64_t c) const {
    const std::int64_t o = window.output + c;
    sum.add(rule_, tap, window, widen(grad_y_[o]), mask_[o], o);
  }

  template <int count>
  void sum_of(const Holders& holders, Lane<T>* out) const {
    constexpr auto all = std::make_index_sequence<count>();
    sum_of(holders, out, all);
  }
  template <std::size_t... j>
  void sum_of(const Holders& holders, Lane<T>* out, std::index_sequence<j...>) const {
    const decltype(rule_.at(0)) taps[] = {rule_.at(holders.window[j].tap)...};
    const Holder windows[] = {holders.window[j]...};
    const std::int64_t channels = s_.c;
    const Rule rule = rule_;  // stores may change members
    MPAD_LANES
    for (std::int64_t c = 0; c < channels; ++c) {
      Sum sum;
      (add(sum, taps[j], windows[j], c), ...);
      out[c] = sum.result(rule);
    }
  }

  void sum_of_any(const Holders& holders, Lane<T>* out) const {
    constexpr std::int64_t block = 64;
    for (std::int64_t start = 0; start < s_.c; start += block) {
      const std::int64_t size = std::min(block, s_.c - start);
      Sum sum[block];
      for (int j = 0; j < holders.count; ++j) {
        const Holder window = holders.window[j];
        const auto tap = rule_.at(window.tap);
        if constexpr (Rule::vectorised) {
          MPAD_LANES
          for (std::int64_t c = 0; c < size; ++c) add(sum[c], tap, window, start + c);
        } else {
          for (std::int64_t c = 0; c < size; ++c) add(sum[c], tap, window, start + c);
        }
      }
      MPAD_LANES
      for (std::int64_t c = 0; c < size; ++c) out[start + c] = sum[c].result(rule_);
    }
  }

  Sliding s_;
  Rule rule_;
  const Lane<T>* grad_y_;
  const M* mask_;
  Lane<T>* grad_x_;
};

/// Runs the gather over all input rows.
template <class T, class M, class A, class Sum = PoolSum<T, M, A>, class Rule>
void gather(const Sliding& s, const Rule& rule, View grad_y, View mask, View grad_x) {
  const Gather<T, M, A, Sum, Rule> body(s, rule, lanes(grad_y.as<const T>()), mask.as<const M>(),
                                        lanes(grad_x.as<T>()));
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 16) / std::max<std::int64_t>(1, s.w * s.c));
  parallel_for(s.n * s.h, grain, [&](std::int64_t begin, std::int64_t end) { body.rows(begin, end); });
}

}  // namespace
}  // namespace mpad::kernels
