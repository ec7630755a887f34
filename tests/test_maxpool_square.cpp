// SPDX-License-Identifier: MIT
// The windows that have kernels of their own on CUDA, 2x2 and 3x3 of stride 2, against the definition of a maximum and
// of ties: which element is stored, to the sign of a zero and the payload of a NaN, and which bits are set.
#include "pool_support.h"

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), quiet = std::numeric_limits<double>::quiet_NaN();

double largest(DType dtype) {
  return dtype == DType::f16   ? 65504
         : dtype == DType::f32 ? std::numeric_limits<float>::max()
                               : std::numeric_limits<double>::max();
}
double least(DType dtype) {
  return dtype == DType::f16   ? std::ldexp(1, -24)
         : dtype == DType::f32 ? std::numeric_limits<float>::denorm_min()
                               : std::numeric_limits<double>::denorm_min();
}

// What elements are drawn from, for packs that differ in what a kernel has to look at.
std::vector<std::vector<double>> kinds(DType dtype) {
  const double tiny = least(dtype), huge = largest(dtype);
  return {{-huge, -1, -tiny, tiny, 2 * tiny, 1, huge, inf},
          {-inf, -1, -tiny, -0.0, 0, tiny},
          {-0.0, 0},
          {0, 0, 1},
          {-inf},
          {-inf, -huge, -1, quiet},
          {-0.0, 0, 1, inf, quiet}};
}

// Gives each NaN a sign and a payload that depend on where it is.
Tensor with_payloads(const Tensor& x) {
  const std::vector<double> values = x.values();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::isnan(values[i])) {
      char* const bytes = static_cast<char*>(x.view().data) + i * size_of(x.dtype());
      bytes[0] = static_cast<char>(1 + i % 251);
      if (i % 2 == 1) bytes[size_of(x.dtype()) - 1] = static_cast<char>(bytes[size_of(x.dtype()) - 1] | 0x80);
    }
  return x;
}

// k,k,windows: every window of the choices, one in each channel; the first ones again up to a whole number of packs.
Tensor all_windows(const std::vector<double>& choices, int k, DType dtype) {
  std::size_t windows = 1;
  for (int i = 0; i < k * k; ++i) windows *= choices.size();
  const std::size_t channels = (windows + 7) / 8 * 8;
  std::vector<double> values;
  for (std::size_t i = 0, power = 1; i < static_cast<std::size_t>(k * k); ++i, power *= choices.size())
    for (std::size_t c = 0; c < channels; ++c) values.push_back(choices[c % windows / power % choices.size()]);
  return with_payloads(Tensor::from(values, {1, k, k, static_cast<std::int64_t>(channels)}, dtype));
}

// k,k,packs of eight channels: one element that is another, alone in its pack, at each tap and in each channel.
Tensor one_in_every_place(double all, double one, int k, DType dtype) {
  const std::size_t taps = static_cast<std::size_t>(k * k), channels = taps * 64;
  std::vector<double> values(taps * channels, all);
  for (std::size_t i = 0; i < taps; ++i)
    for (std::size_t lane = 0; lane < 8; ++lane) values[i * channels + (i * 8 + lane) * 8 + lane] = one;
  return with_payloads(Tensor::from(values, {1, k, k, static_cast<std::int64_t>(channels)}, dtype));
}

// Every pack of eight channels drawn from one of the kinds.
Tensor draw_packs(const Shape& shape, DType dtype, std::uint64_t seed) {
  const std::vector<std::vector<double>> all = kinds(dtype);
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    const std::vector<double>& choices = all[static_cast<std::size_t>(i % shape[3] / 8) % all.size()];
    const std::uint32_t word = Philox(seed, static_cast<std::uint64_t>(i), 6).word[0];
    values.push_back(choices[uniform_below(word, static_cast<std::uint32_t>(choices.size()))]);
  }
  return with_payloads(Tensor::from(values, shape, dtype));
}

// The index of each window's first maximum, and its ties.
struct Expected {
  std::vector<std::size_t> first;
  std::vector<std::uint64_t> mask;
};

Expected maxima(const Sliding& s, const std::vector<double>& x) {
  const auto outputs = static_cast<std::size_t>(output_of(s).numel());
  Expected want{std::vector<std::size_t>(outputs), std::vector<std::uint64_t>(outputs, 0)};
  each_tap(s, [&](std::size_t o, int tap, std::size_t i) {
    const double best = x[want.first[o]];
    const std::uint64_t bit = std::uint64_t{1} << tap;
    if (want.mask[o] == 0 || x[i] > best || (std::isnan(x[i]) && !std::isnan(best))) {
      want.first[o] = i;
      want.mask[o] = bit;
    } else if (x[i] == best || (std::isnan(x[i]) && std::isnan(best))) {
      want.mask[o] |= bit;
    }
  });
  return want;
}

// The elements of x at these places, as they are.
Tensor gather(const Tensor& x, const std::vector<std::size_t>& places, const Shape& shape) {
  const Tensor y = Tensor::zeros(shape, x.dtype());
  const std::size_t size = size_of(x.dtype());
  for (std::size_t o = 0; o < places.size(); ++o)
    std::memcpy(static_cast<char*>(y.view().data) + o * size,
                static_cast<const char*>(x.view().data) + places[o] * size, size);
  return y;
}

// CUDA keeps payloads, which conversions of half on the CPU do not everywhere.
template <class Where>
bool same(Where where, const Tensor& a, const Tensor& b) {
  return device_of(where) == Device::cuda ? same_bits(a, b) : same_numbers(a, b);
}

