// SPDX-License-Identifier: MIT
// The gather that every backward of a pool is: each input element sums, over the windows that hold it, in row-major
// order, the term of a lane rule. No zero fill, no atomics, vectorised over channels.
//
// A lane rule is made for one tap, `rule.at(i)`, and called as `(g, mask, o)`: g in acc_t<A>, the window's mask, and
// the flat index o of its output. It returns a value of A, held in acc_t<A>. A `Sum` adds the terms of one lane up.
// A rule that moves gradients whole (Moves) says which by `rule.whole<U>(i)`.
#pragma once
#include "elementwise.h"
#include "maxpool_cover.h"
#include "maxpool_taps.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>
#include <utility>

namespace mpad::kernels {
namespace {

/// The sum of 0 and a half, as bits: -0 becomes 0, and a NaN quiet.
MPAD_INLINE std::uint16_t moved(std::uint16_t x) {
  const unsigned magnitude = x & 0x7fffu;
  return static_cast<std::uint16_t>(magnitude == 0 ? 0 : magnitude > 0x7c00 ? x | 0x200u : x);
}

/// The sum of one lane, each term and sum rounded to A. Its result is rounded to T where it is stored.
template <class T, class M, class A>
struct PoolSum {
  static constexpr bool wants_inside = false;
  acc_t<A> value = 0;

  /// Sums in memory, each member in an array of its own: vectors of interleaved ones need shuffles.
  template <int count>
  struct Array {
    acc_t<A> value[count] = {};
    MPAD_INLINE PoolSum at(std::int64_t c) const { return {value[c]}; }
    MPAD_INLINE void put(std::int64_t c, const PoolSum& sum) { value[c] = sum.value; }
  };

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
    if (stride.h >= kernel.h && stride.w >= kernel.w && dilation == Pair(1)) return rows_of_one_window(begin, end);
    for (std::int64_t row = begin; row < end; ++row)
      if (row + 1 < end && begins_tiles(row))
        two_rows(row++);
      else
        row_of_any_windows(row);
  }

 private:
  using V = acc_t<A>;
  static constexpr bool kInRegisters = Rule::vectorised && std::is_same_v<A, V>;
  // For windows of more than 8 elements, such as 3x3 ones. In double the memory is the limit, and tiles are slower.
  static constexpr bool kInTiles = kInRegisters && sizeof(M) == 2 && sizeof(V) == 4;
  // Halves of one window need no arithmetic where its gradient goes to one of them whole.
  static constexpr bool kMoves = kInRegisters && Moves<Rule> && std::is_same_v<T, half>;

  /// Channels of an element that are copied at once; half as many where those are enough.
  static constexpr std::int64_t kCopied = sizeof(T) == 2 ? 16 : 8;

  /// An element of a tile: `down` and `right` of the tile's first one, held by the windows of these indices.
  template <int down, int right, int... windows>
  struct Element {};
  template <class... E>
  struct Elements {};
  using One = Elements<Element<0, 0, 0>>;
  using Two = Elements<Element<0, 0, 0>, Element<0, 1, 0>>;
  using OneOfTwo = Elements<Element<0, 0, 0, 1>>;
  using OneOfFour = Elements<Element<0, 0, 0, 1, 2, 3>>;
  using OneOfSix = Elements<Element<0, 0, 0, 1, 2, 3, 4, 5>>;
  using OneOfNine = Elements<Element<0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8>>;
  using Tile = Elements<Element<0, 0, 0, 1, 2, 3>, Element<0, 1, 1, 3>, Element<1, 0, 2, 3>, Element<1, 1, 3>>;

  /// A row of all images, number n its image, as row r of its windows, those of row oh. Kept from row to row: divisions
  /// would take as long as short rows.
  struct Row {
    std::int64_t row, n, oh, r;
  };

  /// Windows that share no element; rows between them are 0.
  void rows_of_one_window(std::int64_t begin, std::int64_t end) const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    const bool whole = pad.w == 0 && s_.column(s_.ow - 1, 0) + kernel.w <= s_.w;
    const bool few = kInRegisters && whole && s_.c > 0 && s_.c <= kCopied;
    std::int64_t h = begin % s_.h;
    for (Row row{begin, begin / s_.h, (h + pad.h) / stride.h, (h + pad.h) % stride.h}; row.row < end; ++row.row) {
      if (row.oh >= s_.oh || row.r >= kernel.h)
        zero(row.row, 0, s_.w);
      else
        few ? row_of_few_channels(row) : row_of_one_window(row);
      if (++h == s_.h) {
        h = 0;
        row = {row.row, row.n + 1, pad.h / stride.h, pad.h % stride.h};
      } else if (++row.r == stride.h) {
        row = {row.row, row.n, row.oh + 1, 0};
      }
    }
  }

