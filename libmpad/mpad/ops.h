// SPDX-License-Identifier: MIT
// The operations that a tape records: one page. Each is defined, with its backward beside it, in ops/<name>.cpp.
// Every operation throws Error, naming itself, on shapes, dtypes or devices that do not fit; an empty handle where a
// tensor is needed is an Error of the tensor's own.
#pragma once
#include <mpad/core/geometry.h>
#include <mpad/core/jacobian.h>
#include <mpad/random.h>
#include <mpad/tape.h>
#include <mpad/tensor.h>

#include <optional>
#include <vector>

namespace mpad {

/// a + b, element by element; equal shapes.
Tensor add(const Tensor& a, const Tensor& b);

/// relu(a + b, alpha), bit for bit the two operations, forward and backward; with alpha = 0 in one pass.
Tensor add_relu(const Tensor& a, const Tensor& b, double alpha = 0);

/// The same elements in another shape.
Tensor reshape(const Tensor& x, const Shape& shape);

/// The same numbers rounded to another real dtype, as their gradient is on its way back.
Tensor cast(const Tensor& x, DType dtype);

/// n,... to n,features. The order of features is that of n,h,w,c.
Tensor flatten(const Tensor& x);

/// The inputs ...,ci side by side along the last axis (channels): ...,sum of ci. All in one pass each way; where a list
/// grows, as in a dense block, concat({all before, new}) gives the same bits with fewer gradients to add up.
Tensor concat(const std::vector<Tensor>& inputs);

/// max(x, 0), with derivative `alpha` at 0.
Tensor relu(const Tensor& x, double alpha = 0);

/// x n,i times weight o,i transposed, plus bias o (or an empty tensor): n,o.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

/// relu(linear(...), alpha), bit for bit, forward and backward; with alpha = 0 in one pass, and what lies between is
/// not kept.
Tensor linear_relu(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, double alpha = 0);

struct Conv2dWindow {
  Pair stride = 1, pad = 0, dilation = 1;
};
/// Cross-correlation of x n,h,w,c with weight k,r,s,c, plus bias k (or an empty tensor): n,oh,ow,k.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv2dWindow& window = {});

/// relu(conv2d(...), alpha), bit for bit, forward and backward; with alpha = 0 in one pass, and what lies between is
/// not kept.
Tensor conv2d_relu(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv2dWindow& window = {},
                   double alpha = 0);

/// What the forward of a pool computes: the maximum, or the study's beta * max + (1 - beta) * max, rounded term by
/// term.
enum class PoolForward : unsigned char { exact, composed };
/// What the backward computes: the rule's weight times the gradient, rounded once; the study's two terms, rounded one
/// by one; or the native rule whatever the rule of the forward.
enum class PoolBackward : unsigned char { fused, composed, standard };

struct MaxPool2dOptions {
  Pair window = 2;
  Pair stride = 0;  ///< 0: the window
  Pair pad = 0;     ///< at most half the window
  Pair dilation = 1;
  bool ceil_mode = false;
  TieRule ties{};
  PoolForward forward = PoolForward::exact;
  PoolBackward backward = PoolBackward::fused;
  Accumulate accumulate = Accumulate::wide;
  std::optional<PoolForward>
      test_forward{};  ///< of a module in evaluation; none: `forward`. maxpool2d does not read it
};
/// Whether a pool computes the study's sums of two, in whatever pass.
bool is_composed(const MaxPool2dOptions& options);
/// Maximum over windows of x n,h,w,c, differentiated by options.ties: n,oh,ow,c. Windows have at most 64 elements.
/// `composed` takes a rule of the beta family.
Tensor maxpool2d(const Tensor& x, const MaxPool2dOptions& options = {});

/// maxpool2d of relu(x, alpha), bit for bit, forward and backward, in one pass each way: neither the array between them
/// nor x is kept. Windows have at most 63 elements; `composed` is refused. (With alpha < 0 the sign of a gradient's
/// zero may differ.)
Tensor relu_maxpool2d(const Tensor& x, double alpha = 0, const MaxPool2dOptions& options = {});

/// relu_maxpool2d(conv2d(...), alpha, options), bit for bit, forward and backward, in one pass forward: the
/// convolution's output, the largest array of the three, is not kept.
Tensor conv2d_relu_maxpool2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                             const Conv2dWindow& window = {}, double alpha = 0, const MaxPool2dOptions& options = {});

