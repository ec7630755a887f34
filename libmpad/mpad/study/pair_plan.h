// SPDX-License-Identifier: MIT
// Which pairs of weights and mini-batch are looked at.
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/study/recorded_loss.h>
#include <mpad/train/trainer.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mpad {

/// How weights are drawn: as the network draws them, or as the study does for volumes (init_volume). Or those of
/// trained networks, a draw of each.
enum class Init : unsigned char { network, volume, trained };
const char* to_string(Init init);

/// The network of these settings, with the seed's weights, in its precision and on its device.
std::unique_ptr<Module> draw_network(const Settings& settings, std::uint64_t seed, const ModelFactory& make_model,
                                     Init init);

struct PairPlan {
  Settings settings{};  ///< the network, its precision, batch size and device; draw k has seed + k
  Init init = Init::network;
  std::vector<std::string> weights{};  ///< of Init::trained: a file of each draw (train/weights.h)
  std::int64_t draws = 5;
  std::int64_t batches = 0;  ///< mini-batches of each draw; 0: all
  double noise = 0;          ///< deviation of normal noise that is added to the images, drawn anew for each pair
};

/// Throws Error, naming the option, if a number is out of range, or files are not as many as draws.
void check(const PairPlan& plan);

/// Throws Error, naming the file, if a draw's weights cannot be loaded.
void check_weights(const PairPlan& plan, const ModelFactory& make_model);

struct PairIndex {
  std::int64_t draw = 0, batch = 0;
};

/// The pairs, draw by draw. Mini-batches are in order, whole ones only; each draw continues where the last one ended,
/// and begins again behind the last. Throws Error, naming the option, if a draw asks for more
/// than the data set has, or its images are fewer than a mini-batch.
std::vector<PairIndex> pairs_of(const PairPlan& plan, const Dataset& dataset);

/// Calls visit for each pair of a draw, with its loss recorded in training mode. Images are augmented as their data set
/// asks for, by each draw in its own way. What a draw yields does not depend on those before.
void visit_draw(const PairPlan& plan, std::int64_t draw, const ModelFactory& make_model, const Dataset& dataset,
                const std::function<void(const PairIndex&, RecordedLoss&)>& visit);

/// A seed of the pair's own.
std::uint64_t seed_of(const PairPlan& plan, const PairIndex& pair);

}  // namespace mpad
