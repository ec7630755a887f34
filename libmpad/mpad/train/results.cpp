// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/train/results.h>

#include <charconv>
#include <cmath>
#include <map>

namespace mpad {
namespace {

constexpr std::string_view header =
    "run_id,epoch,train_loss,train_accuracy,test_loss,test_accuracy,maxpool,batch_norm,bits,relu0,seed,collapsed,"
    "seconds";

// The sign of a NaN carries nothing and differs between machines.
std::string number(double value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t end; (end = text.find(separator)) != std::string_view::npos; text.remove_prefix(end + 1))
    parts.push_back(text.substr(0, end));
  parts.push_back(text);
  return parts;
}

template <class Number>
Number parse(std::string_view text, const std::string& source) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size(), "{}: expected a number, got '{}'", source, text);
  return value;
}

}  // namespace

std::string to_csv(std::span<const EpochResult> results, const Settings& s) {
  std::string text = fmt::format("{}\n", header);
  for (const EpochResult& r : results)
    text +=
        fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{:.3f}\n", r.run, r.epoch, number(r.train.loss),
                    number(r.train.accuracy), number(r.test.loss), number(r.test.accuracy), s.ties.name(), s.batch_norm,
                    precision_name(s), s.relu0, s.seed + static_cast<std::uint64_t>(r.run), r.collapsed, r.seconds);
  return text;
}

std::vector<EpochResult> parse_csv(std::string_view text, const std::string& source) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::vector<std::string_view> lines = split(text, '\n');
  require(lines[0] == header, "{}: expected results that start with '{}'", source, header);
  std::vector<EpochResult> results;
  for (std::string_view line : std::span(lines).subspan(1)) {
    const std::vector<std::string_view> cell = split(line, ',');
    require(cell.size() == 13, "{}: expected 13 columns, got '{}'", source, line);
    const auto real = [&](std::size_t i) { return parse<double>(cell[i], source); };
    const auto whole = [&](std::size_t i) { return parse<std::int64_t>(cell[i], source); };
    results.push_back({.run = whole(0),
                       .epoch = whole(1),
                       .train = {real(2), real(3)},
                       .test = {real(4), real(5)},
                       .seconds = real(12),
                       .collapsed = std::string(cell[11])});
  }
  return results;
}

Summary summarize(std::span<const EpochResult> results) {
  std::map<std::int64_t, const EpochResult*> final_results;
  for (const EpochResult& r : results) final_results[r.run] = &r;
  Summary summary{.runs = static_cast<std::int64_t>(final_results.size())};
  if (summary.runs == 0) return summary;
  for (const auto& [run, result] : final_results) {
    summary.mean += result->test.accuracy / static_cast<double>(summary.runs);
    summary.collapsed += !result->collapsed.empty() || !std::isfinite(result->test.loss);
  }
  double squares = 0;
  for (const auto& [run, result] : final_results) squares += std::pow(result->test.accuracy - summary.mean, 2);
  if (summary.runs > 1) summary.deviation = std::sqrt(squares / static_cast<double>(summary.runs - 1));
  return summary;
}

}  // namespace mpad