/// The tie masks that maxpool2d's forward computes (kernels.h says how bits are numbered), for the study of ties.
Tensor maxpool2d_ties(const Tensor& x, const MaxPool2dOptions& options = {});

struct AvgPool2dOptions {
  Pair window = 2;
  Pair stride = 0;            ///< 0: the window
  Pair pad = 0;               ///< at most half the window
  bool count_padding = true;  ///< PyTorch's count_include_pad: divide by the window's size at the border too
};
/// Mean over windows of x n,h,w,c: n,oh,ow,c.
Tensor avgpool2d(const Tensor& x, const AvgPool2dOptions& options = {});

/// Mean over each image's pixels, x n,h,w,c: n,1,1,c.
Tensor global_avgpool2d(const Tensor& x);

/// Mean over size.h x size.w windows that divide x n,h,w,c as evenly as can be (PyTorch's: rows floor(i * h / size.h)
/// up to ceil((i + 1) * h / size.h)): n,size.h,size.w,c.
Tensor adaptive_avgpool2d(const Tensor& x, Pair size);

struct NormPool2dOptions {
  Pair window = 2;
  Pair stride = 0;     ///< 0: the window
  Pair pad = 0;        ///< at most half the window; padding is 0
  double at_zero = 0;  ///< what is taken as derivative where a window's norm is 0: finite
};
/// Euclidean norm over windows of x n,h,w,c: n,oh,ow,c. Each element of a window takes x / y times the gradient, or
/// at_zero times it where y is 0. Squares do not overflow where the norm does not (kernels.h states the accuracy).
Tensor normpool2d(const Tensor& x, const NormPool2dOptions& options = {});

/// x with each element 0 with probability p and times 1 / (1 - p) otherwise; 0 <= p < 1. What is dropped is 0 whatever
/// it was, NaN included. The choice is a function of rng's seed and stream and of the element's index; backward draws
/// it again, so nothing is kept.
Tensor dropout(const Tensor& x, double p, const Rng& rng);

/// The same with the next stream of this thread's source (random.h says how to make it repeatable, in a graph too) in
/// training; x itself in evaluation and for p = 0.
Tensor dropout(const Tensor& x, double p, bool training = true);

struct BatchNormOptions {
  bool training = true;   ///< normalise by the batch's statistics and update the running ones, or normalise by those
  double momentum = 0.1;  ///< weight of a batch in the running statistics
  double epsilon = 1e-5;  ///< added to the variance
  bool relu = false;      ///< followed by ReLU, behind the addend if there is one: the bits of one after the other
  double alpha = 0;       ///< ReLU'(0)
};
/// gamma * (x - mean) / sqrt(variance + epsilon) + beta for each channel of x ...,c, over all rows (Ioffe and Szegedy,
/// ICML 2015); gamma, beta, running_mean and running_var c, of x's dtype, the running ones of half inputs half or
/// float. Training divides by the biased variance, overwrites the running statistics (with the unbiased one; empty
/// tensors: there are none) and throws Error if there is one row only. `addend`, as x, if given, is then added. What
/// follows runs in the same pass where backward can do without what lies between.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_var, const BatchNormOptions& options = {}, const Tensor& addend = {});

/// batch_norm(conv2d(...), ...), forward and backward. In training the statistics are computed with the convolution: on
/// CUDA, where that is one pass, their sums are formed in another order, so that last digits may differ.
Tensor conv2d_batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dWindow& window,
                         const Tensor& gamma, const Tensor& beta, const Tensor& running_mean, const Tensor& running_var,
                         const BatchNormOptions& options = {}, const Tensor& addend = {});

/// Mean over the rows of logits n,classes of logsumexp(row) - row[label]; labels i32 n in 0..classes-1. A scalar.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels);

/// Rows of logits n,classes whose first largest entry is at the label, as an i32 scalar. Not recorded, and nothing
/// waits for it.
Tensor correct_rows(const Tensor& logits, const Tensor& labels);

/// The same as a number, which is waited for.
std::int64_t count_correct(const Tensor& logits, const Tensor& labels);

/// Elements that are infinite or NaN. Not recorded.
std::int64_t count_nonfinite(const Tensor& x);

/// count_correct over the number of rows.
double accuracy(const Tensor& logits, const Tensor& labels);

}  // namespace mpad
