// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/output_directory.h>
#include <mpad/train/progress.h>
#include <mpad/train/trainer.h>

#include <string>
#include <vector>

namespace mpad {

/// The outcome of an experiment.
struct Outcome {
  std::vector<EpochResult> results{};  ///< of all runs, those of a resumed training included
  double images_per_second = 0;        ///< trained on by this process; 0 if it had nothing left to do
};

/// Trains settings.runs networks, settings.parallel of them at once, and keeps their results after each epoch. A
/// training that was stopped at any moment and is resumed, with as many runs or more, yields the same bits as one that
/// was not. Networks at work at once are trained by a thread each and, on CUDA, on a stream each; make_model is called
/// by one thread at a time. If one fails, the others end at their next step, and its exception is thrown. Throws Error
/// if the settings are invalid, if the directory cannot be written, holds results that `existing` says to keep, or, on
/// resuming, holds those of another `network`, data set or setting, or of more runs.
Outcome run_experiment(const std::string& network, const Settings& settings, const ModelFactory& make_model,
                       const Split& data, const Output& output = {}, Progress progress = {});

}  // namespace mpad
