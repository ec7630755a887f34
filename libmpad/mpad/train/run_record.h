// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/settings.h>

#include <span>
#include <string>
#include <vector>

namespace mpad {

/// Writes run.json: when, where and with what command the training started, and all that its result depends on.
void write_run_record(const std::string& path, std::span<const NamedValue> context, const std::string& command);

/// Adds the time, place and command of a resumption to run.json. Throws Error, naming the first difference, unless the
/// training was started in the same context, or with fewer runs, of which there are then as many as now.
void resume_run_record(const std::string& path, std::span<const NamedValue> context, const std::string& command);

}  // namespace mpad
