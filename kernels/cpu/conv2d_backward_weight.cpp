// SPDX-License-Identifier: MIT
// Weight gradient: a product of (r, s, c) by output channels, summed over pixels. The images are cut into chunks whose
// partial sums are added in order; chunks depend on the shape alone. Outputs that a tap does not reach are left out;
// where taps of a row are summed together padding counts as zeros, so that an infinite grad_y beside it gives NaN.
#include "gemm.h"

#include <mpad/core/scratch.h>

namespace mpad::kernels {
namespace {

/// How the work is cut: chunks of images, each with partial sums of its own, and parts of panels.
struct Cut {
  std::int64_t chunks, images, parts, panels;
};

/// The product and the layout of its operands in scratch memory: x with its padding, rows of `run` = (s, c) elements
/// for each pixel (or of c, where dilation parts the taps, or tiles are of one tap and may leave out padding), and
/// grad_y in panels.
struct Product {
  const Sliding& s;
  std::int64_t k;
  std::int64_t width = (s.ow - 1) * s.window.stride.w + (s.window.kernel.w - 1) * s.window.dilation.w + 1;
  bool dense = s.window.kernel.w == 1 || (s.window.dilation.w == 1 && (s.window.pad.w == 0 || s.c % kRows != 0));
  std::int64_t runs = dense ? 1 : s.window.kernel.w;
  std::int64_t run = dense ? s.window.kernel.w * s.c : s.c;
  std::int64_t depth = s.window.taps() * s.c;  ///< rows of the product

  std::int64_t padded_height(std::int64_t oh) const {
    return (oh - 1) * s.window.stride.h + (s.window.kernel.h - 1) * s.window.dilation.h + 1;
  }
  std::int64_t padded_row() const { return width * s.c; }
};

/// A part of a chunk that fits the cache: whole images, or some output rows of one.
struct Band {
  std::int64_t image, images, oh, rows;
};

template <class T>
Cut cut_work(const Product& p) {
  constexpr std::int64_t most_chunks = 16, most_parts = 8, memory = std::int64_t{1} << 24, least_pixels = 256;
  // Of unpadded sizes, so that chunks and thus bits are the same on every instruction set.
  const std::int64_t bytes = std::max<std::int64_t>(1, p.depth * p.k * static_cast<std::int64_t>(sizeof(acc_t<T>)));
  const std::int64_t pixels = p.s.n * p.s.oh * p.s.ow;
  const std::int64_t chunks = std::clamp<std::int64_t>(std::min(memory / bytes, pixels / least_pixels), 1, most_chunks);
  const std::int64_t panels = Panels<acc_t<T>>{p.k}.count();
  Cut cut;
  cut.images = std::max<std::int64_t>(1, ceil_div(p.s.n, chunks));
  cut.chunks = std::max<std::int64_t>(1, ceil_div(p.s.n, cut.images));
  cut.panels = cut.chunks >= most_chunks / 2 ? panels : ceil_div(panels, most_parts);
  cut.parts = ceil_div(panels, cut.panels);
  return cut;
}

/// The padded rows of x that a band reads, as acc_t<T>: [image][row][column][c].
template <class T>
void pad_source(const Product& p, const Band& band, const T* x, acc_t<T>* to) {
  using A = acc_t<T>;
  const Sliding& s = p.s;
  const std::int64_t height = p.padded_height(band.rows), left = std::min(s.window.pad.w, p.width);
  const std::int64_t inside = std::clamp<std::int64_t>(p.width - left, 0, s.w);
  for (std::int64_t image = band.image; image < band.image + band.images; ++image)
    for (std::int64_t row = 0; row < height; ++row, to += p.padded_row()) {
      const std::int64_t h = s.row(band.oh, 0) + row;
      if (h < 0 || h >= s.h) {
        std::fill_n(to, p.padded_row(), A(0));
        continue;
      }
      std::fill_n(to, left * s.c, A(0));
      widen(x + (image * s.h + h) * s.w * s.c, inside * s.c, to + left * s.c);
      std::fill_n(to + (left + inside) * s.c, (p.width - left - inside) * s.c, A(0));
    }
}

/// One panel of grad_y for the pixels of a band, as acc_t<T>: [pixel][width]. Lanes beyond the panel's columns hold
/// anything: sums of them are never read.
template <class T>
void pack_gradient(const Product& p, const Band& band, const T* grad_y, std::int64_t panel, acc_t<T>* to) {
  using A = acc_t<T>;
  const Panels<A> panels{p.k};
  const int used = panels.used(panel);
  const std::int64_t pixels = band.images * band.rows * p.s.ow;
  const std::int64_t start = ((band.image * p.s.oh + band.oh) * p.s.ow) * p.k + panel * Panels<A>::full;
  const std::int64_t left = p.s.n * p.s.oh * p.s.ow * p.k - start;
  with_panel_width<A>(panels.width(panel), [&]<class V, int vectors>() {
    constexpr int width = vectors * lanes<V>;
    // Whole vectors, but where the last pixels end the array.
    const std::int64_t whole = left < width ? 0 : std::min(pixels, (left - width) / p.k + 1);
    const T* from = grad_y + start;
    for (std::int64_t i = 0; i < whole; ++i) widen(from + i * p.k, width, to + i * width);
    for (std::int64_t i = whole; i < pixels; ++i) {
      std::fill_n(to + i * width, width, A(0));
      widen(from + i * p.k, used, to + i * width);
    }
  });
}

/// Outputs first, ..., end - 1 along one axis.
struct Outputs {
  std::int64_t first, end;

