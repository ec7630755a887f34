// SPDX-License-Identifier: MIT
// The gather that every backward of a pool is: each input element sums, over the windows that hold it, in row-major
// order, the term of a lane rule. No zero fill, no atomics, vectorised over channels.
//
// A lane rule is made for one tap, `rule.at(i)`, and called as `(g, mask, o)`: g in acc_t<A>, the window's mask, and
// the flat index o of its output. It returns a value of A, held in acc_t<A>. A `Sum` adds the terms of one lane up.
#pragma once
#include "elementwise.h"
#include "maxpool_cover.h"

#include <algorithm>
#include <array>

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

/// The sum of one lane, each term and sum rounded to A. Its result is rounded to T where it is stored.
template <class T, class M, class A>
struct PoolSum {
  static constexpr bool wants_inside = false;
  acc_t<A> value = 0;
  template <class Rule, class Tap>
  MPAD_INLINE void add(const Rule&, const Tap& tap, const Holder&, acc_t<A> g, M mask, std::int64_t o) {
    value = rounded<A>(value + tap(g, mask, o));
  }
  template <class Rule>
  MPAD_INLINE acc_t<T> result(const Rule&) const {
    return value;
  }
};

template <class T, class M, class A, class Sum, class Rule>
class Gather {
 public:
  Gather(const Sliding& s, const Rule& rule, const T* grad_y, const M* mask, T* grad_x)
      : s_(s), rule_(rule), grad_y_(grad_y), mask_(mask), grad_x_(grad_x) {}

