#include "app/run/run_follower.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <vector>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "adapters/jsonl_metrics/thinning.h"
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

// Without the endings of what was moved aside or thinned: a file that nobody has written to since is there by
// these alone.
std::set<std::filesystem::path> metrics_files(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> files;
  for (const char* ending : {".jsonl", ".1", ".thinned"}) {
    for (std::filesystem::path file : files_in(folder, ending)) {
      if (file.extension() != ".jsonl") file.replace_extension();
      if (file.extension() == ".jsonl") files.insert(std::move(file));
    }
  }
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

// Which file it is, whatever its name, and its size, both of one moment; id 0: there is none.
struct FileState {
  uint64_t id = 0;
  uint64_t size = 0;
};
FileState state_of(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {};
  return {status.st_ino, static_cast<uint64_t>(status.st_size)};
}
uint64_t id_of(const std::filesystem::path& file) {
  return state_of(file).id;
}

int64_t unix_ms(std::optional<std::filesystem::file_time_type> time) {
  if (!time) return 0;
  const auto since_epoch = std::chrono::file_clock::to_sys(*time).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

}  // namespace

std::filesystem::path RunFollower::part_of(const std::filesystem::path& file, Followed::Part part) {
  if (part == Followed::Part::kThinned) return thinned_metrics_file(file);
  return part == Followed::Part::kMoved ? moved_metrics_file(file) : file;
}

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
  if (!has_spec && metrics_files(folder / "metrics").empty()) {
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
    metrics_.clear();
    logs_.clear();
    summary_time_ = spec_time_ = std::nullopt;
  }
  read_spec();
  const std::set<std::filesystem::path> metrics = metrics_files(folder_ / "metrics");
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
  const auto count = [this](const std::filesystem::path& file, uint64_t offset) {
    knowledge_.reading.done += offset;
    knowledge_.reading.total += std::max(size_of(file), offset);
  };
  for (const auto& [file, followed] : metrics_) {
    count(part_of(file, followed.part), followed.offset);
    // What comes after the part that is being read now.
    if (followed.part == Followed::Part::kThinned)
      knowledge_.reading.total += size_of(moved_metrics_file(file));
    if (followed.part != Followed::Part::kCurrent) knowledge_.reading.total += size_of(file);
  }
  for (const auto& [file, offset] : logs_) count(file, offset);
  read_summary();
  return read > 0;
}

void RunFollower::poll_all() {
  while (poll()) {
  }
}

// A file that has become shorter or is gone is another run's; so is one in whose place another has come, and
// that was not moved aside.
bool RunFollower::begun_anew() const {
  return std::ranges::any_of(metrics_, [](const auto& entry) {
    const auto& [file, followed] = entry;
    if (followed.file_id == 0) return false;
    const FileState now = state_of(part_of(file, followed.part));
    if (now.id == followed.file_id) return now.size < followed.offset;
    return followed.part != Followed::Part::kCurrent || id_of(moved_metrics_file(file)) != followed.file_id;
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
  using Part = Followed::Part;
  Followed& followed = metrics_[file];
  const std::string source = file.stem().string();
  const auto begin = [&](Part part) {
    followed = Followed{.part = part, .file_id = id_of(part_of(file, part)), .offset = 0};
  };
  if (followed.file_id == 0) begin(followed.part);
  uint64_t read = 0;
  for (;;) {
    std::filesystem::path part = part_of(file, followed.part);
    // Asked for before it is read: what is moved aside from now on has its end there.
    const bool was_moved =
        followed.part == Part::kCurrent && followed.file_id != 0 && id_of(part) != followed.file_id;
    if (was_moved) part = moved_metrics_file(file);
    // A file that came only now is begun the next time, when it is known which one it is.
    if (followed.file_id != 0 && read < max_bytes)
      read += read_metrics(part, source, followed.offset, max_bytes - read);
    if (followed.offset < size_of(part)) return read;  // the next time
    if (was_moved) {
      begin(Part::kCurrent);
    } else if (followed.part == Part::kCurrent) {
      return read;
    } else {
      begin(followed.part == Part::kThinned ? Part::kMoved : Part::kCurrent);
    }
    if (read >= max_bytes) return read;
  }
}

uint64_t RunFollower::read_metrics(const std::filesystem::path& part, const std::string& source,
                                   uint64_t& offset, uint64_t max_bytes) {
  auto page = read_jsonl_measurements(part, offset, max_bytes);
  // A line that does not fit is read whole, if it is one that a node could have written.
  if (!page) page = read_jsonl_measurements(part, offset, kLongestLine);
  if (!page) {
    if (size_of(part) < offset + kLongestLine) return 0;
    ++knowledge_.malformed_lines;
    offset += kLongestLine;
    return kLongestLine;
  }
  for (const Measurement& measurement : page->measurements) knowledge_.view.add(measurement, source);
  knowledge_.malformed_lines += page->malformed_lines;
  const uint64_t read = page->next_offset - offset;
  offset = page->next_offset;
  return read;
}

uint64_t RunFollower::follow_log(const std::filesystem::path& file, uint64_t max_bytes) {
  const uint64_t size = size_of(file);
  uint64_t& offset = logs_[file];
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
