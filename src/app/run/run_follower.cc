#include "app/run/run_follower.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <vector>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "core/run/parameter_layout.h"

namespace templar {
namespace {

constexpr size_t kMostSpecBytes = size_t{1} << 20;
constexpr uint64_t kLongestLine = uint64_t{1} << 20;
// Of a log that is long already, only the end is read.
constexpr uint64_t kLogTail = uint64_t{8} << 20;

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder, std::string_view extension) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == extension) files.push_back(entry->path());
  }
  std::ranges::sort(files);
  return files;
}

uint64_t size_of(const std::filesystem::path& file) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(file, error);
  return error ? 0 : size;
}

std::optional<std::filesystem::file_time_type> time_of(const std::filesystem::path& file) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(file, error);
  if (error) return std::nullopt;
  return time;
}

int64_t unix_ms(std::optional<std::filesystem::file_time_type> time) {
  if (!time) return 0;
  const auto since_epoch = std::chrono::file_clock::to_sys(*time).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

}  // namespace

bool RunKnowledge::finished() const {
  if (summary_windows < 0 || view.last_window() < 0) return false;
  // A summary may be an earlier call's.
  if (const auto wanted = view.windows_wanted())
    return view.call_ended() && view.last_window() + 1 >= *wanted;
  return summary_windows > view.last_window();
}

Result<RunFollower> RunFollower::open(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    return fatal_error(folder.string() + ": there is no such folder");
  RunFollower follower(folder);
  const bool has_spec = std::filesystem::exists(folder / "run_spec.json", error);
  if (!has_spec && files_in(folder / "metrics", ".jsonl").empty()) {
    return fatal_error(
        folder.string() +
        ": there is no run in this folder (neither run_spec.json nor metrics/*.jsonl); give the "
        "folder that `templar localnet --out` was given");
  }
  follower.poll();
  return follower;
}

bool RunFollower::poll(uint64_t max_bytes) {
  if (begun_anew()) {
    const uint64_t life = knowledge_.life + 1;
    knowledge_ = {};
    knowledge_.life = life;
    offsets_.clear();
    summary_time_ = spec_time_ = std::nullopt;
  }
  read_spec();
  const auto metrics = files_in(folder_ / "metrics", ".jsonl");
  const auto logs = files_in(folder_ / "logs", ".log");
  // All files a part each, so that the nodes' curves grow together while a long run is read.
  uint64_t read = 0;
  const uint64_t part =
      std::max<uint64_t>(max_bytes / std::max<size_t>(1, metrics.size() + logs.size()), 64 * 1024);
  for (const auto& file : metrics) read += follow_metrics(file, part);
  for (const auto& file : logs) read += follow_log(file, part);
  for (const auto& file : metrics)
    knowledge_.newest_file_ms = std::max(knowledge_.newest_file_ms, unix_ms(time_of(file)));
  knowledge_.reading = {};
  for (const auto& [file, offset] : offsets_) {
    knowledge_.reading.done += offset;
    knowledge_.reading.total += std::max(size_of(file), offset);
  }
  read_summary();
  return read > 0;
}

void RunFollower::poll_all() {
  while (poll()) {
  }
}

// A file that has become shorter or is gone is another run's.
bool RunFollower::begun_anew() const {
  return std::ranges::any_of(offsets_, [this](const auto& entry) {
    return entry.first.extension() == ".jsonl" && size_of(entry.first) < entry.second;
  });
}

void RunFollower::read_spec() {
  const std::filesystem::path file = folder_ / "run_spec.json";
  const auto time = time_of(file);
  if (!time || time == spec_time_) return;
  spec_time_ = time;
  const auto bytes = read_file(file, kMostSpecBytes);
  if (!bytes) return;
  const auto spec = parse_run_spec(as_text(*bytes));
  if (!spec) return;
  knowledge_.spec = *spec;
  knowledge_.run_id = run_id(*spec).hex();
  knowledge_.parameters = parameter_count(parameter_layout(spec->model));
  knowledge_.view.touch();
}

void RunFollower::read_summary() {
  const std::filesystem::path file = folder_ / "summary.json";
  const auto time = time_of(file);
  if (time == summary_time_) return;
  summary_time_ = time;
  knowledge_.summary_windows = -1;
  knowledge_.view.touch();
  const auto bytes = time ? read_file(file, kMostSpecBytes) : Result<Bytes>(Bytes());
  if (!bytes) return;
  const auto json = parse_json(as_text(*bytes));
  const Json* windows = json ? json->find("windows") : nullptr;
  if (windows != nullptr) knowledge_.summary_windows = windows->integer().value_or(-1);
}

uint64_t RunFollower::follow_metrics(const std::filesystem::path& file, uint64_t max_bytes) {
  uint64_t& offset = offsets_[file];
  auto page = read_jsonl_measurements(file, offset, max_bytes);
  // A line that does not fit is read whole, if it is one that a node could have written.
  if (!page) page = read_jsonl_measurements(file, offset, kLongestLine);
  if (!page) {
    if (size_of(file) < offset + kLongestLine) return 0;
    ++knowledge_.malformed_lines;
    offset += kLongestLine;
    return kLongestLine;
  }
  const std::string source = file.stem().string();
  for (const Measurement& measurement : page->measurements) knowledge_.view.add(measurement, source);
  knowledge_.malformed_lines += page->malformed_lines;
  const uint64_t read = page->next_offset - offset;
  offset = page->next_offset;
  return read;
}

uint64_t RunFollower::follow_log(const std::filesystem::path& file, uint64_t max_bytes) {
  const uint64_t size = size_of(file);
  uint64_t& offset = offsets_[file];
  if (size < offset) offset = 0;  // rotated
  if (size - offset > kLogTail) offset = size - kLogTail;
  if (offset >= size) return 0;
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(std::min(size - offset, std::max(max_bytes, kLongestLine)), '\0');
  stream.seekg(static_cast<std::streamoff>(offset));
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::string_view rest(bytes.data(), static_cast<size_t>(stream.gcount()));
  uint64_t read = 0;
  const std::string source = file.stem().string();
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    knowledge_.view.add_log_line(source, rest.substr(0, end));
    rest.remove_prefix(end + 1);
    read += end + 1;
  }
  if (read == 0 && bytes.size() >= kLongestLine) read = bytes.size();  // no line that anybody wants
  offset += read;
  return read;
}

}  // namespace templar
