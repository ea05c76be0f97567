#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/compile.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <expected>
#include <limits>
#include <utility>

#include "adapters/jsonl_metrics/thinning.h"
#include "base/files/descriptor.h"
#include "base/files/system_error.h"
#include "base/json/json_fields.h"
#include "base/log/log.h"

namespace templar {
namespace {

constexpr size_t kWriteBytes = size_t{256} << 10;
constexpr std::string_view kLineBegin = "{\"fields\":{";

void append_json_value(std::string& out, const MetricValue& value) {
  std::array<char, 32> digits;
  const auto append_number = [&](auto number) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
  };
  if (const auto* text = std::get_if<std::string>(&value)) return append_json_text(out, *text);
  if (const auto* integer = std::get_if<int64_t>(&value)) return append_number(*integer);
  const double number = std::get<double>(value);
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  const size_t start = out.size();
  append_number(number);
  // A float stays one when it is read back, also where it is a whole number.
  if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
}

Result<MetricValue> value_of(const JsonFields& fields, const JsonMember& field) {
  const Json& json = field.value;
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (const auto integer = json.integer()) return *integer;
  if (json.count()) return fields.error(field.name, "must be an integer of 64 bits");
  if (const auto number = json.number()) return *number;
  if (json.text() != nullptr) return *json.text();
  return fields.error(field.name, "must be a number or text");
}

// Other fields than a measurement's four are passed over.
Result<Measurement> from_line(std::string_view line) {
  TRY_ASSIGN(const Json json, parse_json(line));
  TRY_ASSIGN(JsonFields fields, JsonFields::of(json, "measurement"));
  Measurement measurement;
  TRY_ASSIGN(measurement.name, fields.text("name"));
  TRY_ASSIGN(measurement.time_ns, fields.integer("time_ns"));
  TRY_ASSIGN(const JsonObject* tags, fields.members("tags"));
  for (const JsonMember& tag : *tags) {
    if (tag.value.text() == nullptr) return fields.error(tag.name, "must be text");
    measurement.tags[tag.name] = *tag.value.text();
  }
  TRY_ASSIGN(const JsonObject* values, fields.members("fields"));
  for (const JsonMember& field : *values) {
    TRY_ASSIGN(measurement.fields[field.name], value_of(fields, field));
  }
  return measurement;
}

struct AppendedFile {
  Descriptor file;
  bool is_regular = false;
  uint64_t size_bytes = 0;
  bool is_torn = false;  // its last line has no end
};

// Or the errno.
std::expected<AppendedFile, int> open_appended(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return std::unexpected(errno);
  uint8_t last = '\n';
  if (S_ISREG(status.st_mode) && status.st_size > 0) {
    const ReadOutcome outcome = read_at(file.get(), static_cast<uint64_t>(status.st_size) - 1, {&last, 1});
    if (outcome.error != 0) return std::unexpected(outcome.error);
  }
  return AppendedFile{.file = std::move(file),
                      .is_regular = S_ISREG(status.st_mode),
                      .size_bytes = static_cast<uint64_t>(status.st_size),
                      .is_torn = last != '\n'};
}

std::unexpected<Error> measurements_error(const std::filesystem::path& path, int error) {
  return system_error("measurements " + path.string(), error);
}

// Whether it begins as append_measurement_line lets a file begin, perhaps with a torn line.
Result<bool> holds_measurements(const std::filesystem::path& path, const AppendedFile& appended) {
  if (!appended.is_regular || appended.size_bytes == 0) return true;
  std::array<uint8_t, kLineBegin.size()> begin{};
  const ReadOutcome outcome = read_at(appended.file.get(), 0, begin);
  if (outcome.error != 0) return measurements_error(path, outcome.error);
  return kLineBegin.starts_with(as_text({begin.data(), outcome.size}));
}

}  // namespace

// As to_text() writes it but for numbers, at a fraction of the cost: the measurements of a whole node pass
// here.
void append_measurement_line(std::string& out, const Measurement& measurement) {
  out += kLineBegin;
  const char* separator = "";
  for (const auto& [name, value] : measurement.fields) {
    out += std::exchange(separator, ",");
    append_json_text(out, name);
    out += ':';
    append_json_value(out, value);
  }
  out += "},\"name\":";
  append_json_text(out, measurement.name);
  out += ",\"tags\":{";
  separator = "";
  for (const auto& [name, value] : measurement.tags) {
    out += std::exchange(separator, ",");
    append_json_text(out, name);
    out += ':';
    append_json_text(out, value);
  }
  out += fmt::format(FMT_COMPILE("}},\"time_ns\":{}}}\n"), measurement.time_ns);
}

