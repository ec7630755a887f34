// SPDX-License-Identifier: MIT
// The product behind a convolution and its data gradient: each target position gathers, over the taps that reach it,
// rows of source channels times panels of weights. kRows images are interleaved, so that one position of all of them is
// a register tile: every tap that is valid for one of its rows is valid for all, whatever the padding, stride and
// dilation, and taps in the padding cost nothing.
#pragma once
#include "gemm.h"

#include <mpad/core/scratch.h>

namespace mpad::kernels {
namespace {

/// The taps that reach one coordinate of the target, along one axis: an arithmetic progression, as are their sources.
struct Taps {
  std::int64_t count = 0, first = 0, step = 1, source = 0, source_step = 1;
};

/// The taps t with 0 <= source_of(t) < extent.
template <class F>
Taps find_taps(std::int64_t kernel, std::int64_t extent, F&& source_of) {
  Taps taps;
  for (std::int64_t t = 0; t < kernel; ++t) {
    const std::int64_t source = source_of(t);
    if (source < 0 || source >= extent) continue;
    if (taps.count == 0) {
      taps.first = t;
      taps.source = source;
    } else if (taps.count == 1) {
      taps.step = t - taps.first;
      taps.source_step = source - taps.source;
    }
    ++taps.count;
  }
  return taps;
}

/// target[n, h, w, :] = sum over taps (r, s) in row-major order of source[n, rows[h](r), columns[w](s), :] * weight(r,
/// s)
struct Gather {
  struct Side {
    std::int64_t h, w, c;
  };
  std::int64_t n;
  Side source, target;
  Pair kernel;
  const Taps *rows, *columns;  ///< one for each target row and column
};

/// Weights as a matrix for each tap: element (in, out) of tap t at t * tap + in * in + out * out.
struct WeightSteps {
  std::int64_t tap, in, out;
};

template <class T>
const acc_t<T>* pack_weights(const Gather& g, const T* weight, const WeightSteps& step) {
  using A = acc_t<T>;
  const Panels<A> panels{g.target.c};
  const std::int64_t taps = g.kernel.h * g.kernel.w, depth = taps * g.source.c;
  A* packed = scratch<A>(Scratch::weights, panels.offset(panels.count(), depth));
  const std::int64_t piece = std::max<std::int64_t>(1, g.source.c * Panels<A>::full);
  parallel_for(panels.count() * taps, ceil_div(1 << 14, piece), [=](auto begin, auto end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t panel = i / taps, tap = i % taps;
      const int width = panels.width(panel), used = panels.used(panel);
      A* to = packed + panels.offset(panel, depth) + tap * g.source.c * width;
      for (std::int64_t in = 0; in < g.source.c; ++in, to += width) {
        const T* from = weight + tap * step.tap + in * step.in + panel * Panels<A>::full * step.out;
        for (int out = 0; out < used; ++out) to[out] = static_cast<A>(from[out * step.out]);
        for (int out = used; out < width; ++out) to[out] = A(0);
      }
    }
  });
  return packed;
}

/// Rows [begin, end) of `count` images, interleaved: to[h - begin][w][c][image]; missing images are zeros.
template <class T>
void interleave(const Gather& g, const T* images, std::int64_t count, std::int64_t begin, std::int64_t end,
                acc_t<T>* to) {
  using A = acc_t<T>;
  constexpr std::int64_t piece = 64;
  A wide[kRows][piece] = {};
  const std::int64_t row = g.source.w * g.source.c, size = (end - begin) * row;
  for (std::int64_t at = 0; at < size; at += piece) {
    const std::int64_t length = std::min(piece, size - at);
    for (std::int64_t i = 0; i < count; ++i) widen(images + (i * g.source.h + begin) * row + at, length, wide[i]);
    for (std::int64_t e = 0; e < length; ++e)
      for (int i = 0; i < kRows; ++i) *to++ = wide[i][e];
  }
}

/// One position of kRows images and one panel. `source` begins at the row source_begin.
template <class A, class V, int vectors>
void gather_tile(const Gather& g, const Taps& rows, const Taps& columns, const A* source, std::int64_t source_begin,
                 const A* panel, Tile<V, kRows, vectors>& tile) {
  constexpr int width = vectors * lanes<V>;
  Tile<V, kRows, vectors> sum;
  sum.clear();
  const std::int64_t c = g.source.c;
  // Neighbouring taps that read neighbouring columns are one run.
  const bool run = columns.step == 1 && columns.source_step == 1;
  const std::int64_t runs = run ? std::min<std::int64_t>(1, columns.count) : columns.count;
  const std::int64_t length = run ? columns.count * c : c;
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const std::int64_t h = rows.source + r * rows.source_step - source_begin, tap = rows.first + r * rows.step;
    const A* a = source + (h * g.source.w + columns.source) * c * kRows;
    const A* b = panel + (tap * g.kernel.w + columns.first) * c * width;
    for (std::int64_t s = 0; s < runs; ++s)
      sum.accumulate(a + s * columns.source_step * c * kRows, kRows, b + s * columns.step * c * width, width, length);
  }
  tile = sum;
}

/// A block of kRows images (`images` of them exist), of which source rows from source_begin on are interleaved.
template <class T>
struct Block {
  const acc_t<T>* source;
  std::int64_t source_begin, images;
  T* target;  ///< its first image
};

/// What becomes of sums: plus the bias of their channel (if there is one), then ReLU (if asked for), rounded once.
template <class T>
struct Finish {
  const T* bias = nullptr;
  bool relu = false;
};

