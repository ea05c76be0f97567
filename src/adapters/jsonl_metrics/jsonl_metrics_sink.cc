#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

namespace templar {
namespace {

using Json = nlohmann::json;

std::string to_line(const Measurement& measurement) {
  Json fields = Json::object();
  for (const auto& [name, value] : measurement.fields) {
    std::visit([&](const auto& held) { fields[name] = held; }, value);
  }
  const Json line = {{"name", measurement.name},
                     {"tags", measurement.tags},
                     {"fields", std::move(fields)},
                     {"time_ns", measurement.time_ns}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<MetricValue> field_value(const Json& json) {
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (json.is_number_float()) return json.get<double>();
  if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()})
    return std::nullopt;
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_string()) return json.get<std::string>();
  return std::nullopt;
}

std::optional<Measurement> from_line(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("name") || !json.contains("tags") || !json.contains("fields") ||
      !json.contains("time_ns") || !json["name"].is_string() || !json["tags"].is_object() ||
      !json["fields"].is_object() || !json["time_ns"].is_number_integer()) {
    return std::nullopt;
  }
  Measurement measurement{.name = json["name"], .tags = {}, .fields = {}, .time_ns = json["time_ns"]};
  for (const auto& [name, value] : json["tags"].items()) {
    if (!value.is_string()) return std::nullopt;
    measurement.tags[name] = value;
  }
  for (const auto& [name, value] : json["fields"].items()) {
    std::optional<MetricValue> read = field_value(value);
    if (!read) return std::nullopt;
    measurement.fields[name] = std::move(*read);
  }
  return measurement;
}

std::unexpected<Error> file_error(const std::filesystem::path& path, int error) {
  return fatal_error("measurements " + path.string() + ": " + std::strerror(error));
}

}  // namespace

Result<std::unique_ptr<JsonlMetricsSink>> JsonlMetricsSink::open(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) return file_error(path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return file_error(path, errno);
  uint8_t last = '\n';
  if (S_ISREG(status.st_mode) && status.st_size > 0) {
    const ReadOutcome outcome = read_at(file.get(), static_cast<uint64_t>(status.st_size) - 1, {&last, 1});
    if (outcome.error != 0) return file_error(path, outcome.error);
  }
  return std::unique_ptr<JsonlMetricsSink>(new JsonlMetricsSink(std::move(file), last != '\n'));
}

void JsonlMetricsSink::write(Measurement measurement) {
  std::string line = to_line(measurement);
  const std::lock_guard lock(mutex_);
  if (torn_) line.insert(line.begin(), '\n');
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) {
    torn_ = false;
    return;
  }
  ++dropped_;
  if (written > 0) torn_ = line[static_cast<size_t>(written) - 1] != '\n';
}

void JsonlMetricsSink::flush() {
  const std::lock_guard lock(mutex_);
  // What write(2) took is in the system's hands and readers see it; a sync that fails loses it only in a
  // power cut.
  static_cast<void>(::fdatasync(file_.get()));
}

Result<JsonlPage> read_jsonl_measurements(const std::filesystem::path& path, uint64_t offset,
                                          size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return file_error(path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return file_error(path, errno);
  const auto size = static_cast<uint64_t>(status.st_size);
  JsonlPage page{.measurements = {}, .next_offset = offset, .malformed_lines = 0};
  if (offset >= size) return page;
  Bytes bytes(static_cast<size_t>(std::min<uint64_t>(size - offset, max_bytes)));
  const ReadOutcome outcome = read_at(file.get(), offset, bytes);
  if (outcome.error != 0) return file_error(path, outcome.error);
  std::string_view rest = as_text(ByteView(bytes).first(outcome.size));
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    page.next_offset += end + 1;
    if (line.empty()) continue;
    std::optional<Measurement> measurement = from_line(line);
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
