// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/slide_pool.h>
#include <mpad/residues.h>

#include <kernels.h>

#include <cmath>

namespace mpad {
namespace {

// The residues of quotients x / y as double makes them (a prime may well divide one of many norms), at_zero where y is
// 0, times grad_y, summed over the windows of each x.
Tensor backward(const PrimeField& field, const Sliding& s, double at_zero, const Tensor& x, const Tensor& y,
                const Tensor& grad_y) {
  const Tensor of_x = x.to(Device::cpu), of_y = y.to(Device::cpu), grad = grad_y.to(Device::cpu),
               grad_x = Tensor::zeros(of_x.shape(), DType::f64);
  const double *value = of_x.span<double>().data(), *norm = of_y.span<double>().data(),
               *residue = grad.span<double>().data();
  double* sum = grad_x.span<double>().data();
  const Axis rows = vertical(s), columns = horizontal(s);
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t oh = 0; oh < s.oh; ++oh)
      for (std::int64_t ow = 0; ow < s.ow; ++ow)
        for (std::int64_t c = 0; c < s.c; ++c, ++norm, ++residue)
          for (std::int64_t h = rows.under(oh).begin; h < rows.under(oh).end; ++h)
            for (std::int64_t w = columns.under(ow).begin; w < columns.under(ow).end; ++w) {
              const std::int64_t place = ((n * s.h + h) * s.w + w) * s.c + c;
              const double share = *norm == 0 ? at_zero : value[place] / *norm;
              sum[place] += static_cast<double>(field.residue(share)) * *residue;
            }
  return grad_x.to(x.device());
}

}  // namespace

Tensor normpool2d(const Tensor& x, const NormPool2dOptions& options) {
  require(std::isfinite(options.at_zero), "normpool2d: expected a finite derivative at 0, got {}", options.at_zero);
  const Sliding s = slide_pool("normpool2d", x.shape(), x.dtype(), {options.window, options.stride, options.pad});
  const Tensor y({s.n, s.oh, s.ow, s.c}, x.dtype(), x.device());
  on(x.device(), [&](auto where) { kernels::normpool_forward(where, s, x.view(), y.view()); });
  record("normpool2d", {x}, y,
         [s, at_zero = options.at_zero, x = x.detach(), y = y.detach()](const Tensor& grad_y, Gradients& gradients) {
           const Tensor saved_x = gradients.saved(x), saved_y = gradients.saved(y);
           const double chosen = gradients.choices().norm_at_zero.value_or(at_zero);
           if (const PrimeField* field = gradients.field())
             return gradients.set(0, backward(*field, s, chosen, saved_x, saved_y, grad_y));
           const Tensor& grad_x = gradients.into(0);
           on(grad_y.device(), [&](auto where) {
             kernels::normpool_backward(where, s, chosen, saved_x.view(), saved_y.view(), grad_y.view(), grad_x.view());
           });
         });
  return y;
}

}  // namespace mpad
