// What is known of a run: its nodes' measurements and log lines, by window. Everything has the revision at
// which it last changed, so that somebody who knows the run up to a revision is told only what is newer.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/run/alarm_list.h"
#include "app/run/fault_list.h"
#include "ports/measurement_names.h"
#include "ports/metrics_sink.h"

namespace templar {

struct PhaseSpan {
  size_t phase = 0;  // in kWindowPhases
  int64_t start_ms = 0;
  double seconds = 0;
};

// What one node says of a window. A number that was not reported, or is none, is absent.
struct NodeReport {
  size_t node = 0;                // in RunView::nodes
  std::optional<uint32_t> miner;  // the node's uid, where it is a miner that has closed the window
  std::string state_root;         // after the window; empty: not reported
  std::optional<double> loss;
  std::optional<double> tokens;
  std::optional<double> train_seconds;
  std::optional<double> contribution_bytes;
  std::vector<PhaseSpan> spans;
};

// What the validator says of a miner in a window.
struct MinerJudgement {
  uint32_t uid = 0;
  std::string verdict;
  std::string reason;
  std::optional<double> gradient_score, binary_average, rating_mu, rating_sigma, ordinal, sync_score,
      final_score, weight;
  // By how much its contribution lowered the loss on its own and on other samples.
  std::optional<double> own_gain, random_gain;
};

// Of one number, over the nodes that reported it; nullopt if none did.
struct Spread {
  std::optional<double> sum, low, high;
  int count = 0;

  void add(std::optional<double> value);
  [[nodiscard]] std::optional<double> mean() const;
};

struct RunWindow {
  uint64_t revision = 0;
  // By a miner or validator; a baseline's or a timeline's numbers alone make no window.
  bool reported = false;
  int64_t time_ms = 0;  // of the newest report; 0: nobody has said
  std::vector<NodeReport> reports;
  std::vector<MinerJudgement> judgements;  // by uid
  std::string validator_root;              // empty: not reported
  std::optional<double> accepted, rejected, baseline_loss;

  [[nodiscard]] const MinerJudgement* judgement_of(uint32_t uid) const;
  [[nodiscard]] Spread spread(std::optional<double> NodeReport::* number) const;
  // After the window: the validator's; a miner's where the validator was killed before it could report. Empty
  // while nobody has.
  [[nodiscard]] std::string_view state_root() const;
  // Nodes whose state root is not the validator's; where that is missing, not the one that most have.
  [[nodiscard]] std::vector<size_t> differing() const;
};

struct CurvePoint {
  double value = 0;
  std::optional<double> standard_error;
  uint64_t revision = 0;
};
using Curve = std::map<int64_t, CurvePoint>;  // by the checkpoint's window

// Of all windows of the run, those included of which nothing else is known any more.
struct RunTotals {
  int64_t windows = 0;  // that somebody has closed
  double tokens = 0;
  double contribution_bytes = 0;
  int64_t contributions = 0;
};

// How much of a run is kept in memory, so that one of a year takes no more than one of a day.
struct RunViewLimits {
  size_t recent_windows = 1024;     // the newest, kept whole; fewer where there are many nodes:
  size_t recent_reports = 200'000;  // reports and judgements in these, about
  // Of those before: the ones that a power of two divides, the smallest that leaves no more than that.
  size_t older_windows = 512;
  size_t slack = 128;          // windows more than that before any are forgotten
  size_t curve_points = 2048;  // of each curve: of the older ones every second goes, again and again
};

// A miner's newest.
struct NewestJudgement {
  int64_t window = 0;
  const RunWindow* row = nullptr;
  const MinerJudgement* judgement = nullptr;
};

// Of a process, newest last.
struct SystemSample {
  uint64_t revision = 0;
  size_t node = 0;
  int64_t time_ms = 0;
  std::optional<double> process_cpu, process_memory, machine_cpu, machine_memory, gpu;
};

// Not thread-safe.
class RunView {
 public:
  RunView() = default;
  explicit RunView(const RunViewLimits& limits) : limits_(limits) {}

  // Takes in what it knows and passes over the rest; a later report of the same thing replaces the earlier
  // one. Whatever fields are missing or of another type, this never fails. source: the file's name without
  // its ending, which names nodes without a role.
  void add(const Measurement& measurement, const std::string& source);
  // Warnings and errors become faults; other lines are passed over.
  void add_log_line(const std::string& source, std::string_view line);
  // Something that belongs to no measurement has changed.
  void touch() { ++revision_; }

