#include "adapters/loki/push_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/json/json.h"
#include "base/log/log_format.h"

namespace templar {

bool is_label_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

LokiLabels LokiStreams::labels_of(const LogEvent& event) {
  LokiLabels labels = common_;
  labels["level"] = name_of(event.level);
  labels["room"] = event.room;
  for (const LogField& field : event.fields) {
    if (field.name != "role" && field.name != "uid") continue;
    labels.try_emplace(field.name,
                       std::visit([](const auto& value) { return fmt::format("{}", value); }, field.value));
  }
  if (known_.contains(labels)) return labels;
  if (known_.size() < max_streams_) {
    known_.insert(labels);
    return labels;
  }
  labels = common_;
  labels["level"] = name_of(event.level);
  labels["room"] = "other";
  return labels;
}

std::string push_request(std::span<const LokiEntry> entries, LokiStreams& streams) {
  std::map<LokiLabels, JsonList> values;
  for (const LokiEntry& entry : entries) {
    values[streams.labels_of(entry.event)].push_back(
        JsonList{std::to_string(entry.time_ns), json_log_line(entry.event)});
  }
  JsonList streams_json;
  for (auto& [labels, of_stream] : values)
    streams_json.push_back(JsonObject{{"stream", labels}, {"values", std::move(of_stream)}});
  return to_text(JsonObject{{"streams", std::move(streams_json)}});
}

}  // namespace templar
