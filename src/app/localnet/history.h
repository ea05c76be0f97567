// What a localnet's nodes have reported, brought together by window.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ports/metrics_sink.h"

namespace templar {

struct MinerRow {
  std::string state_root;  // after the window
  bool trained = false;    // the fields below are there
  double loss = 0;         // mean over its inner steps
  int64_t inner_steps = 0;
  int64_t tokens = 0;
  int64_t contribution_bytes = 0;
};

struct ScoreRow {
  std::string verdict;
  std::string reason;
  double weight = 0;
  double final_score = 0;
  double ordinal = 0;
  double binary_average = 0;
  double gradient_score = 0;
  double sync_score = 0;
};

struct WindowRow {
  std::optional<std::string> validator_root;  // after the window
  std::map<uint32_t, MinerRow> miners;        // by uid
  std::map<uint32_t, ScoreRow> scores;        // by uid: what the validator says

  [[nodiscard]] std::vector<uint32_t> accepted() const;
  // Mean over the miners that trained; nothing if none did.
  [[nodiscard]] std::optional<double> loss() const;
  [[nodiscard]] int64_t tokens() const;
  [[nodiscard]] std::optional<double> contribution_bytes() const;
  // All roots reported are the same.
  [[nodiscard]] bool roots_agree() const;
  // The validator's; a miner's where the validator was killed before it could report. Nothing while nobody has closed the window.
  [[nodiscard]] std::optional<std::string> state_root() const;
};

// What a node did last.
struct NodeRow {
  int64_t window = -1;
  std::map<std::string, double> phase_seconds;  // of that window, by the phase's name
  double window_seconds = 0;                    // from its report of the window before to this one's; 0: not known
  int64_t time_ns = 0;                          // of the newest report
};

// Something that a person may have to look at.
struct Fault {
  int64_t window = 0;
  std::string node;  // whose report it is
  std::string what;
};
inline constexpr size_t kFaultsKept = 200;

struct History {
  std::map<int64_t, WindowRow> windows;
  std::map<int64_t, double> heldout;           // by the checkpoint's window
  std::map<int64_t, double> baseline_heldout;  // likewise
  std::map<int64_t, std::string> evaluated_roots;
  std::map<std::string, NodeRow> nodes;  // by their metrics files' names: "miner-1"
  std::deque<Fault> faults;              // the newest kFaultsKept
  int64_t wanted_windows = 0;            // of the localnet; 0: not known
  int64_t newest_ns = 0;                 // when the newest measurement was written
  double train_seconds = 0;  // of all calls that worked on this run
  double total_seconds = 0;

  // Takes in what it knows and passes over the rest. A later report of the same thing replaces the earlier one. node: who wrote it.
  void add(const Measurement& measurement, const std::string& node);
  [[nodiscard]] bool roots_agree() const;
  [[nodiscard]] int64_t tokens() const;
  // The newest scores that each miner has, by uid.
  [[nodiscard]] std::map<uint32_t, ScoreRow> newest_scores() const;

 private:
  void add_timeline(const Measurement& measurement, const std::string& node);
  void add_score(const Measurement& measurement, const std::string& node);
  void add_fault(Fault fault);
};

// Follows the metrics files of a folder as they grow.
class MetricsTail {
 public:
  explicit MetricsTail(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // Adds what has been written since the last call.
  [[nodiscard]] Status poll(History& history);

 private:
  std::filesystem::path folder_;
  std::map<std::filesystem::path, uint64_t> offsets_;
};

}  // namespace templar
