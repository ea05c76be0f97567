#include "node/window/standing_alarms.h"

#include <system_error>
#include <utility>

#include "base/files/file.h"
#include "base/json/json.h"
#include "base/json/json_fields.h"
#include "base/log/log.h"

namespace templar {
namespace {

constexpr size_t kMostAlarmBytes = size_t{1} << 20;

Result<AlarmsByKind> parse_alarms(std::string_view text) {
  TRY_ASSIGN(const Json json, parse_json(text));
  TRY_ASSIGN(JsonFields fields, JsonFields::of(json, "alarms"));
  TRY_ASSIGN(std::vector<JsonFields> rows, fields.objects("standing"));
  AlarmsByKind alarms;
  for (JsonFields& row : rows) {
    TRY_ASSIGN(const std::string name, row.text("kind"));
    StandingAlarm alarm;
    TRY_ASSIGN(alarm.window, row.integer("window"));
    TRY_ASSIGN(alarm.reason, row.text("reason"));
    const AlarmForm* form = find_alarm(name);
    if (form == nullptr) continue;  // of another version: whoever knows it not can't say when it ends
    alarm.kind = form->kind;
    alarms[alarm.kind] = std::move(alarm);
  }
  return alarms;
}

Result<AlarmsByKind> try_to_read_alarms(const std::filesystem::path& file) {
  std::error_code unknown;
  if (!std::filesystem::exists(file, unknown)) return AlarmsByKind();
  TRY_ASSIGN(const Bytes bytes, read_file(file, kMostAlarmBytes));
  return parse_alarms(as_text(bytes));
}

}  // namespace

AlarmsByKind read_alarms(const std::filesystem::path& file) {
  auto read = try_to_read_alarms(file);
  if (read) return *std::move(read);
  log(LogLevel::kWarning, "alarms", "what stood before can't be read: none stands",
      {{"file", file.string()}, {"reason", read.error().message}});
  return {};
}

Status write_alarms(const std::filesystem::path& file, const AlarmsByKind& alarms) {
  JsonList rows;
  for (const auto& [kind, alarm] : alarms) {
    rows.push_back(JsonObject{{"kind", name_of(kind)}, {"window", alarm.window}, {"reason", alarm.reason}});
  }
  const Json json = JsonObject{{"standing", std::move(rows)}};
  return write_file_atomically(file, to_text(json, {.indent = 2}) + "\n");
}

std::shared_ptr<StandingAlarms> StandingAlarms::open(const std::filesystem::path& file) {
  auto alarms = std::make_shared<StandingAlarms>();
  alarms->file_ = file;
  const MutexLock lock(alarms->mutex_);
  alarms->standing_ = read_alarms(file);
  return alarms;
}

int64_t StandingAlarms::begin(const StandingAlarm& alarm) {
  int64_t since = alarm.window;
  {
    const MutexLock lock(mutex_);
    const auto [found, is_new] = standing_.try_emplace(alarm.kind, alarm);
    since = found->second.window;
    if (!is_new && found->second.reason == alarm.reason) return since;
    found->second.reason = alarm.reason;
    keep();
  }
  const MutexLock lock(listening_);
  if (on_change_) on_change_();
  return since;
}

std::optional<StandingAlarm> StandingAlarms::end(AlarmKind kind) {
  std::optional<StandingAlarm> ended;
  {
    const MutexLock lock(mutex_);
    const auto found = standing_.find(kind);
    if (found == standing_.end()) return std::nullopt;
    ended = std::move(found->second);
    standing_.erase(found);
    keep();
  }
  const MutexLock lock(listening_);
  if (on_change_) on_change_();
  return ended;
}

std::optional<StandingAlarm> StandingAlarms::find(AlarmKind kind) const {
  const MutexLock lock(mutex_);
  const auto found = standing_.find(kind);
  if (found == standing_.end()) return std::nullopt;
  return found->second;
}

std::vector<StandingAlarm> StandingAlarms::all() const {
  const MutexLock lock(mutex_);
  std::vector<StandingAlarm> alarms;
  for (const auto& [kind, alarm] : standing_) alarms.push_back(alarm);
  return alarms;
}

void StandingAlarms::listen(std::function<void()> on_change) {
  const MutexLock lock(listening_);
  on_change_ = std::move(on_change);
}

void StandingAlarms::keep() {
  if (file_.empty()) return;
  const Status written = write_alarms(file_, standing_);
  if (written) {
    said_failure_ = false;
    return;
  }
  if (said_failure_) return;
  said_failure_ = true;
  log(LogLevel::kWarning, "alarms", "which alarms stand can't be kept: after a restart they are said again",
      {{"file", file_.string()}, {"reason", written.error().message}});
}

}  // namespace templar
