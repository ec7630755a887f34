// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/nn/init.h>
#include <mpad/ops.h>
#include <mpad/random.h>
#include <mpad/study/pair_plan.h>
#include <mpad/train/weights.h>

#include <cmath>
#include <numeric>

namespace mpad {
namespace {

// Streams of what belongs to a pair and of augmentation, away from those that layers number from 0.
constexpr std::uint64_t of_pairs = ~std::uint64_t{0} - 2, augmenting = of_pairs - 1;

std::uint64_t seed_of(const PairPlan& plan, std::int64_t draw) {
  return plan.settings.seed + static_cast<std::uint64_t>(draw);
}

Batches in_order(const Dataset& images, std::int64_t batch_size, std::uint64_t seed) {
  if (images.augment == Augment{}) return images.batches(batch_size);
  std::vector<std::int32_t> order(static_cast<std::size_t>(images.size()));
  std::iota(order.begin(), order.end(), 0);
  return {images, batch_size, order, Rng(seed).split(augmenting)};
}

Batch with_noise(Batch batch, double deviation, std::uint64_t seed) {
  if (deviation == 0) return batch;
  const Tensor noise = empty_like(batch.images);
  const RandomScope random{Rng(seed)};
  init_normal(noise, 0, deviation);
  batch.images = add(batch.images, noise);
  return batch;
}

std::vector<PairIndex> pairs_of_draw(const PairPlan& plan, std::int64_t draw, const Dataset& dataset) {
  check(plan);
  const std::int64_t batch_size = plan.settings.batch_size;
  require(batch_size <= dataset.size(), "--batch-size: expected at most the {} images of {}, got {}", dataset.size(),
          dataset.name, batch_size);
  const std::int64_t all = dataset.size() / batch_size, each = plan.batches > 0 ? plan.batches : all;
  require(each <= all, "--batches: expected at most the {} whole mini-batches of {} images in {}, got {}", all,
          batch_size, dataset.name, each);
  std::vector<PairIndex> pairs;
  for (std::int64_t i = 0; i < each; ++i) pairs.push_back({draw, (draw * each + i) % all});
  return pairs;
}

std::unique_ptr<Module> network_of_draw(const PairPlan& plan, std::int64_t draw, const ModelFactory& make_model) {
  std::unique_ptr<Module> model = draw_network(plan.settings, seed_of(plan, draw), make_model, plan.init);
  if (plan.init == Init::trained) load_weights(*model, plan.weights[static_cast<std::size_t>(draw)]);
  return model;
}

}  // namespace

const char* to_string(Init init) {
  return init == Init::volume ? "volume" : init == Init::trained ? "trained" : "network";
}

std::unique_ptr<Module> draw_network(const Settings& settings, std::uint64_t seed, const ModelFactory& make_model,
                                     Init init) {
  set_seed(seed);
  std::unique_ptr<Module> model = make_model(settings);
  if (init == Init::volume) init_volume(*model);
  model->to(settings.dtype);
  model->to(settings.device);
  return model;
}

void check(const PairPlan& plan) {
  require(plan.draws > 0, "--draws: expected 1 or more, got {}", plan.draws);
  require(plan.batches >= 0, "--batches: expected 0 or more, got {}", plan.batches);
  require(plan.settings.batch_size > 0, "--batch-size: expected 1 or more, got {}", plan.settings.batch_size);
  require(plan.noise >= 0 && std::isfinite(plan.noise), "--noise: expected a finite number of 0 or more, got {}",
          plan.noise);
  const std::int64_t files = static_cast<std::int64_t>(plan.weights.size());
  require(files == (plan.init == Init::trained ? plan.draws : 0),
          "--weights: expected a file for each of {} draws of trained networks and none of others, got {}", plan.draws,
          files);
}

void check_weights(const PairPlan& plan, const ModelFactory& make_model) {
  if (plan.init != Init::trained) return;
  for (std::int64_t draw = 0; draw < plan.draws; ++draw) network_of_draw(plan, draw, make_model);
}

std::vector<PairIndex> pairs_of(const PairPlan& plan, const Dataset& dataset) {
  check(plan);
  std::vector<PairIndex> pairs;
  for (std::int64_t draw = 0; draw < plan.draws; ++draw)
    for (const PairIndex& pair : pairs_of_draw(plan, draw, dataset)) pairs.push_back(pair);
  return pairs;
}

void visit_draw(const PairPlan& plan, std::int64_t draw, const ModelFactory& make_model, const Dataset& dataset,
                const std::function<void(const PairIndex&, RecordedLoss&)>& visit) {
  Dataset images = dataset;
  images.dtype = plan.settings.dtype;
  images = images.to(plan.settings.device);
  const std::uint64_t seed = seed_of(plan, draw);
  const std::unique_ptr<Module> model = network_of_draw(plan, draw, make_model);
  const Batches batches = in_order(images, plan.settings.batch_size, seed);
  for (const PairIndex& pair : pairs_of_draw(plan, draw, dataset)) {
    RecordedLoss loss(*model, with_noise(batches[pair.batch], plan.noise, seed_of(plan, pair)));
    visit(pair, loss);
  }
}

std::uint64_t seed_of(const PairPlan& plan, const PairIndex& pair) {
  Rng rng = Rng(seed_of(plan, pair.draw)).split(of_pairs).split(static_cast<std::uint64_t>(pair.batch));
  const std::uint64_t high = rng.word();
  return high << 32 | rng.word();
}

}  // namespace mpad
