// SPDX-License-Identifier: MIT
#include "training_support.h"

#include <mpad/train/results.h>

#include <limits>

using namespace mpad;

namespace {

const std::string header =
    "run_id,epoch,train_loss,train_accuracy,test_loss,test_accuracy,maxpool,batch_norm,bits,relu0,seed,collapsed,"
    "seconds\n";

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();

EpochResult last_of(std::int64_t run, double loss, double accuracy) {
  return {.run = run, .epoch = 1, .test = {loss, accuracy}};
}

std::string parse_error(const std::string& text) {
  try {
    parse_csv(text, "x.csv");
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("the text of results is exact") {
  const Settings settings{.dtype = DType::f16, .ties = TieRule::beta(0.5), .relu0 = 0.25, .seed = 7};
  const std::vector<EpochResult> results = {
      {.run = 0, .epoch = 0, .train = {2.302585092994046, 0.125}, .test = {1e-300, 1}, .seconds = 1.23456},
      {.run = 2,
       .epoch = 11,
       .train = {0, 0},
       .test = {-0.0, 1.0 / 3},
       .seconds = 60,
       .collapsed = "step 3 at 0 (Conv2d)"}};
  CHECK(to_csv(results, settings) ==
        header +
            "0,0,2.302585092994046,0.125,1e-300,1,beta:0.5,false,16,0.25,7,,1.235\n"
            "2,11,0,0,-0,0.3333333333333333,beta:0.5,false,16,0.25,9,step 3 at 0 (Conv2d),60.000\n");
  CHECK(to_csv({}, settings) == header);
}

TEST_CASE("results read back to the same bits, whatever they are") {
  std::vector<EpochResult> results;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto any_double = [&](std::uint64_t k) {
      const Philox random(i, k);
      const double value = std::bit_cast<double>(std::uint64_t{random.word[0]} << 32 | random.word[1]);
      return std::isnan(value) ? 0.5 : value;
    };
    const auto n = static_cast<std::int64_t>(i);
    results.push_back({.run = n / 10,
                       .epoch = n % 10,
                       .train = {any_double(0), any_double(1)},
                       .test = {any_double(2), any_double(3)}});
  }
  for (const double value : {infinity, -infinity, -0.0, 5e-324, 1.7976931348623157e308})
    results.push_back({.run = 100, .train = {value, value}, .test = {value, value}});
  CHECK(test::same_results(parse_csv(to_csv(results, {}), "x.csv"), results));
}

TEST_CASE("seconds read back as they are written") {
  const std::string text = to_csv(std::vector<EpochResult>{{.seconds = 12.3456}}, {});
  CHECK(parse_csv(text, "x.csv").at(0).seconds == 12.346);
  CHECK(to_csv(parse_csv(text, "x.csv"), {}) == text);
}

TEST_CASE("a NaN is written without its sign and read back as one") {
  for (const double value : {not_a_number, -not_a_number}) {
    const std::string text = to_csv(std::vector<EpochResult>{{.train = {value, 0}, .test = {value, 0}}}, {});
    CHECK(text == header + "0,0,nan,0,nan,0,native,false,32,0,0,,0.000\n");
    CHECK(std::isnan(parse_csv(text, "x.csv").at(0).test.loss));
  }
}

TEST_CASE("text that is no results is an error that names its source") {
  const std::string row = "0,0,1,1,1,1,native,false,32,0,0,,0.000\n";
  CHECK(parse_error(header + row).empty());
  const std::string expected = "x.csv: expected results that start with '" + header.substr(0, header.size() - 1) + "'";
  CHECK(parse_error("") == expected);
  CHECK(parse_error("\n") == expected);
  CHECK(parse_error(row) == expected);
  CHECK(parse_error(header + "0,0,1\n") == "x.csv: expected 13 columns, got '0,0,1'");
  CHECK(parse_error(header + "\n" + row) == "x.csv: expected 13 columns, got ''");
  CHECK(parse_error(header + "0,0,1,1,1,1,native,false,32,0,0,,0.000,1\n")
            .starts_with("x.csv: expected 13 columns, got '"));
  for (const char* cell : {"", "one", "1x", " 1", "1e999", "0x1"})
    CHECK(parse_error(header + "0,0," + cell + ",1,1,1,native,false,32,0,0,,0.000\n") ==
          fmt::format("x.csv: expected a number, got '{}'", cell));
  CHECK(parse_error(header + "0,0.5,1,1,1,1,native,false,32,0,0,,0\n") == "x.csv: expected a number, got '0.5'");
}

TEST_CASE("the summary is that of each run's last epoch") {
  const std::vector<EpochResult> results = {{.run = 0, .epoch = 0, .test = {9, 0.1}},
                                            last_of(0, 1, 0.5),
                                            {.run = 1, .epoch = 0, .test = {not_a_number, 0.2}},
                                            last_of(1, 1, 0.75),
                                            last_of(2, 1, 0.625)};
  const Summary summary = summarize(results);
  CHECK(summary.runs == 3);
  CHECK(summary.mean == 0.625);
  CHECK(summary.deviation == 0.125);  // of a sample: sqrt((2 * 0.125^2) / 2)
  CHECK(summary.collapsed == 0);
}

TEST_CASE("one run has no deviation, and none has nothing") {
  const Summary one = summarize(std::vector<EpochResult>{last_of(0, 1, 0.5)});
  CHECK(one.runs == 1);
  CHECK(one.mean == 0.5);
  CHECK(one.deviation == 0);
  const Summary none = summarize({});
  CHECK(none.runs == 0);
  CHECK(none.mean == 0);
  CHECK(none.deviation == 0);
}

TEST_CASE("a run whose last test loss is not finite counts as collapsed") {
  const Summary summary = summarize(std::vector<EpochResult>{last_of(0, not_a_number, 0.1), last_of(1, infinity, 0.1),
                                                             last_of(2, 2, 0.1), last_of(3, -not_a_number, 0.1)});
  CHECK(summary.runs == 4);
  CHECK(summary.collapsed == 3);
  CHECK(summary.mean == Approx(0.1));
}
