#include "app/run/fault_list.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/json/json.h"

namespace templar {
namespace {

constexpr std::pair<std::string_view, bool> kLevels[] = {
    {" W ", false}, {" E ", true}, {" warning ", false}, {" error ", true}};
constexpr size_t kMostGroups = 400;
constexpr size_t kLongestText = 400;
constexpr size_t kLongestPrefix = 40;  // of a text line: what stands before its message

std::string shortened(std::string_view text) {
  if (text.size() <= kLongestText) return std::string(text);
  return std::string(text.substr(0, kLongestText)) + " ...";
}

std::optional<int64_t> window_in_text(std::string_view text) {
  constexpr std::string_view kField = "window=";
  const size_t at = text.rfind(kField);
  if (at == std::string_view::npos) return std::nullopt;
  int64_t window = 0;
  const char* begin = text.data() + at + kField.size();
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), window);
  if (error != std::errc() || window < 0) return std::nullopt;
  return window;
}

bool ends_a_time(char c) {
  return c == 'Z' || std::isdigit(static_cast<unsigned char>(c)) != 0;
}

std::optional<LogFault> fault_in_object(std::string_view line) {
  const auto json = parse_json(line);
  if (!json || json->object() == nullptr) return std::nullopt;
  const auto text = [&json](const char* name) {
    const Json* found = json->find(name);
    return found != nullptr && found->text() != nullptr ? *found->text() : std::string();
  };
  const std::string level = text("level");
  if (level != "warning" && level != "warn" && level != "error" && level != "critical") return std::nullopt;
  LogFault fault{.is_error = level.front() != 'w', .text = {}, .window = {}};
  const std::string message = text("message");
  const std::string room = text("room");
  fault.text = shortened(room.empty() ? message : room + ": " + message);
  const Json* fields = json->find("fields");
  if (fields == nullptr) return fault;
  if (const Json* window = fields->find("window")) fault.window = window->integer();
  if (const Json* reason = fields->find("reason"); reason != nullptr && reason->text() != nullptr)
    fault.text = shortened(fault.text + ": " + *reason->text());
  return fault;
}

}  // namespace

void FaultList::add(RunFault fault, std::string_view group) {
  ++total_;
  const std::string key = fault.kind + '\n' + fault.source + '\n' + std::string(group);
  const auto known = ids_.find(key);
  if (known != ids_.end()) {
    RunFault& there = faults_[known->second];
    fault.count = there.count + 1;
    if (there.first_window) fault.first_window = there.first_window;
    if (!fault.last_window) fault.last_window = there.last_window;
    fault.time_ms = std::max(fault.time_ms, there.time_ms);
    there = std::move(fault);
    return;
  }
  fault.count = 1;
  ids_[key] = next_id_;
  faults_[next_id_++] = std::move(fault);
  if (faults_.size() <= kMostGroups) return;
  const auto oldest =
      std::ranges::min_element(faults_, {}, [](const auto& entry) { return entry.second.revision; });
  std::erase_if(ids_, [&](const auto& entry) { return entry.second == oldest->first; });
  faults_.erase(oldest);
}

std::string without_numbers(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (digit && !out.empty() && out.back() == '#') continue;
    out += digit ? '#' : c;
  }
  return out;
}

std::optional<LogFault> fault_in_log_line(std::string_view line) {
  if (line.starts_with('{')) return fault_in_object(line);
  if (line.starts_with("error: ")) return LogFault{true, shortened(line.substr(7)), window_in_text(line)};
  const std::string_view prefix = line.substr(0, kLongestPrefix);
  for (const auto& [word, is_error] : kLevels) {
    const size_t at = prefix.find(word);
    // The word must be the level that stands behind a time, not a part of some message.
    if (at == std::string_view::npos || at == 0 || !ends_a_time(prefix[at - 1])) continue;
    return LogFault{is_error, shortened(line.substr(at + word.size())), window_in_text(line)};
  }
  return std::nullopt;
}

}  // namespace templar
