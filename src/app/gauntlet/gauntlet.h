// All attacks against the scoring, one small network each, and what each of them earns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app/gauntlet/trial.h"

namespace templar {

struct GauntletOptions {
  std::filesystem::path out = "gauntlet-out";
  std::vector<std::string> data;     // text, or a prepared data set: see LocalnetOptions
  std::vector<std::string> attacks;  // by their names; none: all
  std::vector<std::string> changes;  // "scoring.uids_per_window=4", of every network's spec
  int64_t miners = 5;
  int64_t windows = 100;
  int64_t clean_runs = 20;  // with all miners honest, each from a seed of its own
  uint64_t seed = 1;
  bool keep_runs = false;  // the runs' folders, below out
};

// Every attack alone and by two fifths of the miners, and clean runs: of all miners, and without those that
// attack. Fails (fatal) on an attack of no such name, and on numbers of miners or windows that make no sense.
[[nodiscard]] Result<std::vector<Trial>> plan_gauntlet(const GauntletOptions& options);

// progress: what is done of the trials, and which one is next. Trials whose results lie in out already are
// not run again. Returns what there is where should_stop says so. Fails (fatal) where out holds results of
// other options, or a network can't be run; as the file system does.
[[nodiscard]] Result<std::vector<TrialResult>> run_gauntlet(
    const GauntletOptions& options,
    const std::function<void(size_t done, size_t all, const Trial& next)>& progress,
    const std::function<bool()>& should_stop);

}  // namespace templar
