// SPDX-License-Identifier: MIT
// The catalogue: every kernel once. `Where` says where it runs: CpuWith<isa> (kernels/cpu, compiled once for each
// instruction set) or Cuda (kernels/cuda). Views are contiguous, of the shapes named here; the caller has checked them.
// Real arguments of one call share a dtype T; sums are formed in acc_t<T> and rounded once, at the store, unless said
// otherwise. Outputs are written whole: what they held before does not matter. Equal inputs give equal bits.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/geometry.h>
#include <mpad/core/jacobian.h>
#include <mpad/core/types.h>

#include <array>
#include <cstdint>
#include <span>

namespace mpad::kernels {

// ---- fill
/// All bytes 0.
template <class Where>
void zero(Where, View y);
/// Every element to value, rounded to T (i32 and mask types: converted).
template <class Where>
void fill(Where, View y, double value);
/// y = x between any two real dtypes, rounded to nearest even.
template <class Where>
void cast(Where, View x, View y);
/// Element i = low + (high - low) * u in double, rounded once to T (which may give high): u in [0, 1) is the
/// uniform_double of the first two words of Philox(seed, i, stream).
template <class Where>
void fill_uniform(Where, View y, double low, double high, std::uint64_t seed, std::uint64_t stream);
/// Element i normal, by Box and Muller: mean + deviation * sqrt(-2 log(1 - u)) * cos(2 pi v) in double, rounded once to
/// T; u and v are uniform_doubles of the words of Philox(seed, i, stream), in order.
template <class Where>
void fill_normal(Where, View y, double mean, double deviation, std::uint64_t seed, std::uint64_t stream);

// ---- add
/// y = a + b, element by element; y may be a or b.
template <class Where>
void add(Where, View a, View b, View y);
/// y = max(a + b, 0), the sum rounded once: bit for bit add, then relu_forward.
template <class Where>
void add_relu(Where, View a, View b, View y);
/// Sum over all axes but the last: x ...,c to y c.
template <class Where>
void sum_rows(Where, View x, View y);

// ---- concat
/// Parts ...,ci side by side along the last axis: y ...,sum of ci. Bits are copied.
template <class Where>
void concat_forward(Where, std::span<const View> parts, View y);
/// The way back: each part gets its channels of grad_y. One without data is left out.
template <class Where>
void concat_backward(Where, View grad_y, std::span<const View> grad_parts);

// ---- relu
/// y = max(x, 0); NaN stays.
template <class Where>
void relu_forward(Where, View x, View y);
/// grad_x = grad_y where saved > 0 (or NaN), alpha * grad_y where it is 0 (either zero), else 0. `saved` is x, or y if
/// alpha is 0.
template <class Where>
void relu_backward(Where, double alpha, View saved, View grad_y, View grad_x);
/// Bit for bit relu_backward of y with ReLU'(0) = 0, then sum_rows of grad_x ...,c into sums c.
template <class Where>
void relu_backward_sum_rows(Where, View y, View grad_y, View grad_x, View sums);

// ---- maxpool
/// x n,h,w,c to y n,oh,ow,c and the tie masks, of y's shape and of mask_dtype(taps): bit r * kernel.w + s is set where
/// that tap equals the maximum. NaN beats every number and ties with NaN; +0 ties with -0 (y is the first of them);
/// padding is never a tap; a window of padding only gives -inf and mask 0.
template <class Where>
void maxpool_forward(Where, const Sliding&, View x, View y, View mask);
/// grad_x[i] = sum over the windows that hold i, in row-major order, of apply_rule(rule, grad_y, mask, tap, output).
/// Each term and the sum are of type acc_t<T> (wide) or T (narrow).
template <class Where>
void maxpool_backward(Where, const Sliding&, const TieRule&, Accumulate, View grad_y, View mask, View grad_x);
/// The study's forward: round(round(beta * max) + round((1 - beta) * max)), each rounding to T; masks as above.
template <class Where>
void maxpool_composed_forward(Where, const Sliding&, double beta, View x, View y, View mask);
/// The study's backward, each operation rounded to T: tied taps get round(round(beta * g) / k), the first one adds
/// round((1 - beta) * g); windows are summed in T.
template <class Where>
void maxpool_composed_backward(Where, const Sliding&, double beta, View grad_y, View mask, View grad_x);

// ---- relu_maxpool
/// Bit for bit relu_forward, then maxpool_forward, without the array between them (NaNs keep their payload). One code
/// for each output, of y's shape and of mask_dtype(taps + 1), so windows have at most 63 elements. Where the maximum is
/// positive or NaN, the code is the tie mask. Where it is 0, every tap in the image ties: bit `taps` is set, and bit i
/// says that x is a zero there, not negative. A window of padding only has code 0.
template <class Where>
void relu_maxpool_forward(Where, const Sliding&, View x, View y, View code);
/// Bit for bit maxpool_backward, then relu_backward with finite alpha >= 0; with alpha < 0 the sign of a zero may
/// differ. The rule gives untied elements weight 0.
template <class Where>
void relu_maxpool_backward(Where, const Sliding&, const TieRule&, Accumulate, double alpha, View grad_y, View code,
                           View grad_x);
/// Bit for bit relu_maxpool_backward with
/// alpha = 0, then sum_rows of grad_x n,h,w,c into sums c.
template <class Where>
void relu_maxpool_backward_sum_rows(Where, const Sliding&, const TieRule&, Accumulate, View grad_y, View code,
                                    View grad_x, View sums);

// ---- batch_norm
/// Normalisation of x ...,c, rows by channels: v = (x - mean) * (gamma * inv_std) + beta, each operation rounded to
/// acc_t<T>, v once to T; then y = v, or max(v, 0) of the rounded v where `relu` is set. mean and inv_std are c, of
/// acc_t<T>; gamma and beta c.
struct BatchNorm {
  View mean, inv_std, gamma, beta;
  bool relu = false;
  double alpha = 0;  ///< ReLU'(0)
};
/// Mean over the rows and inv_std = 1 / sqrt(variance + epsilon), of the biased variance, by sums of x - x[row 0] and
/// its square in a tree fixed by the shape. One row at least. A running statistic, of T or acc_t<T>, becomes
/// (1 - momentum) * itself + momentum * (mean, or the unbiased variance: NaN of one row), computed in acc_t<T>; no
/// data: there are none.
template <class Where>
void batch_norm_statistics(Where, double epsilon, double momentum, View x, View mean, View inv_std, View running_mean,
                           View running_var);
/// The same two out of running statistics.
template <class Where>
void batch_norm_running(Where, double epsilon, View running_mean, View running_var, View mean, View inv_std);
template <class Where>
void batch_norm_forward(Where, const BatchNorm&, View x, View y);
/// With g = grad_y behind ReLU's backward (rounded to T, as relu_backward does), d = x - mean and n rows: grad_beta =
/// sum g, grad_gamma = inv_std * sum g * d, in a tree fixed by the shape, and grad_x = gamma * inv_std * g, less, where
/// the statistics are those of x (`training`), gamma * inv_std * (sum g / n + d * inv_std^2 * sum(g * d) / n).
/// Gradients without data are not computed.
template <class Where>
void batch_norm_backward(Where, const BatchNorm&, bool training, View x, View grad_y, View grad_x, View grad_gamma,
                         View grad_beta);
/// y = max(v + addend, 0): bit for bit batch_norm_forward without ReLU, then add_relu. Here and below norm.relu is not
/// set; addend is as x.
template <class Where>
void batch_norm_add_relu_forward(Where, const BatchNorm& norm, View x, View addend, View y);
/// Bit for bit relu_backward of y and grad_y with ReLU'(0) = 0 into grad_addend, then batch_norm_backward of that.
template <class Where>
void batch_norm_add_relu_backward(Where, const BatchNorm& norm, bool training, View x, View y, View grad_y,
                                  View grad_addend, View grad_x, View grad_gamma, View grad_beta);

// ---- avgpool
/// x n,h,w,c to y n,oh,ow,c: the sum over a window's taps in the image, in row-major order, divided once by the number
/// of its taps, with those in the padding where count_padding says so. Each window has a tap in the image, none lies
/// beyond the padding, dilation is 1.
template <class Where>
void avgpool_forward(Where, const Sliding&, bool count_padding, View x, View y);
/// grad_x[i] = sum over the windows that hold i, in row-major order, of grad_y over the number of the window's taps.
template <class Where>
void avgpool_backward(Where, const Sliding&, bool count_padding, View grad_y, View grad_x);

// ---- adaptive_avgpool
/// x n,h,w,c to y n,oh,ow,c: the same over rows floor(i * h / oh) up to ceil((i + 1) * h / oh), which is not one of
/// them, and columns likewise; h and w are above 0, and every place lies in a window.
template <class Where>
void adaptive_avgpool_forward(Where, View x, View y);
template <class Where>
void adaptive_avgpool_backward(Where, View grad_y, View grad_x);

// ---- normpool
/// x n,h,w,c to y n,oh,ow,c: the Euclidean norm of a window's taps in the image, the square root of the sum of squares
/// in row-major order. Where the sum leaves the range in which it is accurate (never for half), it is formed again of
/// taps times a power of two, so y overflows only where the norm does, and is within m / 2 + 2 rounding errors of
/// acc_t<T> for m taps, even where it is subnormal. Windows as for avgpool.
template <class Where>
void normpool_forward(Where, const Sliding&, View x, View y);
/// grad_x[i] = sum over the windows that hold i, in row-major order, of x[i] / y * grad_y, or at_zero * grad_y where y
/// is 0 (0 if at_zero is).
template <class Where>
void normpool_backward(Where, const Sliding&, double at_zero, View x, View y, View grad_y, View grad_x);

// ---- dropout
/// Where random words come from: (seed, stream); or, where `key` has data (u64, 2), child number `child`
/// (core/philox.h, child_stream) of the (seed, stream) that it holds when the kernel runs.
struct RandomStream {
  std::uint64_t seed, stream;
  View key{};
  std::uint64_t child = 0;
};
/// y[i] = 0 where word i % 4 of Philox(seed, i / 4, stream) is below p * 2^32 (rounded), else x[i] times 1 / (1 - p),
/// the scale being rounded once to acc_t<T>; 0 <= p < 1. The backward is the same function of grad_y.
template <class Where>
void dropout(Where, double p, const RandomStream&, View x, View y);

// ---- conv2d
/// x n,h,w,c and weight k,r,s,c (and bias k, or no data) to y n,oh,ow,k; with `relu`, bit for bit followed by
/// relu_forward.
template <class Where>
void conv2d_forward(Where, const Sliding&, View x, View weight, View bias, bool relu, View y);
/// grad_y n,oh,ow,k and weight to grad_x n,h,w,c.
template <class Where>
void conv2d_backward_data(Where, const Sliding&, View grad_y, View weight, View grad_x);
/// x and grad_y to grad_weight k,r,s,c.
template <class Where>
void conv2d_backward_weight(Where, const Sliding&, View x, View grad_y, View grad_weight);

// ---- conv2d_relu_maxpool
/// Bit for bit conv2d_forward, then relu_maxpool_forward of windows `pool` over its output; y and code are theirs. What
/// lies between is not kept, and on CUDA, for 2x2 windows, mostly not written.
template <class Where>
void conv2d_relu_maxpool_forward(Where, const Sliding&, const Sliding& pool, View x, View weight, View bias, View y,
                                 View code);

// ---- conv2d_batch_norm
/// Bit for bit conv2d_forward without ReLU, then batch_norm_statistics of y (one row at least, and one channel), whose
/// sums may be formed in another tree that the sizes fix: on CUDA mostly of differences from the first of each 32 rows,
/// which are then moved to row 0. Where an element is not finite inv_std is NaN; the mean is NaN or infinite.
template <class Where>
void conv2d_batch_norm_statistics(Where, const Sliding&, double epsilon, double momentum, View x, View weight,
                                  View bias, View y, View mean, View inv_std, View running_mean, View running_var);

// ---- linear
/// x n,i and weight o,i (and bias o, or no data) to y n,o; with `relu`, bit for bit followed by relu_forward.
template <class Where>
void linear_forward(Where, View x, View weight, View bias, bool relu, View y);
/// grad_y n,o and weight to grad_x n,i.
template <class Where>
void linear_backward_data(Where, View grad_y, View weight, View grad_x);
/// x and grad_y to grad_weight o,i.
template <class Where>
void linear_backward_weight(Where, View x, View grad_y, View grad_weight);

// ---- cross_entropy
/// Mean over rows of logsumexp(logits) - logits[label]; logits n,classes; labels i32 n; loss scalar. A logit of -inf
/// has probability 0; a NaN, a +inf or a row of -inf makes the loss and the row's gradient NaN. On CUDA, where nobody
/// checks labels, one out of range makes the loss NaN.
template <class Where>
void cross_entropy_forward(Where, View logits, View labels, View loss);
/// grad_logits = grad_loss * (softmax(logits) - onehot(label)) / n.
template <class Where>
void cross_entropy_backward(Where, View logits, View labels, View grad_loss, View grad_logits);
/// Number of rows whose first largest logit (NaN is largest) is at the label, into the i32 scalar `correct`.
template <class Where>
void count_correct(Where, View logits, View labels, View correct);

// ---- optimizer
// Parameter and state have one dtype. The gradient has it too, or is half where they are float (master weights, which
// the arithmetic is done with): then `rounded`, half too, gets the parameter rounded once more. Else it has no data.
// `numbers`, in the memory that the step works on, are what changes from step to step (optimizer.h, numbers_of): they
// are read as the step is taken and stand for those it was given. An unscale of 0 among them is no step: nothing is
// written. No data: those given count.
/// With d = unscale * grad + weight_decay * parameter: momentum_buffer = momentum * momentum_buffer + d (d itself on
/// the first step), parameter -= lr * momentum_buffer, or lr * (d + momentum * momentum_buffer) with Nesterov. No
/// buffer (no data) where momentum is 0.
struct SgdStep {
  double lr, momentum, weight_decay;
  bool nesterov, first;
  double unscale = 1;
};
template <class Where>
void sgd_step(Where, const SgdStep&, View parameter, View grad, View momentum_buffer, View rounded = {},
              View numbers = {});
/// Kingma and Ba, ICLR 2015, algorithm 1, with d as above (Adam) or the decay taken off the parameter (decoupled:
/// AdamW, Loshchilov and Hutter, ICLR 2019). `step` counts from 1.
struct AdamStep {
  double lr, beta1, beta2, epsilon, weight_decay;
  bool decoupled;
  std::int64_t step;
  double unscale = 1;
};
template <class Where>
void adam_step(Where, const AdamStep&, View parameter, View grad, View first_moment, View second_moment,
               View rounded = {}, View numbers = {});

// ---- loss_scale
/// What decides on a step in mixed precision, in the memory where it is decided.
struct ScaledStep {
  View nonfinite;  ///< i32, one element: how many gradients are not finite
  View of_rate;    ///< the numbers that follow from the step's rate (optimizer.h, numbers_of_rate); double
  View of_count;   ///< double, a row for each step that may be taken: numbers_of_count; the last stands for later ones
};
/// Whether the next step is taken, which it is if no gradient is not finite: `numbers` are those of the step, its row
/// of of_count being number `taken` (i32, one element; from 0) and its unscale 1 over the scale, or 0 where it is not
/// taken. Then `scaler` (double, 2: core/loss_scale.h's scale and good steps) follows its rule, and `taken` counts.
template <class Where>
void scale_step(Where, const ScaledStep&, View scaler, View taken, View numbers);

// ---- nonfinite
/// Number of elements of x that are infinite or NaN, into the i32 scalar `count`; at most 2^31 - 1 elements.
template <class Where>
void count_nonfinite(Where, View x, View count);

// ---- images
/// y = table[channel, byte] for the images named by `indices` (i32, n), out of bytes N,h,w,c (u8); y n,h,w,c and table
/// c,256 have one dtype.
template <class Where>
void gather_images(Where, View bytes, View indices, View table, View y);
/// The same of images that are shifted and mirrored at random (kernels/crop_flip.h): by up to `pad` pixels either way,
/// bytes of 0 coming in from outside, and left to right for one half of them if `flip`. What happens to image i is a
/// function of (seed, stream, i). `key` (u64, 2) is both as they are when it runs, in the place of those given; no
/// data: those count.
struct CropFlip {
  std::uint64_t seed, stream;
  std::int32_t pad;
  bool flip;
};
template <class Where>
void augment_images(Where, const CropFlip&, View bytes, View indices, View table, View y, View key = {});
/// y = the labels (i32, N) that `indices` (i32, n) name; y i32 n.
template <class Where>
void gather_labels(Where, View labels, View indices, View y);

// ---- table
/// A table of any element type, and a place for one of its rows, row.numel() elements; one without data is left out.
struct TableRow {
  View table{}, row{};
};
/// row = row `at` (i32, one element) of its table, of each of the three. Nobody checks that there is one.
template <class Where>
void read_rows(Where, View at, const std::array<TableRow, 3>& rows);
/// The way back; then at += 1.
template <class Where>
void write_rows(Where, View at, const std::array<TableRow, 3>& rows);

}  // namespace mpad::kernels