  [[nodiscard]] uint64_t revision() const { return revision_; }
  [[nodiscard]] const std::vector<std::string>& nodes() const { return nodes_; }
  // The newest ones, and of those before ever fewer (RunViewLimits).
  [[nodiscard]] const std::map<int64_t, RunWindow>& windows() const { return windows_; }
  [[nodiscard]] RunTotals totals() const;
  // The newest one that is reported; -1: none.
  [[nodiscard]] int64_t last_window() const { return last_window_; }
  // "heldout", "baseline_heldout", and "task NAME METRIC" for each of the evaluator's tasks.
  [[nodiscard]] const std::map<std::string, Curve>& curves() const { return curves_; }
  // Empty where there is none of that name.
  [[nodiscard]] const Curve& curve(const std::string& name) const;
  // By uid; a miner that has not been judged in the newest windows is looked for in older ones, but not for
  // ever.
  [[nodiscard]] std::map<uint32_t, NewestJudgement> newest_judgements() const;
  // All nodes that have reported a window have come to one model, evaluators included, as far as it is known:
  // also of windows that were forgotten since.
  [[nodiscard]] bool roots_agree() const;
  // Of all calls that have worked on this run.
  [[nodiscard]] double train_seconds() const { return train_seconds_; }
  [[nodiscard]] double total_seconds() const { return total_seconds_; }
  [[nodiscard]] const std::deque<SystemSample>& system() const { return system_; }
  [[nodiscard]] const FaultList& faults() const { return faults_; }
  // Those that stand. Not that nobody decides a window, where somebody has closed it since.
  [[nodiscard]] std::vector<RunAlarm> alarms() const;
  [[nodiscard]] int64_t newest_ms() const { return newest_ms_; }
  // The windows that the run is to have, if its localnet has said so.
  [[nodiscard]] std::optional<int64_t> windows_wanted() const { return windows_wanted_; }
  // The localnet's newest call has ended, finished or not.
  [[nodiscard]] bool call_ended() const { return call_ended_; }

 private:
  size_t node_of(const Measurement& measurement, const std::string& source);
  RunWindow& window_at(int64_t window);
  RunWindow& reported_window(int64_t window, int64_t time_ms);
  NodeReport& report_at(RunWindow& window, size_t node);
  void add_to_window(const Measurement& measurement, const std::string& source, int64_t window);
  void add_miner(const Measurement& measurement, NodeReport& report);
  void add_judgement(const Measurement& measurement, int64_t window);
  void add_fault(const Measurement& measurement, std::string kind, std::string source, std::string text,
                 std::string_view group);
  void add_benchmark(const Measurement& measurement, const std::string& source, int64_t window);
  void add_timeline(const Measurement& measurement, NodeReport& report);
  void add_system(const Measurement& measurement, const std::string& source);
  void add_alarm(const Measurement& measurement, const std::string& source, int64_t window);
  void add_curve_point(const std::string& curve, int64_t window, std::optional<double> value,
                       std::optional<double> error = {});

  // What a node has done in all windows below one, and what is added since: a window that is reported again
  // counts once.
  struct NodeTotals {
    int64_t below_window = 0;
    int64_t windows = 0;
    double tokens = 0;
    double contribution_bytes = 0;
    int64_t contributions = 0;
  };
  void add_totals(const Measurement& measurement, size_t node);
  void take_thinned_totals(const Measurement& measurement, const std::string& source);
  // Forgets what the limits leave no room for.
  void thin_windows();
  void forget(std::map<int64_t, RunWindow>::iterator row);

  RunViewLimits limits_;
  uint64_t revision_ = 0;
  std::vector<std::string> nodes_;
  std::map<std::string, size_t, std::less<>> node_numbers_;
  std::vector<NodeTotals> totals_;  // by node
  bool has_forgotten_ = false;
  bool forgotten_differed_ = false;
  std::set<int64_t> call_times_ns_;  // of the calls that have ended
  int64_t older_stride_ = 1;         // that the older windows which stay are multiples of
  std::map<int64_t, RunWindow> windows_;
  std::map<std::string, Curve> curves_;
  std::deque<SystemSample> system_;
  FaultList faults_;
  AlarmList alarms_;
  std::optional<uint32_t> judge_;  // the validator whose scores are shown: the one with the lowest uid
  std::optional<int64_t> windows_wanted_;
  int64_t newest_ms_ = 0;
  int64_t last_window_ = -1;
  double train_seconds_ = 0;
  double total_seconds_ = 0;
  bool call_ended_ = false;
};

}  // namespace templar