  Outputs within(std::int64_t begin, std::int64_t behind) const {
    return {std::clamp(first, begin, behind), std::clamp(end, begin, behind)};
  }
};

/// Those at which a tap that lies `offset` behind the first meets the image.
Outputs reached(std::int64_t image, std::int64_t pad, std::int64_t stride, std::int64_t offset) {
  const std::int64_t before = std::max<std::int64_t>(pad - offset, 0), behind = image + pad - offset;
  return {ceil_div(before, stride), behind > 0 ? ceil_div(behind, stride) : 0};
}

/// One loop over pixels: steps in x, and in pixels of the gradient.
struct Loop {
  std::int64_t turns, step, gradient_step;
};

/// Loops over pixels, and where they begin.
struct Pixels {
  std::int64_t start, gradient_start;
  Loop images, rows, columns;
};

/// Pixels of a band; loops of one turn give way to the loop outside them, so that the innermost is long.
Pixels pixels_of(const Product& p, const Band& band, const Outputs& rows, const Outputs& columns) {
  const std::int64_t row_step = p.s.window.stride.h * p.padded_row(), column_step = p.s.window.stride.w * p.s.c;
  Pixels loop{(rows.first - band.oh) * row_step + columns.first * column_step,
              (rows.first - band.oh) * p.s.ow + columns.first,
              {band.images, p.padded_height(band.rows) * p.padded_row(), band.rows * p.s.ow},
              {rows.end - rows.first, row_step, p.s.ow},
              {columns.end - columns.first, column_step, 1}};
  for (int i = 0; i < 2; ++i) {
    if (loop.columns.turns == 1) {
      loop.columns = loop.rows;
      loop.rows.turns = 1;
    }
    if (loop.rows.turns == 1) {
      loop.rows = loop.images;
      loop.images.turns = 1;
    }
  }
  return loop;
}

/// Adds these pixels to rows * lines rows of the partial sums of one panel; lines are `line_step` apart in x.
template <class V, int rows, int lines, int vectors, class A>
void add_tile(const Pixels& loop, const A* x, std::int64_t line_step, const A* gradient, A* sums) {
  constexpr int width = vectors * lanes<V>;
  Tile<V, rows * lines, vectors> tile;
  for (int i = 0; i < rows * lines; ++i)
    for (int j = 0; j < vectors; ++j) tile.sum[i][j] = load<V>(sums + i * width + j * lanes<V>);
  for (std::int64_t image = 0; image < loop.images.turns; ++image)
    for (std::int64_t row = 0; row < loop.rows.turns; ++row)
      tile.template accumulate<rows>(
          x + loop.start + image * loop.images.step + row * loop.rows.step, loop.columns.step,
          gradient + (loop.gradient_start + image * loop.images.gradient_step + row * loop.rows.gradient_step) * width,
          loop.columns.gradient_step * width, loop.columns.turns, line_step);
  for (int i = 0; i < rows * lines; ++i)
    for (int j = 0; j < vectors; ++j) __builtin_memcpy(sums + i * width + j * lanes<V>, &tile.sum[i][j], sizeof(V));
}

/// Calls f.operator()<rows>() for the run-time 1 <= rows <= most.
template <int most, class F>
void with_rows(std::int64_t rows, F&& f) {
  if constexpr (most > 1)
    if (rows < most) return with_rows<most - 1>(rows, f);
  f.template operator()<most>();
}

/// Adds a band to all rows of the partial sums of one panel.
template <class V, int vectors, class A>
void add_band(const Product& p, const Band& band, const A* x, const A* gradient, A* sums) {
  constexpr int width = vectors * lanes<V>;
  const std::int64_t rows = ceil_div(p.run, ceil_div(p.run, kRows));
  const auto& [kernel, stride, pad, dilation] = p.s.window;
  const std::int64_t line_step = dilation.h * p.padded_row();
  const Outputs all_rows{band.oh, band.oh + band.rows}, all_columns{0, p.s.ow};
  // Two kernel rows at a time where one is too short to hide the latency of multiply_add.
  const bool pairs = vectors == 1 && p.runs == 1 && p.run <= kRows;
  for (std::int64_t r = 0; r < kernel.h; ++r) {
    if constexpr (vectors == 1)
      if (pairs && r + 1 < kernel.h) {
        const Pixels loop = pixels_of(p, band, all_rows, all_columns);
        with_rows<kRows>(p.run, [&]<int count>() {
          add_tile<V, count, 2, vectors>(loop, x + r * line_step, line_step, gradient, sums);
        });
        sums += 2 * p.run * width;
        ++r;
        continue;
      }
    const Outputs reached_rows = reached(p.s.h, pad.h, stride.h, r * dilation.h).within(all_rows.first, all_rows.end);
    for (std::int64_t q = 0; q < p.runs; ++q, sums += p.run * width) {
      const Outputs columns = p.dense ? all_columns : reached(p.s.w, pad.w, stride.w, q * dilation.w).within(0, p.s.ow);
      const Pixels loop = pixels_of(p, band, reached_rows, columns);
      const A* from = x + r * line_step + q * dilation.w * p.s.c;
      for (std::int64_t i = 0; i < p.run; i += rows)
        with_rows<kRows>(std::min(rows, p.run - i), [&]<int count>() {
          add_tile<V, count, 1, vectors>(loop, from + i, 0, gradient, sums + i * width);
        });
    }
  }
}

/// Rows and images that fit the cache together.
template <class T>
Band largest_band(const Product& p, const Cut& cut) {
  constexpr std::int64_t cache = (std::int64_t{3} << 17) / sizeof(acc_t<T>);
  const std::int64_t gradient = p.s.ow * cut.panels * Panels<acc_t<T>>::full;
  const std::int64_t row = p.s.window.stride.h * p.padded_row() + gradient;
  const std::int64_t rows = std::clamp<std::int64_t>(cache / row, 1, p.s.oh);
  const std::int64_t image = p.padded_height(p.s.oh) * p.padded_row() + p.s.oh * gradient;
  return {0, rows < p.s.oh ? 1 : std::clamp<std::int64_t>(cache / image, 1, cut.images), 0, rows};
}

/// Computes the partial sums of one chunk and one part of the panels.
template <class T>
void sum_piece(const Product& p, const Cut& cut, std::int64_t piece, const T* x, const T* grad_y, acc_t<T>* sums) {
  using A = acc_t<T>;
  const Panels<A> panels{p.k};
  const std::int64_t chunk = piece / cut.parts, first = piece % cut.parts * cut.panels;
  const std::int64_t last = std::min(panels.count(), first + cut.panels);
  sums += chunk * panels.offset(panels.count(), p.depth);
  std::fill(sums + panels.offset(first, p.depth), sums + panels.offset(last, p.depth), A(0));
  const Band most = largest_band<T>(p, cut);
  A* padded = scratch<A>(Scratch::source, most.images * p.padded_height(most.rows) * p.padded_row());
  A* gradient = scratch<A>(Scratch::gradient, most.images * most.rows * p.s.ow * Panels<A>::full);
  const std::int64_t end = std::min(p.s.n, (chunk + 1) * cut.images);
  Band band = most;
  for (band.image = chunk * cut.images; band.image < end; band.image += most.images) {
    band.images = std::min(most.images, end - band.image);
    for (band.oh = 0; band.oh < p.s.oh; band.oh += most.rows) {
      band.rows = std::min(most.rows, p.s.oh - band.oh);
      pad_source(p, band, x, padded);
      for (std::int64_t panel = first; panel < last; ++panel) {
        pack_gradient(p, band, grad_y, panel, gradient);
        with_panel_width<A>(panels.width(panel), [&]<class V, int vectors>() {
          add_band<V, vectors>(p, band, padded, gradient, sums + panels.offset(panel, p.depth));
        });
      }
    }
  }
}

/// Adds the chunks' partial sums in order, rounds them and stores them as k,r,s,c.
template <class T>
void add_chunks(const Product& p, const Cut& cut, const acc_t<T>* sums, T* grad_weight) {
  using A = acc_t<T>;
  const Panels<A> panels{p.k};
  const std::int64_t chunk_size = panels.offset(panels.count(), p.depth);
  parallel_for(panels.count() * p.depth, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t panel = i / p.depth, row = i % p.depth;
      const int width = panels.width(panel);
      const A* from = sums + panels.offset(panel, p.depth) + row * width;
      A sum[Panels<A>::full] = {};
      for (std::int64_t chunk = 0; chunk < cut.chunks; ++chunk)
        for (int j = 0; j < width; ++j) sum[j] += from[chunk * chunk_size + j];
      T* to = grad_weight + panel * Panels<A>::full * p.depth + row;
      for (int j = 0; j < panels.used(panel); ++j) to[j * p.depth] = static_cast<T>(sum[j]);
    }
  });
}

}  // namespace

template <>
void conv2d_backward_weight(Cpu, const Sliding& s, View x, View grad_y, View grad_weight) {
  if (grad_weight.numel() == 0) return;
  with_type(x.dtype, [&]<class T>() {
    using A = acc_t<T>;
    const Product p{.s = s, .k = grad_y.shape[3]};
    const Cut cut = cut_work<T>(p);
    const Panels<A> panels{p.k};
    A* sums = scratch<A>(Scratch::partial_sums, cut.chunks * panels.offset(panels.count(), p.depth));
    const T *source = x.as<const T>(), *gradient = grad_y.as<const T>();
    parallel_for(cut.chunks * cut.parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) sum_piece(p, cut, i, source, gradient, sums);
    });
    add_chunks(p, cut, sums, grad_weight.as<T>());
  });
}

}  // namespace mpad::kernels
