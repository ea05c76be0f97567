// Follows the files of a run's folder as they grow, and keeps what they say. Only reads: a run does not
// notice that it is watched.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "app/run/run_view.h"
#include "base/result.h"
#include "core/run/run_spec.h"

namespace templar {

// What has been read of the files, in bytes.
struct ReadingProgress {
  uint64_t done = 0;
  uint64_t total = 0;
};

// Everything that is known at one moment.
struct RunKnowledge {
  RunView view;
  std::optional<RunSpec> spec;
  std::string run_id;  // empty without a spec
  int64_t parameters = 0;
  int64_t summary_windows = -1;  // windows of the summary that a finished call has written; -1: none
  ReadingProgress reading;
  uint64_t life = 0;  // changes where a new run has begun in the folder and all that was known is void
  int64_t malformed_lines = 0;

  int64_t newest_file_ms = 0;  // when a file of measurements was last written to

  // When the run last said something; where its measurements bear no time, by their files.
  [[nodiscard]] int64_t newest_ms() const { return view.newest_ms() > 0 ? view.newest_ms() : newest_file_ms; }
  // All windows that were wanted are there, and the localnet has summed them up.
  [[nodiscard]] bool finished() const;
};

// Not thread-safe.
class RunFollower {
 public:
  // Takes in a first part. Fails (fatal) where there is no such folder, or neither a run spec nor
  // measurements in it.
  [[nodiscard]] static Result<RunFollower> open(const std::filesystem::path& folder);

  // Takes in what has been written since the last call, at most about max_bytes of it; true if there is more.
  // A file that can't be read now is read by a later call: nothing here can fail for good.
  bool poll(uint64_t max_bytes = uint64_t{4} << 20);
  // All of it.
  void poll_all();
  [[nodiscard]] const RunKnowledge& knowledge() const { return knowledge_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  explicit RunFollower(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // A file of measurements is read from its thinned part over the one that was moved aside to itself, and
  // followed while its writer goes on doing that (adapters/jsonl_metrics/thinning.h).
  struct Followed {
    enum class Part { kThinned, kMoved, kCurrent };
    Part part = Part::kThinned;
    uint64_t file_id = 0;  // of that part; 0: not looked at yet
    uint64_t offset = 0;
  };

  [[nodiscard]] static std::filesystem::path part_of(const std::filesystem::path& file, Followed::Part part);
  void read_spec();
  void read_summary();
  [[nodiscard]] bool begun_anew() const;
  // Each returns how many bytes it went on.
  uint64_t follow_metrics(const std::filesystem::path& file, uint64_t max_bytes);
  uint64_t read_metrics(const std::filesystem::path& part, const std::string& source, uint64_t& offset,
                        uint64_t max_bytes);
  uint64_t follow_log(const std::filesystem::path& file, uint64_t max_bytes);

  std::filesystem::path folder_;
  std::map<std::filesystem::path, Followed> metrics_;
  std::map<std::filesystem::path, uint64_t> logs_;
  std::optional<std::filesystem::file_time_type> summary_time_, spec_time_;
  RunKnowledge knowledge_;
};

}  // namespace templar
