#include "adapters/jsonl_metrics/thinning.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <variant>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "ports/measurement_names.h"
#include "ports/metric_fields.h"

namespace templar {
namespace {

// What is read or written at once stays in the memory of the thread that reads it.
constexpr size_t kPageBytes = size_t{16} << 10;
constexpr size_t kLongestLine = size_t{1} << 20;

std::filesystem::path with_ending(std::filesystem::path file, const char* ending) {
  file += ending;
  return file;
}

std::optional<int64_t> integer_of(const Measurement& measurement, const char* field) {
  const auto found = measurement.fields.find(field);
  const auto* value = found == measurement.fields.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

bool is(const Measurement& measurement, MeasurementName name) {
  return measurement.name == name.text();
}

bool always_stays(const Measurement& measurement) {
  return is(measurement, "localnet_begin") || is(measurement, "localnet_call") ||
         is(measurement, "model_divergence") || is(measurement, "network_alarm");
}

// How often two divides the window: 0 for odd ones. Of window 0, as often as there is.
size_t level_of(int64_t window) {
  return static_cast<size_t>(std::countr_zero(static_cast<uint64_t>(window)));
}

// What is known of all windows that a node has reported.
struct Sums {
  int64_t below_window = 0;
  int64_t windows = 0;
  int64_t tokens = 0;
  int64_t contribution_bytes = 0;
  int64_t contributions = 0;

  void add(const Measurement& measurement) {
    if (is(measurement, "metrics_thinned")) {
      *this = {.below_window = integer_of(measurement, "below_window").value_or(0),
               .windows = integer_of(measurement, "windows").value_or(0),
               .tokens = integer_of(measurement, "tokens").value_or(0),
               .contribution_bytes = integer_of(measurement, "contribution_bytes").value_or(0),
               .contributions = integer_of(measurement, "contributions").value_or(0)};
    }
    if (!is(measurement, "training_step_v2") && !is(measurement, "validator_window_v2")) return;
    const std::optional<int64_t> window = integer_of(measurement, "window");
    if (!window || *window < below_window) return;  // reported again, after a restart
    below_window = *window + 1;
    ++windows;
    tokens += integer_of(measurement, "tokens").value_or(0);
    const std::optional<int64_t> bytes = integer_of(measurement, "contribution_bytes");
    contribution_bytes += bytes.value_or(0);
    contributions += bytes ? 1 : 0;
  }

  [[nodiscard]] Measurement measurement(const Measurement& like) const {
    Measurement sums{.name = std::string(MeasurementName("metrics_thinned").text()),
                     .tags = like.tags,
                     .fields = {},
                     .time_ns = like.time_ns};
    sums.tags.erase("eval_uid");
    add_fields(sums, {{"below_window", below_window},
                      {"windows", windows},
                      {"tokens", tokens},
                      {"contribution_bytes", contribution_bytes},
                      {"contributions", contributions}});
    return sums;
  }
};

Status for_each_measurement(const std::filesystem::path& file,
                            const std::function<void(const Measurement&)>& take) {
  if (!is_there(file)) return {};
  for (uint64_t offset = 0;;) {
    auto page = read_jsonl_measurements(file, offset, kPageBytes);
    if (!page) page = read_jsonl_measurements(file, offset, kLongestLine);
    if (!page) return std::unexpected(page.error());
    for (const Measurement& measurement : page->measurements) take(measurement);
    if (page->next_offset == offset) return {};
    offset = page->next_offset;
  }
}

struct Survey {
  Sums sums;
  std::optional<Measurement> newest;          // of a node's window: whose tags the sums bear
  std::array<uint64_t, 65> bytes_of_level{};  // of the windows that two divides so often, no more
};

// The smallest one at whose level and above there are no more bytes than that.
size_t level_that_fits(const Survey& survey, uint64_t max_bytes) {
  uint64_t bytes = 0;
  size_t level = survey.bytes_of_level.size() - 1;
  for (; level > 0; --level) {
    bytes += survey.bytes_of_level[level];
    if (bytes + survey.bytes_of_level[level - 1] > max_bytes) return level;
  }
  return level;
}

Status add_to_thinned(const std::filesystem::path& thinned, const std::filesystem::path& moved,
                      uint64_t max_bytes) {
  Survey survey;
  for (const std::filesystem::path& file : {thinned, moved}) {
    TRY(for_each_measurement(file, [&](const Measurement& measurement) {
      survey.sums.add(measurement);
      const std::optional<int64_t> window = integer_of(measurement, "window");
      if (!window || always_stays(measurement)) return;
      std::string line;
      append_measurement_line(line, measurement);
      survey.bytes_of_level[level_of(*window)] += line.size();
      survey.newest = measurement;
    }));
  }
  const size_t level = level_that_fits(survey, max_bytes);
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(thinned));
  std::string page;
  Status outcome;
  const auto write_if = [&](bool is_enough) {
    if (!is_enough || !outcome) return;
    outcome = writer.append(as_bytes(page));
    page.clear();
  };
  if (survey.newest && survey.sums.windows > 0)
    append_measurement_line(page, survey.sums.measurement(*survey.newest));
  // Whoever was killed behind this writing and before the renaming finds the same lines in both files.
  std::set<std::string> kept_always;
  for (const std::filesystem::path& file : {thinned, moved}) {
    TRY(for_each_measurement(file, [&](const Measurement& measurement) {
      const std::optional<int64_t> window = integer_of(measurement, "window");
      if (always_stays(measurement)) {
        std::string line;
        append_measurement_line(line, measurement);
        if (kept_always.insert(line).second) page += line;
      } else if (window && level_of(*window) >= level) {
        append_measurement_line(page, measurement);
      }
      write_if(page.size() >= kPageBytes);
    }));
  }
  write_if(!page.empty());
  TRY(outcome);
  return writer.commit();
}

}  // namespace

std::filesystem::path moved_metrics_file(const std::filesystem::path& file) {
  return with_ending(file, ".1");
}

std::filesystem::path thinned_metrics_file(const std::filesystem::path& file) {
  return with_ending(file, ".thinned");
}

Status rotate_metrics(const std::filesystem::path& file, uint64_t max_bytes) {
  const std::filesystem::path moved = moved_metrics_file(file);
  if (is_there(moved)) {
    TRY(add_to_thinned(thinned_metrics_file(file), moved, max_bytes));
    // Once in thousands of windows: what it has used would lie about until then.
    ::malloc_trim(0);
  }
  std::error_code error;
  std::filesystem::rename(file, moved, error);
  if (error) return file_error(file, error.value());
  return {};
}

}  // namespace templar