  /// From window to window instead of from element to element.
  void row_of_one_window(const Row& of) const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    const auto& [row, n, oh, r] = of;
    std::int64_t done = 0;
    for (std::int64_t ow = 0; ow < s_.ow; ++ow) {
      const std::int64_t first = s_.column(ow, 0);
      const std::int64_t begin = std::max<std::int64_t>(first, 0), end = std::min(first + kernel.w, s_.w);
      zero(row, done, begin);
      done = begin;
      // The elements of a window share its gradient, mask and share of it, so two are summed at a time.
      Holder window = holder(n, oh, ow, r * kernel.w + begin - first);
      if constexpr (kInRegisters)
        for (; done + 2 <= end; done += 2, window.tap += 2)
          side_by_side<2>(window, s_.c, {place(row, done), place(row, done + 1)});
      for (; done < end; ++done, ++window.tap) element(window, place(row, done));
    }
    zero(row, done, s_.w);
  }

  /// The same where windows lie inside the row and channels are few: lanes go over those of many windows, for two taps
  /// at a time, and what comes of it is copied into its place.
  void row_of_few_channels(const Row& of) const {
    if constexpr (kInRegisters) {
      const auto& [kernel, stride, pad, dilation] = s_.window;
      const auto& [row, n, oh, r] = of;
      constexpr std::int64_t most = 64 * kCopied;  // a row of any window, at least
      T terms[most + kCopied];
      const std::int64_t of_window = kernel.w * s_.c, at_a_time = s_.ow * of_window <= most ? s_.ow : most / of_window;
      for (std::int64_t first = 0; first < s_.ow; first += at_a_time) {
        const std::int64_t count = std::min(at_a_time, s_.ow - first), size = count * s_.c;
        Holder window = holder(n, oh, first, r * kernel.w);  // all have the same taps in the image
        T* of_tap = terms;
        std::int64_t q = 0;
        for (; q + 2 <= kernel.w; q += 2, window.tap += 2, of_tap += 2 * size)
          side_by_side<2>(window, size, {of_tap, of_tap + size});
        if (q < kernel.w) side_by_side<1>(window, size, {of_tap});
        const std::int64_t w = s_.column(first, 0);
        s_.c <= kCopied / 2 ? spread<kCopied / 2>(terms, count, row, w) : spread<kCopied>(terms, count, row, w);
      }
      zero(row, s_.column(s_.ow - 1, 0) + kernel.w, s_.w);
    }
  }

  /// Copies the terms of `count` windows, tap after tap, to their places, those from w on, with zeros between windows.
  /// So many channels are copied at once; those beyond an element's the next one overwrites, while the row has room.
  template <std::int64_t copied>
  void spread(const T* terms, std::int64_t count, std::int64_t row, std::int64_t w) const {
    const std::int64_t channels = s_.c, size = count * channels, width = s_.window.kernel.w;
    const std::int64_t step = s_.window.stride.w * channels;
    T *to = place(row, w), *const end = place(row, s_.w);
    std::int64_t whole = count;
    while (whole > 0 && end - to < (whole - 1) * step + (width - 1) * channels + copied) --whole;
    for (std::int64_t i = 0; i < whole; ++i)
      for (std::int64_t q = 0; q < width; ++q)
        std::memcpy(lanes(to + i * step + q * channels), lanes(terms + q * size + i * channels), copied * sizeof(T));
    for (std::int64_t i = whole; i < count; ++i)
      for (std::int64_t q = 0; q < width; ++q)
        std::copy_n(terms + q * size + i * channels, channels, to + i * step + q * channels);
    const std::int64_t apart = step - width * channels;
    for (std::int64_t i = 0; apart > 0 && i < count; ++i)
      if (T* const after = to + i * step + width * channels; after + apart <= end) std::fill_n(after, apart, T(0));
  }

  void row_of_any_windows(std::int64_t row) const {
    const Cover rows = vertical(row);
    Cover columns = horizontal();
    for (std::int64_t w = 0; w < s_.w; ++w) {
      columns.move_to(w);
      element(holders(row, rows, columns), place(row, w));
    }
  }

  /// Whether two rows of windows hold this row of the image, only the second of them the next row, and windows of a row
  /// share columns.
  bool begins_tiles(std::int64_t row) const {
    return kInTiles && s_.window.stride.w < s_.window.kernel.w && row % s_.h + 1 < s_.h &&
           vertical(row).second_alone_holds_next();
  }

  /// A row that begins tiles, and the next: 2x2 elements of four windows at a time where the columns are so too.
  void two_rows(std::int64_t row) const {
    if constexpr (kInTiles) {
      const Cover rows = vertical(row), next = vertical(row + 1);
      Cover columns = horizontal();
      // The taps that the first element of a tile is. All tiles have the same, so terms are found once.
      const int width = static_cast<int>(s_.window.kernel.w), right = static_cast<int>(s_.window.stride.w),
                down = static_cast<int>(s_.window.stride.h) * width, last = static_cast<int>(s_.window.taps()) - 1;
      const int taps[] = {last, last - right, last - down, last - down - right};
      const auto terms = terms_of(Tile(), taps);
      for (std::int64_t w = 0; w < s_.w; ++w) {
        columns.move_to(w);
        if (w + 1 < s_.w && columns.second_alone_holds_next()) {
          const std::int64_t n = row / s_.h, oh = rows.first(), ow = columns.first();
          const Holder windows[] = {holder(n, oh, ow, taps[0]), holder(n, oh, ow + 1, taps[1]),
                                    holder(n, oh + 1, ow, taps[2]), holder(n, oh + 1, ow + 1, taps[3])};
          in_registers(
              Tile(), [&] { return terms; }, windows, s_.c, place(row, w));
          ++w;
        } else {
          element(holders(row, rows, columns), place(row, w));
          element(holders(row, next, columns), place(row + 1, w));
        }
      }
    }
  }

  Cover vertical(std::int64_t row) const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    return Cover(row % s_.h, s_.oh, kernel.h, stride.h, pad.h, dilation.h);
  }
  Cover horizontal() const {
    const auto& [kernel, stride, pad, dilation] = s_.window;
    return Cover(0, s_.ow, kernel.w, stride.w, pad.w, dilation.w);
  }

  Holders holders(std::int64_t row, const Cover& rows, const Cover& columns) const {
    const std::int64_t width = s_.window.kernel.w;
    Holders of;
    rows.each([&](std::int64_t oh, int r) {
      columns.each([&](std::int64_t ow, int q) { of.window[of.count++] = holder(row / s_.h, oh, ow, r * width + q); });
    });
    return of;
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
    // One, two or four windows hold each element under a 3x3 window of stride 2, four, six or nine under one of
    // stride 1.
    if constexpr (kInRegisters && sizeof(M) == 2) {
      const Holder* window = holders.window;
      if (holders.count == 1) return in_registers(One(), {window[0]}, s_.c, out);
      if (holders.count == 2) return in_registers(OneOfTwo(), {window[0], window[1]}, s_.c, out);
      if (holders.count == 4) return in_registers(OneOfFour(), {window[0], window[1], window[2], window[3]}, s_.c, out);
      if (holders.count == 6)
        return in_registers(OneOfSix(), {window[0], window[1], window[2], window[3], window[4], window[5]}, s_.c, out);
      if (holders.count == 9)
        return in_registers(
            OneOfNine(),
            {window[0], window[1], window[2], window[3], window[4], window[5], window[6], window[7], window[8]}, s_.c,
            out);
    }
    in_blocks(holders.window, holders.count, out);
  }

  void element(const Holder& window, T* out) const {
    if constexpr (kInRegisters)
      side_by_side<1>(window, s_.c, {out});
    else
      in_blocks(&window, 1, out);
  }

  /// Elements of one window in a row, the first of them its tap, each of so many channels to a place of its own.
  template <int count>
  void side_by_side(const Holder& window, std::int64_t channels, T* const (&to)[count]) const {
    using Side = std::conditional_t<count == 1, One, Two>;
    const Holder windows[] = {window};
    const auto terms = [&] { return terms_of(Side(), &window.tap); };
    const auto all = std::make_index_sequence<count>();
    if constexpr (kMoves)
      move(window, channels, to, all);
    else
      in_registers(Side(), terms, windows, channels, to, all, std::index_sequence<0>());
  }

  template <std::size_t... k>
  void move(const Holder& window, std::int64_t channels, T* const (&to)[sizeof...(k)],
            std::index_sequence<k...>) const {
    using U = Lane<T>;
    const Whole<U> whole[] = {rule_.template whole<U>(window.tap + static_cast<int>(k))...};
    const U* const grad = lanes(grad_y_) + window.output;
    const M* const mask = mask_ + window.output;
    U* const place[] = {lanes(to[k])...};
    MPAD_LANES
    for (std::int64_t c = 0; c < channels; ++c) {
      const U g = moved(grad[c]), seen = mask[c];
      ((place[k][c] = whole[k].takes(seen) ? g : U(0)), ...);
    }
  }

  struct Term {
    int at;
    decltype(std::declval<Rule>().at(0)) tap;
  };

  /// The terms of an element, where the first one of its tile is tap taps[j] of window j.
  template <int down, int right, int... j>
  auto terms_of(Element<down, right, j...>, const int* taps) const {
    const auto term = [&](int tap) {
      const int at = tap + down * static_cast<int>(s_.window.kernel.w) + right;
      return Term{at, rule_.at(at)};
    };
    return std::array<Term, sizeof...(j)>{term(taps[j])...};
  }
  template <class... E>
  auto terms_of(Elements<E...>, const int* taps) const {
    return std::tuple(terms_of(E(), taps)...);
  }

  template <int down, int right, int... j>
  T* place_of(Element<down, right, j...>, T* first) const {
    return first + (down * s_.w + right) * s_.c;
  }

  /// Elements of a tile whose first one is at `out` and in these windows, of so many channels.
  template <class... E, int count>
  void in_registers(Elements<E...> elements, const Holder (&windows)[count], std::int64_t channels, T* out) const {
    int taps[count];
    for (int j = 0; j < count; ++j) taps[j] = windows[j].tap;
    in_registers(
        elements, [&] { return terms_of(elements, taps); }, windows, channels, out);
  }
  template <class... E, class Terms, int count>
  void in_registers(Elements<E...> elements, const Terms& terms, const Holder (&windows)[count], std::int64_t channels,
                    T* out) const {
    T* const places[] = {place_of(E(), out)...};
    in_registers(elements, terms, windows, channels, places, std::index_sequence_for<E...>(),
                 std::make_index_sequence<count>());
  }
  template <class... E, class Terms, int count, std::size_t... k, std::size_t... j>
  void in_registers(Elements<E...>, const Terms& terms_of_all, const Holder (&windows)[count], std::int64_t channels,
                    T* const (&places)[sizeof...(E)], std::index_sequence<k...>, std::index_sequence<j...>) const {
    // Of this function, since for all that compilers know stores change what is not.
    const Rule rule = rule_;
    const Holder window[] = {windows[j]...};
    const auto terms = terms_of_all();
    const std::int64_t block = Block<T>::kInPlace ? channels : kBlock;
    for (std::int64_t start = 0; start < channels; start += block) {
      const std::int64_t size = std::min(block, channels - start);
      Block<const T> from[] = {{grad_y_ + windows[j].output + start, size}...};
      Block<T> to[] = {{places[k] + start, size}...};
      const V* const grad[] = {from[j].load()...};
      V* const result[] = {to[k].data()...};
      MPAD_LANES
      for (std::int64_t c = 0; c < size; ++c) {
        // All before a store, behind which gradients would be read again.
        const V sums[] = {sum_of(E(), std::get<k>(terms), window, rule, start, c, grad)...};
        ((result[k][c] = sums[k]), ...);
      }
      (to[k].store(), ...);
    }
  }

  template <int down, int right, int... j, std::size_t count>
  MPAD_INLINE V sum_of(Element<down, right, j...>, const std::array<Term, count>& terms, const Holder* windows,
                       const Rule& rule, std::int64_t start, std::int64_t c, const V* const* grad) const {
    Sum sum;
    const Term* term = terms.data();
    ((add(sum, rule, term->tap, {windows[j].output, term->at, windows[j].inside}, start + c, grad[j][c]), ++term), ...);
    return sum.result(rule);
  }

  static constexpr int kSums = 64;
  using Sums = typename Sum::template Array<kSums>;

  void in_blocks(const Holder* windows, int count, T* out) const {
    for (std::int64_t start = 0; start < s_.c; start += kSums) {
      const std::int64_t size = std::min<std::int64_t>(kSums, s_.c - start);
      Sums sums;
      for (int j = 0; j < count; ++j) {
        Block<const T> from(grad_y_ + windows[j].output + start, size);
        add_block(windows[j], start, size, from.load(), sums);
      }
      Block<T> to(out + start, size);
      V* result = to.data();
      MPAD_LANES
      for (std::int64_t c = 0; c < size; ++c) result[c] = sums.at(c).result(rule_);
      to.store();
    }
  }

  // Not inlined: g++ would exchange its loop with that over windows, and make no vectors of either.
  [[gnu::noinline]] void add_block(const Holder& holder, std::int64_t start, std::int64_t size, const V* grad,
                                   Sums& sums) const {
    // Of this function, as above.
    const Rule rule = rule_;
    const Holder window = holder;
    const auto tap = rule.at(window.tap);
    const auto add_to = [&](std::int64_t c) {
      Sum sum = sums.at(c);
      add(sum, rule, tap, window, start + c, grad[c]);
      sums.put(c, sum);
    };
    if constexpr (Rule::vectorised) {
      MPAD_LANES
      for (std::int64_t c = 0; c < size; ++c) add_to(c);
    } else {
      for (std::int64_t c = 0; c < size; ++c) add_to(c);
    }
  }

  MPAD_INLINE void add(Sum& sum, const Rule& rule, const auto& tap, const Holder& window, std::int64_t c,
                       V grad) const {
    const std::int64_t o = window.output + c;
    sum.add(rule, tap, window, grad, mask_[o], o);
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