void check_pool(const Sliding& s, const Tensor& x) {
  const Expected want = maxima(s, x.values());
  const Tensor y = gather(x, want.first, output_of(s));
  on_each_backend([&](auto where) {
    const Pooled got = pool(where, s, x);
    CHECK(masks_of(got.mask) == want.mask);
    CHECK(same(where, got.y, y));
  });
}

// Where no element is positive or NaN, y is 0, and the code has the flag and the zeros.
void check_relu_pool(const Sliding& s, const Tensor& x) {
  Expected want = maxima(s, x.values());
  const Tensor y = gather(x, want.first, output_of(s));
  const std::vector<double> values = y.values();
  for (std::size_t o = 0; o < values.size(); ++o) {
    if (!(values[o] <= 0)) continue;
    want.mask[o] = std::uint64_t{1} << s.window.taps() | (values[o] == 0 ? want.mask[o] : 0);
    std::memset(static_cast<char*>(y.view().data) + o * size_of(x.dtype()), 0, size_of(x.dtype()));
  }
  on_each_backend([&](auto where) {
    const std::vector<Output> outputs{{output_of(s), x.dtype()}, {output_of(s), mask_dtype(s.window.taps() + 1)}};
    const std::vector<Tensor> got = run_kernel(where, {x}, outputs, [&](auto in, auto out) {
      kernels::relu_maxpool_forward(where, s, in[0], out[0], out[1]);
    });
    CHECK(masks_of(got[1]) == want.mask);
    CHECK(same(where, got[0], y));
  });
}

void check(const Sliding& s, const Tensor& x) {
  check_pool(s, x);
  check_relu_pool(s, x);
}

}  // namespace

TEST_CASE("every 2x2 window of each kind of element") {
  for (DType dtype : real_dtypes)
    for (const std::vector<double>& choices : kinds(dtype)) {
      const Tensor x = all_windows(choices, 2, dtype);
      INFO(to_string(dtype) << ", " << choices.size() << " choices from " << choices[0]);
      check(slide("test", {2, 2}, x.shape()), x);
    }
}

TEST_CASE("every 3x3 window of -1 and zeros, and of a number, infinity and NaN") {
  for (DType dtype : real_dtypes)
    for (const std::vector<double>& choices :
         {std::vector<double>{-1, -0.0, 0}, std::vector<double>{1, inf}, std::vector<double>{-inf, quiet}}) {
      const Tensor x = all_windows(choices, 3, dtype);
      INFO(to_string(dtype) << ", " << choices.size() << " choices from " << choices[0]);
      check(slide("test", {3, 2}, x.shape()), x);
    }
}

TEST_CASE("one zero of the other sign, NaN or infinity, alone in every place of a pack of windows") {
  const std::pair<double, double> pairs[] = {{0, -0.0}, {-0.0, 0}, {-1, -0.0}, {1, quiet}, {-inf, quiet}, {-1, inf}};
  for (DType dtype : real_dtypes)
    for (const auto& [all, one] : pairs)
      for (int k : {2, 3}) {
        const Tensor x = one_in_every_place(all, one, k, dtype);
        INFO(to_string(dtype) << ' ' << one << " among " << all);
        check(slide("test", {k, 2}, x.shape()), x);
      }
}

TEST_CASE("windows at every border, with padding and without, over every kind of element, packs or not") {
  for (std::int64_t h = 1; h <= 6; ++h)
    for (std::int64_t w = 1; w <= 6; ++w)
      for (const Window& window :
           {Window{2, 2}, Window{3, 2}, Window{3, 2, {1, 0}}, Window{3, 2, {0, 1}}, Window{3, 2, 1}})
        for (bool ceil_mode : {false, true}) {
          const Pair kernel = window.kernel, pad = window.pad;
          if (h + 2 * pad.h < kernel.h || w + 2 * pad.w < kernel.w) continue;
          const DType dtype = real_dtypes[(h + w) % 3];
          const std::int64_t channels = (h * w) % 5 == 0 ? 57 : 56;
          const Shape input{2, h, w, channels};
          INFO(to_string(input) << ' ' << to_string(kernel) << " pad " << to_string(pad) << ' ' << to_string(dtype));
          check(slide("test", window, input, ceil_mode),
                draw_packs(input, dtype, static_cast<std::uint64_t>(h * 7 + w)));
        }
}

TEST_CASE("several blocks of threads, the last one in part") {
  for (DType dtype : real_dtypes)
    for (const Window& window : {Window{2, 2}, Window{3, 2, 1}}) {
      const Shape input{3, 14, 13, 56};
      check(slide("test", window, input), draw_packs(input, dtype, 9));
    }
}

TEST_CASE("the composed forward has the bits of the CPU on every kind of element") {
  for (DType dtype : real_dtypes)
    for (const Window& window : {Window{2, 2}, Window{3, 2, 1}}) {
      const Tensor x = draw_packs({2, 6, 7, 56}, dtype, 10);
      const Sliding s = slide("test", window, x.shape());
      const auto composed = [&](auto where) {
        const std::vector<Output> outputs{{output_of(s), dtype}, {output_of(s), mask_dtype(window.taps())}};
        return run_kernel(where, {x}, outputs, [&](auto in, auto out) {
          kernels::maxpool_composed_forward(where, s, 0.3, in[0], out[0], out[1]);
        });
      };
      const std::vector<Tensor> want = composed(CpuWith<Isa::portable>());
      on_each_backend([&](auto where) {
        const std::vector<Tensor> got = composed(where);
        CHECK(same_numbers(got[0], want[0]));
        CHECK(same_bits(got[1], want[1]));
      });
    }
}