Result<std::unique_ptr<JsonlMetricsSink>> JsonlMetricsSink::open(const std::filesystem::path& path,
                                                                 uint64_t max_bytes) {
  const auto file = open_appended(path);
  if (!file) return measurements_error(path, file.error());
  TRY_ASSIGN(const bool is_ours, holds_measurements(path, *file));
  if (!is_ours) {
    return fatal_error(fmt::format(
        "measurements {}: the file holds something else: name another one, or move it away", path.string()));
  }
  return std::unique_ptr<JsonlMetricsSink>(new JsonlMetricsSink(path, max_bytes));
}

void JsonlMetricsSink::write(std::span<const Measurement> measurements) {
  const MutexLock lock(mutex_);
  for (const Measurement& measurement : measurements) {
    append_measurement_line(held_, measurement);
    if (held_.size() >= kWriteBytes && !failing_) write_held();
  }
  if (!held_.empty()) write_held();
}

void JsonlMetricsSink::write_held() {
  const auto file = open_appended(path_);
  if (!file) return hold_back(file.error());
  if (file->is_torn && ::write(file->file.get(), "\n", 1) != 1) return hold_back(errno);
  const ssize_t outcome = ::write(file->file.get(), held_.data(), held_.size());
  const int error = outcome < 0 ? errno : ENOSPC;
  const size_t written = outcome > 0 ? static_cast<size_t>(outcome) : 0;
  if (written == held_.size()) {
    if (std::exchange(failing_, false))
      log(LogLevel::kWarning, "metrics", "measurements are written again", {{"file", path_.string()}});
    held_.clear();
    return rotate_if_large(file->size_bytes + written);
  }
  // A line that was written in part is written again, whole; what is torn of it is ended before that.
  held_.erase(0, held_.rfind('\n', written == 0 ? 0 : written - 1) + 1);
  hold_back(error);
}

void JsonlMetricsSink::rotate_if_large(uint64_t size_bytes) {
  if (max_bytes_ == 0 || size_bytes < rotate_at_bytes_) return;
  const Status rotated = rotate_metrics(path_, max_bytes_);
  // Where it can't be done now, it grows for another while.
  rotate_at_bytes_ = rotated ? max_bytes_ : size_bytes + max_bytes_;
  if (!rotated)
    log(LogLevel::kWarning, "metrics", "a file of measurements can't be thinned now",
        {{"file", path_.string()}, {"reason", rotated.error().message}});
}

void JsonlMetricsSink::hold_back(int error) {
  if (!std::exchange(failing_, true)) {
    log(LogLevel::kWarning, "metrics", "measurements can't be written now: held back until they can",
        {{"file", path_.string()}, {"reason", system_message(error)}});
  }
  if (held_.size() <= kMostHeldBytes) return;
  const size_t kept_from = held_.find('\n', held_.size() - kMostHeldBytes) + 1;
  dropped_ += static_cast<uint64_t>(std::ranges::count(std::string_view(held_).substr(0, kept_from), '\n'));
  held_.erase(0, kept_from);
}

void JsonlMetricsSink::flush() {
  const MutexLock lock(mutex_);
  if (!held_.empty()) write_held();
  // What write(2) took is in the system's hands and readers see it; a sync that fails loses it only in a
  // power cut.
  if (const auto file = open_appended(path_)) static_cast<void>(::fdatasync(file->file.get()));
}

Result<JsonlPage> read_jsonl_measurements(const std::filesystem::path& path, uint64_t offset,
                                          size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return measurements_error(path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return measurements_error(path, errno);
  const auto size = static_cast<uint64_t>(status.st_size);
  JsonlPage page{.measurements = {}, .next_offset = offset, .malformed_lines = 0};
  if (offset >= size) return page;
  Bytes bytes(static_cast<size_t>(std::min<uint64_t>(size - offset, max_bytes)));
  const ReadOutcome outcome = read_at(file.get(), offset, bytes);
  if (outcome.error != 0) return measurements_error(path, outcome.error);
  std::string_view rest = as_text(ByteView(bytes).first(outcome.size));
  // Only whole lines: the writer may be in the middle of the last one, which the next page begins with.
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    page.next_offset += end + 1;
    if (line.empty()) continue;
    Result<Measurement> measurement = from_line(line);
    if (measurement) page.measurements.push_back(std::move(*measurement));
    if (!measurement) ++page.malformed_lines;
  }
  if (page.next_offset == offset && outcome.size == max_bytes) {
    return fatal_error("measurements " + path.string() + ": the line at byte " + std::to_string(offset) +
                       " is longer than " + std::to_string(max_bytes) + " bytes");
  }
  return page;
}

}  // namespace templar
