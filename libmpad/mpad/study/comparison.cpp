// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/study/comparison.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>

namespace mpad {
namespace {

Tensor in_double(const Tensor& tensor) { return tensor.to(Device::cpu).to(DType::f64); }

double element_difference(double a, double b) {
  const double difference = std::abs(a - b);
  if (std::isfinite(difference)) return difference;
  const bool same = a == b || (std::isnan(a) && std::isnan(b));
  return same ? 0 : std::numeric_limits<double>::infinity();
}

double distance(const Tensor& first, const Tensor& second, VectorNorm norm) {
  if (first.view().data == second.view().data) return 0;
  const Tensor a = in_double(first), b = in_double(second);
  const std::span<const double> x = a.span<double>(), y = b.span<double>();
  double total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double difference = element_difference(x[i], y[i]);
    total = norm == VectorNorm::one ? total + difference : std::max(total, difference);
  }
  return total;
}

// Of one layer: the largest gradient and the largest difference of two.
struct Extremes {
  double gradient = 0, difference = 0;
  bool finite = true;
  void add(const Tensor& first, const Tensor& second);
};

void Extremes::add(const Tensor& first, const Tensor& second) {
  const Tensor a = in_double(first), b = in_double(second);
  const std::span<const double> x = a.span<double>(), y = b.span<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    finite = finite && std::isfinite(x[i]) && std::isfinite(y[i]);
    gradient = std::max({gradient, std::abs(x[i]), std::abs(y[i])});
    difference = std::max(difference, std::abs(x[i] - y[i]));
  }
}

double residue_of(const std::vector<NamedTensor>& first, const std::vector<NamedTensor>& second) {
  std::map<std::string, Extremes> layers;
  for (std::size_t i = 0; i < first.size(); ++i)
    if (first[i].tensor)
      layers[first[i].path.substr(0, first[i].path.rfind('.'))].add(first[i].tensor, second[i].tensor);
  double residue = 0;
  for (const auto& [path, extremes] : layers) {
    if (!extremes.finite) return std::numeric_limits<double>::quiet_NaN();
    if (extremes.difference > 0) residue = std::max(residue, extremes.difference / extremes.gradient);
  }
  return residue;
}

Zone zone_of(double difference, double residue) {
  if (std::isnan(residue)) return Zone::nonfinite;
  if (residue > largest_rounding_residue) return Zone::bifurcation;
  return difference > 0 ? Zone::compensation : Zone::none;
}

}  // namespace

const char* to_string(Zone zone) {
  constexpr const char* names[] = {"none", "compensation", "bifurcation", "nonfinite"};
  return names[static_cast<int>(zone)];
}

Zone parse_zone(std::string_view name) {
  for (const Zone zone : {Zone::none, Zone::compensation, Zone::bifurcation, Zone::nonfinite})
    if (name == to_string(zone)) return zone;
  fail("zone: expected none, compensation, bifurcation or nonfinite, got '{}'", name);
}

const char* to_string(VectorNorm norm) { return norm == VectorNorm::one ? "1" : "inf"; }

Comparison compare(const ProgramGradients& first, const ProgramGradients& second, VectorNorm norm) {
  const std::vector<NamedTensor>&a = first.computed, &b = second.computed;
  require(a.size() == b.size() && first.replayed.size() == second.replayed.size(),
          "compare: expected gradients of the same parameters, got {} and {}", a.size(), b.size());
  Comparison result;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].tensor) result.difference += distance(a[i].tensor, b[i].tensor, norm);
  result.residue = residue_of(first.replayed, second.replayed);
  result.zone = zone_of(result.difference, result.residue);
  return result;
}

}  // namespace mpad
