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
#include <cstring>
#include <limits>
#include <utility>

#include "base/json/json_fields.h"

namespace templar {
namespace {

constexpr size_t kWriteBytes = size_t{256} << 10;

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

// As to_text() writes it but for numbers, at a fraction of the cost: the measurements of a whole node pass
// here.
void append_line(std::string& out, const Measurement& measurement) {
  out += "{\"fields\":{";
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

std::unexpected<Error> measurements_error(const std::filesystem::path& path, int error) {
  return fatal_error("measurements " + path.string() + ": " + std::strerror(error));
}

}  // namespace

Result<std::unique_ptr<JsonlMetricsSink>> JsonlMetricsSink::open(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) return measurements_error(path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return measurements_error(path, errno);
  uint8_t last = '\n';
  if (S_ISREG(status.st_mode) && status.st_size > 0) {
    const ReadOutcome outcome = read_at(file.get(), static_cast<uint64_t>(status.st_size) - 1, {&last, 1});
    if (outcome.error != 0) return measurements_error(path, outcome.error);
  }
  return std::unique_ptr<JsonlMetricsSink>(new JsonlMetricsSink(std::move(file), last != '\n'));
}

void JsonlMetricsSink::write(std::span<const Measurement> measurements) {
  std::string lines;
  const MutexLock lock(mutex_);
  for (const Measurement& measurement : measurements) {
    append_line(lines, measurement);
    if (lines.size() >= kWriteBytes) write_lines(lines);
  }
  if (!lines.empty()) write_lines(lines);
}

// Empties `lines`.
void JsonlMetricsSink::write_lines(std::string& lines) {
  const bool ends_torn = torn_;
  if (ends_torn) lines.insert(lines.begin(), '\n');
  const ssize_t outcome = ::write(file_.get(), lines.data(), lines.size());
  const size_t written = outcome > 0 ? static_cast<size_t>(outcome) : 0;
  // What the disk did not take whole is lost; what is torn is ended before the next line.
  if (written > 0) torn_ = lines[written - 1] != '\n';
  dropped_ += static_cast<uint64_t>(std::ranges::count(std::string_view(lines).substr(written), '\n'));
  if (ends_torn && written == 0) --dropped_;  // the end of the line before is no measurement
  lines.clear();
}

void JsonlMetricsSink::flush() {
  const MutexLock lock(mutex_);
  // What write(2) took is in the system's hands and readers see it; a sync that fails loses it only in a
  // power cut.
  static_cast<void>(::fdatasync(file_.get()));
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
