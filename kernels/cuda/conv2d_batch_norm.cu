// SPDX-License-Identifier: MIT
// A convolution and the statistics of a batch normalisation behind it: columns are summed as they are stored, so that
// the output is not read again.
#include "batch_statistics.cuh"
#include "column_sums.cuh"
#include "conv2d_forward.cuh"

#include <kernels.h>

#include <climits>

namespace mpad::kernels {
namespace {

/// y, and the sums of its columns.
template <class T>
struct SummedDestination {
  T* y;
  Bias<T> bias;
  ColumnSums<T> sums;
  std::int64_t m;
  int n;
  bool in_runs;  // as in Destination

  template <class Product>
  __device__ void store_tile(const Product& product, std::int64_t first_row, int first_column) const {
    if (!in_runs || reaches_edge(product, first_row, first_column, m, n))
      store_part<false>(product, first_row, first_column);
    else
      store_part<true>(product, first_row, first_column);
  }

 private:
  template <bool whole, class Product>
  __device__ void store_part(const Product& product, std::int64_t first_row, int first_column) const {
    sums.template add_tile<whole>(product, first_row, first_column, [&](int i, int j) {
      const std::int64_t row = first_row + product.row(i);
      const int column = first_column + product.column(j);
      const auto run = bias(product.run(i, j), column, whole ? INT_MAX : n);
      if (whole || (row < m && column < n)) store_run(y + row * n + column, run, column, n, whole || in_runs);
      return run;
    });
  }
};

/// The same behind a stem of floats or doubles whose warps have all their lanes: 32 pixels in a row of 32 channels.
template <class T>
struct StemSums {
  using Patches = kernels::Patches<T>;
  static constexpr int lanes_of_pixel = StemTile::groups, pixels_at_once = 32 / lanes_of_pixel;
  T* y;
  Bias<T> bias;
  ColumnSums<T> sums;
  bool packed;

  /// What a warp has, as WarpProduct says it.
  struct Product {
    static constexpr int rows = StemTile::pixels, runs = 1, lanes_of_row = lanes_of_pixel;
    unsigned slot;
    __device__ std::int64_t row(int i) const { return pixel(slot, i); }
    __device__ static int column(int) { return static_cast<int>(threadIdx.x) % lanes_of_pixel * StemTile::group; }
  };

  __device__ static unsigned pixel(unsigned slot, int p) {
    return (slot / pixels_at_once * StemTile::pixels + static_cast<unsigned>(p)) * pixels_at_once +
           slot % pixels_at_once;
  }
  __device__ void store(const Pack<acc_t<T>, StemTile::group> (&of_pixels)[StemTile::pixels], unsigned first,
                        unsigned slot, unsigned rows, int channel, int k) const {
    const Product product{slot};
    sums.template add_tile<false>(product, first, channel - Product::column(0), [&](int i, int) {
      const std::int64_t at = first + product.row(i);
      const auto group = bias(of_pixels[i], channel, k);
      if (at < rows) store_group(group, packed, k - channel, y + at * k + channel);
      return group;
    });
  }
};

/// Whether warps of a stem lack lanes, which the sums of columns need; products on tensor cores never do.
template <class T>
bool lacks_lanes(std::int64_t channels) {
  return !std::is_same_v<T, half> && channels % StemTile::k != 0;
}

/// y and the sums of its columns; false where sums are cut into parts or go place by place, or a stem's warps lack
/// lanes.
template <class T>
bool sum_in_one_pass(const char* op, Cuda where, const Sliding& s, View x, View weight, View bias, View y,
                     ColumnSums<T>& sums) {
  const auto patches = input_patches(s, x.as<const T>());
  const auto weights = weight_matrix(s, sums.n, weight.as<const T>());
  // As the convolution alone is cut, so that bits are the same.
  const PlacedCut<T> cut = cut_patches(patches, sums.n);
  const bool has_stem = is_stem(patches);
  if (has_stem ? lacks_lanes<T>(sums.n) : !cut.takes_along()) return false;
  sums.sums = cuda::scratch<Pack<acc_t<T>, 2>>(where, Scratch::partial_sums, sums.n * sums.blocks());
  const Bias<T> add = bias_of<T>(bias);
  T* const to = y.as<T>();
  const SummedDestination<T> destination{to, add, sums, sums.m, sums.n, rows_in_runs(to, sums.n)};
  if (!has_stem) {
    multiply_whole(op, where, patches, weights, cut, destination);
  } else if constexpr (std::is_same_v<T, half>) {
    multiply_stem(op, where, patches, weights, destination);
  } else {
    stem(op, where, patches, weights, StemSums<T>{to, add, sums, stores_packs(to, weights.rows)});
  }
  return true;
}

}  // namespace

template <>
void conv2d_batch_norm_statistics(Cuda where, const Sliding& s, double epsilon, double momentum, View x, View weight,
                                  View bias, View y, View mean, View inv_std, View running_mean, View running_var) {
  constexpr const char* op = "conv2d_batch_norm";
  const std::int64_t k = y.shape[3], m = y.numel() / k;
  check_limits(op, s, k);
  with_type(x.dtype, [&]<class T>() {
    ColumnSums<T> sums{nullptr, m, static_cast<int>(k)};
    if (!sum_in_one_pass<T>(op, where, s, x, weight, bias, y, sums)) {
      conv2d_forward(where, s, x, weight, bias, false, y);
      batch_norm_statistics(where, epsilon, momentum, y, mean, inv_std, running_mean, running_var);
      return;
    }
    const Statistics<T> statistics(y.as<const T>(), m, epsilon, momentum, mean, inv_std, running_mean, running_var);
    launch(op, finish_columns<T, Statistics<T>>, static_cast<unsigned>(k), 256, 0,
           static_cast<cudaStream_t>(where.stream), y.as<const T>(), sums, statistics);
  });
}

}  // namespace mpad::kernels