  /// Input rows [begin, end) of all images.
  void rows(std::int64_t begin, std::int64_t end) const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    const bool apart = stride.h >= kernel.h && stride.w >= kernel.w && dilation == Pair(1);
    for (std::int64_t row = begin; row < end; ++row) apart ? row_of_one_window(row) : row_of_any_windows(row);
  }

 private:
  using V = acc_t<A>;
  static constexpr bool kInRegisters = Rule::vectorised && std::is_same_v<A, V>;

  /// Windows that share no element: from window to window instead of from element to element.
  void row_of_one_window(std::int64_t row) const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    const std::int64_t h = row % s_.h + pad.h, oh = h / stride.h, r = h % stride.h;
    std::int64_t done = 0;
    if (oh < s_.oh && r < kernel.h)
      for (std::int64_t ow = 0; ow < s_.ow; ++ow) {
        const std::int64_t first = s_.column(ow, 0);
        const std::int64_t begin = std::max<std::int64_t>(first, 0), end = std::min(first + kernel.w, s_.w);
        zero(row, done, begin);
        done = begin;
        // The elements of a window share its gradient, mask and share of it, so two are summed at a time.
        constexpr int together = kInRegisters ? 2 : 1;
        Holder window = holder(row / s_.h, oh, ow, r * kernel.w + begin - first);
        for (; done + together <= end; done += together, window.tap += together)
          elements<together>({window}, place(row, done));
        for (; done < end; ++done, ++window.tap) elements<1>({window}, place(row, done));
      }
    zero(row, done, s_.w);
  }

  void row_of_any_windows(std::int64_t row) const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    const std::int64_t width = kernel.w;
    const Cover vertical(row % s_.h, s_.oh, kernel.h, stride.h, pad.h, dilation.h);
    Cover horizontal(0, s_.ow, kernel.w, stride.w, pad.w, dilation.w);
    for (std::int64_t w = 0; w < s_.w; ++w) {
      horizontal.move_to(w);
      Holders holders;
      vertical.each([&](std::int64_t oh, int r) {
        horizontal.each([&](std::int64_t ow, int q) {
          holders.window[holders.count++] = holder(row / s_.h, oh, ow, r * width + q);
        });
      });
      element(holders, place(row, w));
    }
  }

  T* place(std::int64_t row, std::int64_t w) const { return grad_x_ + (row * s_.w + w) * s_.c; }

  void zero(std::int64_t row, std::int64_t begin, std::int64_t end) const {
    if (begin < end) std::fill_n(place(row, begin), (end - begin) * s_.c, T(0));
  }

  MPAD_INLINE Holder holder(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t tap) const {
    return {((n * s_.oh + oh) * s_.ow + ow) * s_.c, static_cast<int>(tap), inside(oh, ow)};
  }

  /// The taps of a window that lie in the image: every combination of a row and a column that do.
  std::uint64_t inside(std::int64_t oh, std::int64_t ow) const {
    if constexpr (!Sum::wants_inside) return 0;
    const auto& [kernel, stride, pad, dilation] = s_.window;
    return bits_inside(s_.row(oh, 0), kernel.h, dilation.h, s_.h, kernel.w) *
           bits_inside(s_.column(ow, 0), kernel.w, dilation.w, s_.w, 1);
  }

  void element(const Holders& holders, T* out) const {
    // One, two or four windows hold each element under a 3x3 window of stride 2.
    if constexpr (kInRegisters && sizeof(M) == 2) {
      const Holder* window = holders.window;
      if (holders.count == 1) return elements<1>({window[0]}, out);
      if (holders.count == 2) return elements<1>({window[0], window[1]}, out);
      if (holders.count == 4) return elements<1>({window[0], window[1], window[2], window[3]}, out);
    }
    in_blocks(holders.window, holders.count, out);
  }

  /// `size` elements side by side that the same windows hold, `windows` naming the first one's taps.
  template <int size, int count>
  void elements(const Holder (&windows)[count], T* out) const {
    if constexpr (kInRegisters) {
      in_registers(windows, out, std::make_index_sequence<size>(), std::make_index_sequence<count>());
    } else {
      static_assert(size == 1);
      in_blocks(windows, count, out);
    }
  }

  template <int count, std::size_t... k, std::size_t... j>
  void in_registers(const Holder (&windows)[count], T* out, std::index_sequence<k...>,
                    std::index_sequence<j...>) const {
    struct Term {
      Holder window;
      decltype(rule_.at(0)) tap;
    };
    const auto terms_of = [&](int element) {
      const auto term = [&](Holder window) {
        window.tap += element;
        return Term{window, rule_.at(window.tap)};
      };
      return std::array<Term, count>{term(windows[j])...};
    };
    const std::array<Term, count> terms[] = {terms_of(k)...};
    const Rule rule = rule_;  // stores may change members
    const std::int64_t channels = s_.c, block = Block<T>::kInPlace ? channels : kBlock;
    for (std::int64_t start = 0; start < channels; start += block) {
      const std::int64_t size = std::min(block, channels - start);
      Block<const T> from[] = {{grad_y_ + windows[j].output + start, size}...};
      Block<T> to[] = {{out + k * channels + start, size}...};
      const V* const grad[] = {from[j].load()...};
      V* const result[] = {to[k].data()...};
      const auto sum_of = [&](const std::array<Term, count>& of, std::int64_t c) {
        Sum sum;
        (add(sum, of[j].tap, of[j].window, start + c, grad[j][c]), ...);
        return sum.result(rule);
      };
      MPAD_LANES
      for (std::int64_t c = 0; c < size; ++c) {
        const V sums[] = {sum_of(terms[k], c)...};  // all before a store, behind which gradients would be read again
        ((result[k][c] = sums[k]), ...);
      }
      (to[k].store(), ...);
    }
  }

  void in_blocks(const Holder* windows, int count, T* out) const {
    constexpr std::int64_t block = 64;
    for (std::int64_t start = 0; start < s_.c; start += block) {
      const std::int64_t size = std::min(block, s_.c - start);
      Sum sum[block];
      for (int j = 0; j < count; ++j) {
        Block<const T> from(grad_y_ + windows[j].output + start, size);
        add_block(windows[j], start, size, from.load(), sum);
      }
      Block<T> to(out + start, size);
      V* result = to.data();
      MPAD_LANES
      for (std::int64_t c = 0; c < size; ++c) result[c] = sum[c].result(rule_);
      to.store();
    }
  }

  void add_block(const Holder& window, std::int64_t start, std::int64_t size, const V* grad, Sum* sum) const {
    const auto tap = rule_.at(window.tap);
    if constexpr (Rule::vectorised) {
      MPAD_LANES
      for (std::int64_t c = 0; c < size; ++c) add(sum[c], tap, window, start + c, grad[c]);
    } else {
      for (std::int64_t c = 0; c < size; ++c) add(sum[c], tap, window, start + c, grad[c]);
    }
  }

  MPAD_INLINE void add(Sum& sum, const auto& tap, const Holder& window, std::int64_t c, V grad) const {
    const std::int64_t o = window.output + c;
    sum.add(rule_, tap, window, grad, mask_[o], o);
  }

  Sliding s_;
  Rule rule_;
  const T* grad_y_;
  const M* mask_;
  T* grad_x_;
};

/// Runs the gather over all input rows.
template <class T, class M, class A, class Sum = PoolSum<T, M, A>, class Rule>
void gather(const Sliding& s, const Rule& rule, View grad_y, View mask, View grad_x) {
  const Gather<T, M, A, Sum, Rule> body(s, rule, grad_y.as<const T>(), mask.as<const M>(), grad_x.as<T>());
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 16) / std::max<std::int64_t>(1, s.w * s.c));
  parallel_for(s.n * s.h, grain, [&](std::int64_t begin, std::int64_t end) { body.rows(begin, end); });
}

}  // namespace
}  // namespace mpad::kernels
