// SPDX-License-Identifier: MIT
#include "experiment_support.h"

#include <mpad/study/log_histogram.h>
#include <mpad/study/threshold_results.h>
#include <mpad/train/atomic_file.h>

#include <limits>
#include <map>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity(),
                 not_a_number = std::numeric_limits<double>::quiet_NaN();

Difference of(const char* rival, double difference, Zone zone) {
  return {DType::f32, rival, {0, 0}, {difference, 0, zone}};
}

const std::vector<Difference> some{of("same", 0, Zone::none),
                                   of("same-reordered", 1e-7, Zone::compensation),
                                   of("same-reordered", 3e-7, Zone::compensation),
                                   of("minimal", 0, Zone::none),
                                   of("minimal", 2e-9, Zone::compensation),
                                   of("minimal", 8e-9, Zone::compensation),
                                   of("minimal", 5e-5, Zone::bifurcation),
                                   of("minimal", 4e-3, Zone::bifurcation),
                                   of("relu0", 9, Zone::bifurcation)};

const std::vector<std::string> files{"differences.csv", "thresholds.csv", "histogram.csv"};

bool always() { return true; }

// Two draws of two mini-batches in two precisions; whether all is measured.
bool measure(const OutputDirectory& directory, const std::function<bool()>& may_start = always,
             const ModelFactory& make_model = make_small) {
  ThresholdResults results(directory, "small", "spots");
  PairPlan plan{.settings = spots_settings(), .draws = 2, .batches = 2};
  for (const DType dtype : {DType::f16, DType::f64}) {
    plan.settings.dtype = dtype;
    if (!measure_differences(results, plan, make_model, spots(50, 1), VectorNorm::one, may_start)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("thresholds are the study's two and the replay's two") {
  const std::vector<Threshold> found = thresholds_of(some);
  const std::map<std::string, double> want{
      {"max-same", 3e-7}, {"min-positive", 2e-9}, {"largest-compensation", 8e-9}, {"smallest-bifurcation", 5e-5}};
  REQUIRE(found.size() == want.size());
  for (const Threshold& threshold : found) {
    INFO(threshold.rule);
    CHECK(threshold.dtype == DType::f32);
    CHECK(threshold.tau == want.at(threshold.rule));
  }
  for (const Threshold& threshold : thresholds_of({of("same", 0, Zone::none)}))
    CHECK((threshold.rule == "max-same" ? threshold.tau == 0 : std::isnan(threshold.tau)));
}

TEST_CASE("the same program is at distance 0, its sums reordered within rounding, in every precision") {
  for (DType dtype : real_dtypes) {
    PairPlan plan{.settings = spots_settings(), .draws = 2, .batches = 2};
    plan.settings.dtype = dtype;
    std::map<std::string, int> count;
    for (std::int64_t draw = 0; draw < plan.draws; ++draw)
      for (const Difference& d : differences(plan, draw, make_small, spots(50, 1), VectorNorm::one)) {
        ++count[d.rival];
        CHECK(d.index.draw == draw);
        if (d.rival == "same") CHECK((d.comparison.difference == 0 && d.comparison.zone == Zone::none));
        if (d.rival == "same-reordered") CHECK(d.comparison.zone != Zone::bifurcation);
      }
    CHECK(count ==
          std::map<std::string, int>{{"same", 4}, {"same-reordered", 4}, {"minimal", 4}, {"relu0", 4}, {"norm", 4}});
  }
}

TEST_CASE("a histogram counts powers of ten, and zeros apart") {
  const std::vector<double> values{0, 0, 1e-3, 2e-3, 9.99e-3, 0.5, infinity, not_a_number};
  const Decades decades = decades_of(values);
  CHECK(decades.first == -3);
  CHECK(decades.last == -1);
  const LogHistogram histogram = log_histogram(values, decades);
  CHECK(histogram.first == -3);
  CHECK(histogram.counts == std::vector<std::int64_t>{3, 0, 1});
  CHECK(histogram.zeros == 2);
  CHECK(log_histogram(values, {-2, 0}).counts == std::vector<std::int64_t>{0, 1, 0});
  CHECK(log_histogram({0}, decades_of({0})).counts == std::vector<std::int64_t>{0});
}

TEST_CASE("tables read back") {
  const std::vector<Difference> two{of("same", 0, Zone::none), of("minimal", 0.25, Zone::bifurcation)};
  CHECK(differences_csv("net", "data", two) ==
        "network,dataset,bits,pair,draw,batch,difference,class\n"
        "net,data,32,same,0,0,0,none\n"
        "net,data,32,minimal,0,0,0.25,bifurcation\n");
  for (const std::vector<Difference>& differences :
       {some, {of("same", 1. / 3, Zone::none), of("norm", infinity, Zone::nonfinite)}}) {
    const std::string text = differences_csv("net", "data", differences);
    CHECK(differences_csv("net", "data", parse_differences(text, "differences.csv")) == text);
  }
  CHECK(thresholds_csv(thresholds_of(two)) ==
        "bits,rule,tau\n32,max-same,0\n32,min-positive,0.25\n32,largest-compensation,\n32,smallest-bifurcation,0.25\n");
  CHECK(histogram_csv(two) == "bits,pair,log10_low,log10_high,count,zeros\n32,minimal,-1,0,1,0\n32,same,-1,0,0,1\n");
}

TEST_CASE("differences that nobody wrote are refused by the name of their file") {
  const auto parse = [](const std::string& bits, const std::string& difference, const std::string& zone) {
    return parse_differences(
        differences_csv("net", "data", {}) + "net,data," + bits + ",same,0,0," + difference + "," + zone + "\n",
        "differences.csv");
  };
  CHECK(parse("64", "1e-17", "compensation").at(0).comparison.difference == 1e-17);
  CHECK_THROWS_WITH(parse("8", "0", "none"), "differences.csv: bits: expected 16, 32 or 64, got 8");
  CHECK_THROWS_WITH(parse("64", "x", "none"), "differences.csv: expected a number, got 'x'");
  CHECK_THROWS_WITH(parse("64", "0", "no"),
                    "differences.csv: zone: expected none, compensation, bifurcation or nonfinite, got 'no'");
}

TEST_CASE("differences whose measurement is killed at any moment go on to the same bytes") {
  const TemporaryDirectory whole;
  const OutputDirectory at_once = open_to_resume(whole, files);
  CHECK(measure(at_once));
  const std::vector<std::string> expected = texts_in(at_once, files);
  for (int pass = 0; pass < 16; ++pass) {  // of both networks for each pair
    CAPTURE(pass);
    const TemporaryDirectory parts;
    const OutputDirectory in_parts = open_to_resume(parts, files);
    CHECK_THROWS_AS(measure(in_parts, always, make_mortal(pass)), Killed);
    int draws = 0;
    CHECK(measure(in_parts, [&] { return ++draws > 0; }));
    CHECK(draws == 4 - pass / 4);
    CHECK(texts_in(in_parts, files) == expected);
    CHECK(parts.list() == whole.list());
  }
  CHECK(measure(at_once, [] { return false; }));  // nothing is left to do
}

TEST_CASE("a draw is in differences.csv only if the other files have it") {
  for (const std::string name : {"thresholds.csv", "histogram.csv"}) {
    const TemporaryDirectory directory;
    const OutputDirectory output = open_to_resume(directory, files);
    directory.write(name + "/in the way", {});
    CHECK_THROWS_AS(measure(output), Error);
    CHECK_FALSE(output.has("differences.csv"));
  }
}
