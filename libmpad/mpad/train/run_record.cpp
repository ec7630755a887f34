// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/parallel.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/checkpoint.h>
#include <mpad/train/machine.h>
#include <mpad/train/run_record.h>
#include <mpad/version.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>

namespace mpad {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[sizeof "2026-01-31T23:59:59Z"];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

OrderedJson describe_gpu() {
  const Gpu gpu = this_gpu();
  return {{"name", gpu.name},
          {"compute_capability", gpu.compute_capability},
          {"driver", gpu.driver},
          {"memory", gpu.memory}};
}

OrderedJson describe_machine(bool with_gpu) {
  const Machine machine = this_machine();
  OrderedJson description{{"cpu", machine.cpu},
                          {"cores", machine.cores},
                          {"isa", machine.isa},
                          {"compiler", machine.compiler},
                          {"system", machine.system}};
  if (with_gpu) description["gpu"] = describe_gpu();
  return description;
}

// The GPU is described where it computes.
OrderedJson session(std::span<const NamedValue> context, const std::string& command) {
  const NamedValue on_gpu("device", to_string(Device::cuda));
  const bool with_gpu = std::find(context.begin(), context.end(), on_gpu) != context.end();
  return {{"command", command},
          {"started", utc_now()},
          {"version", version()},
          {"threads", num_threads()},
          {"machine", describe_machine(with_gpu)}};
}

// Numbers and booleans as such, for who reads the file.
OrderedJson typed(const std::string& value) {
  OrderedJson parsed = OrderedJson::parse(value, nullptr, false);
  return parsed.is_number() || parsed.is_boolean() ? parsed : OrderedJson(value);
}

OrderedJson typed(std::span<const NamedValue> context) {
  OrderedJson object = OrderedJson::object();
  for (const auto& [name, value] : context) object[name] = typed(value);
  return object;
}

std::vector<NamedValue> texts(const OrderedJson& object) {
  std::vector<NamedValue> values;
  for (const auto& [name, value] : object.items())
    values.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  return values;
}

// 0 where they are no setting.
std::int64_t runs_in(const OrderedJson& settings) {
  const auto runs = settings.find("runs");
  return runs != settings.end() && runs->is_number_integer() ? runs->get<std::int64_t>() : 0;
}

void write_json(const std::string& path, const OrderedJson& json) {
  write_file(path, json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

}  // namespace

void write_run_record(const std::string& path, std::span<const NamedValue> context, const std::string& command) {
  OrderedJson record = session(context, command);
  record["settings"] = typed(context);
  record["resumed"] = OrderedJson::array();
  write_json(path, record);
}

void resume_run_record(const std::string& path, std::span<const NamedValue> context, const std::string& command) {
  OrderedJson record = OrderedJson::parse(read_file(path), nullptr, false);
  require(record.is_object() && record["settings"].is_object() && record["resumed"].is_array(),
          "{}: expected the record of a training, got other text", path);
  OrderedJson& settings = record["settings"];
  const OrderedJson now = typed(context);
  // What a run yields does not depend on how many others there are.
  const std::int64_t runs = runs_in(settings);
  if (runs > 0 && runs < runs_in(now)) settings["runs"] = now["runs"];
  require_same(texts(settings), texts(now), path);
  record["resumed"].push_back(session(context, command));
  write_json(path, record);
}

}  // namespace mpad