/// Target rows [begin, end) of a block, columns of one panel.
template <class T>
void gather_panel(const Gather& g, const Block<T>& block, std::int64_t begin, std::int64_t end, const acc_t<T>* weights,
                  std::int64_t panel, const Finish<T>& finish) {
  using A = acc_t<T>;
  const Panels<A> panels{g.target.c};
  const int used = panels.used(panel);
  const std::int64_t image = g.target.h * g.target.w * g.target.c;
  A padded_bias[Panels<A>::full] = {};
  if (finish.bias) widen(finish.bias + panel * Panels<A>::full, used, padded_bias);
  const A* b = weights + panels.offset(panel, g.kernel.h * g.kernel.w * g.source.c);
  with_panel_width<A>(panels.width(panel), [&]<class V, int vectors>() {
    Tile<V, kRows, vectors> tile;
    for (std::int64_t h = begin; h < end; ++h)
      for (std::int64_t w = 0; w < g.target.w; ++w) {
        gather_tile(g, g.rows[h], g.columns[w], block.source, block.source_begin, b, tile);
        T* to = block.target + (h * g.target.w + w) * g.target.c + panel * Panels<A>::full;
        for (std::int64_t i = 0; i < block.images; ++i, to += image)
          for (int j = 0; j < vectors; ++j) {
            V sum = tile.sum[i][j];
            if (finish.bias) sum += load<V>(padded_bias + j * lanes<V>);
            if (finish.relu) sum = sum <= V{} ? V{} : sum;
            store_lanes(to + j * lanes<V>, sum, std::min(lanes<V>, used - j * lanes<V>));
          }
      }
  });
}

/// The source rows that target rows [begin, end) read: [first, second).
inline Pair source_rows(const Gather& g, std::int64_t begin, std::int64_t end) {
  std::int64_t low = g.source.h, high = 0;
  for (std::int64_t h = begin; h < end; ++h) {
    const Taps& taps = g.rows[h];
    if (taps.count == 0) continue;
    const std::int64_t last = taps.source + (taps.count - 1) * taps.source_step;
    low = std::min({low, taps.source, last});
    high = std::max({high, taps.source + 1, last + 1});
  }
  return {std::min(low, high), high};
}

/// How the work is cut, by shape alone: blocks of images and target rows whose source fits the cache, and panels where
/// that leaves too few pieces.
struct Cut {
  std::int64_t blocks, rows, panels;      ///< in one piece
  std::int64_t all_blocks, bands, parts;  ///< pieces along each
};

template <class A>
Cut cut_work(const Gather& g) {
  constexpr std::int64_t cache = (std::int64_t{1} << 18) / sizeof(A), enough_pieces = 16;
  const std::int64_t row = std::max<std::int64_t>(1, g.source.w * g.source.c * kRows);
  const std::int64_t panels = Panels<A>{g.target.c}.count(), blocks = ceil_div(g.n, kRows);
  Cut cut;
  const std::int64_t scaled = g.target.h * cache / (row * std::max<std::int64_t>(1, g.source.h));
  cut.rows = std::clamp<std::int64_t>(scaled, 1, g.target.h);
  cut.bands = ceil_div(g.target.h, cut.rows);
  cut.blocks = std::clamp<std::int64_t>(scaled / g.target.h, 1, std::max<std::int64_t>(1, blocks / 4));
  cut.all_blocks = ceil_div(blocks, cut.blocks);
  const std::int64_t pieces = std::max<std::int64_t>(1, cut.all_blocks * cut.bands);
  cut.panels = ceil_div(panels, std::clamp<std::int64_t>(enough_pieces / pieces, 1, panels));
  cut.parts = ceil_div(panels, cut.panels);
  return cut;
}

template <class T>
void gather_piece(const Gather& g, const Cut& cut, std::int64_t piece, const T* source, const acc_t<T>* weights,
                  const Finish<T>& finish, T* target) {
  using A = acc_t<T>;
  const std::int64_t part = piece % cut.parts, band = piece / cut.parts % cut.bands;
  const std::int64_t first_block = piece / cut.parts / cut.bands * cut.blocks;
  const std::int64_t blocks = std::min(cut.blocks, ceil_div(g.n, kRows) - first_block);
  const std::int64_t begin = band * cut.rows, end = std::min(g.target.h, begin + cut.rows);
  const Pair rows = source_rows(g, begin, end);
  const std::int64_t block_size = (rows.w - rows.h) * g.source.w * g.source.c * kRows;
  A* interleaved = scratch<A>(Scratch::source, blocks * block_size);
  const auto block = [&](std::int64_t i) {
    const std::int64_t image = (first_block + i) * kRows;
    return Block<T>{interleaved + i * block_size, rows.h, std::min<std::int64_t>(kRows, g.n - image),
                    target + image * g.target.h * g.target.w * g.target.c};
  };
  for (std::int64_t i = 0; i < blocks; ++i) {
    const std::int64_t image = (first_block + i) * kRows;
    interleave(g, source + image * g.source.h * g.source.w * g.source.c, block(i).images, rows.h, rows.w,
               interleaved + i * block_size);
  }
  const std::int64_t last_panel = std::min(Panels<A>{g.target.c}.count(), (part + 1) * cut.panels);
  for (std::int64_t panel = part * cut.panels; panel < last_panel; ++panel)
    for (std::int64_t i = 0; i < blocks; ++i) gather_panel(g, block(i), begin, end, weights, panel, finish);
}

/// Computes the whole target.
template <class T>
void gather(const Gather& g, const T* source, const T* weight, const WeightSteps& step, const Finish<T>& finish,
            T* target) {
  if (g.n * g.target.h * g.target.w * g.target.c == 0) return;
  const acc_t<T>* weights = pack_weights(g, weight, step);
  const Cut cut = cut_work<acc_t<T>>(g);
  parallel_for(cut.all_blocks * cut.bands * cut.parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) gather_piece(g, cut, i, source, weights, finish, target);
  });
}

}  // namespace
}  // namespace mpad::kernels
