#include "adapters/prometheus/exposition.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/utf8.h"

namespace templar {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string name_part(std::string_view text) {
  std::string name(text);
  for (char& c : name) {
    if (!is_letter(c) && !is_digit(c)) c = '_';
  }
  return name;
}

// Names that begin with two underscores are Prometheus' own.
std::string label_name(std::string_view tag) {
  std::string name = name_part(tag);
  const bool taken = name.empty() || is_digit(name.front()) || name.starts_with("__");
  return taken ? "tag_" + name : name;
}

std::string label_value(std::string_view text) {
  std::string value;
  for (const char c : valid_utf8(text)) {
    if (c == '\\' || c == '"') value += '\\';
    if (c == '\n') {
      value += "\\n";
    } else {
      value += c;
    }
  }
  return value;
}

std::string help_text(std::string_view text) {
  std::string help;
  for (const char c : valid_utf8(text)) {
    if (c == '\\') help += '\\';
    if (c == '\n') {
      help += "\\n";
    } else {
      help += c;
    }
  }
  return help;
}

// name="value",... of each tag; of two tags that become the same label the last counts.
std::string labels_of(const std::map<std::string, std::string>& tags) {
  std::map<std::string, std::string> labels;
  for (const auto& [tag, value] : tags) labels[label_name(tag)] = label_value(value);
  std::string text;
  for (const auto& [name, value] : labels)
    text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, value);
  return text;
}

// A name does not say what kind of metric it is, unless many of them: "_summary_" becomes "_summaries_".
std::string without_kinds(std::string name) {
  static constexpr std::array<std::array<std::string_view, 2>, 4> kKinds = {
      {{"summary", "summaries"}, {"counter", "counters"}, {"gauge", "gauges"}, {"histogram", "histograms"}}};
  for (const auto& [kind, many] : kKinds) {
    for (size_t at = name.find(kind); at != std::string::npos; at = name.find(kind, at + many.size())) {
      const size_t end = at + kind.size();
      const bool is_word = (at == 0 || name[at - 1] == '_') && (end == name.size() || name[end] == '_');
      if (is_word) name.replace(at, kind.size(), many);
    }
  }
  return name;
}

// What a metric is called, and what its values are multiplied by.
struct Convention {
  std::string name;
  double factor = 1;
};

Convention convention_of(const std::string& measurement, const std::string& field) {
  std::string name = without_kinds("templar_" + name_part(measurement) + "_" + name_part(field));
  if (name.ends_with("_ms")) return {name.substr(0, name.size() - 2) + "seconds", 1e-3};
  if (name.ends_with("_s")) return {name + "econds", 1};
  for (const std::string_view ending : {"_total", "_count", "_sum", "_bucket"}) {
    if (name.ends_with(ending)) return {name + "_value", 1};
  }
  return {name, 1};
}

std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string line_of(const std::string& name, const std::string& labels, const std::string& value) {
  return labels.empty() ? fmt::format("{} {}\n", name, value)
                        : fmt::format("{}{{{}}} {}\n", name, labels, value);
}

struct Metric {
  std::string help;
  std::map<std::string, std::string> values;  // by labels
};

}  // namespace

void Exposition::observe(const Measurement& measurement) {
  Tags tags;
  for (const auto& [name, value] : measurement.tags) {
    const bool left_out = options_.left_out_tags.contains(name) ||
                          (!options_.left_out_prefix.empty() && name.starts_with(options_.left_out_prefix));
    if (!left_out) tags.emplace_hint(tags.end(), name, value);
  }
  const MutexLock lock(mutex_);
  Fields* known = nullptr;
  if (const auto by_name = newest_.find(measurement.name); by_name != newest_.end()) {
    const auto by_tags = by_name->second.find(tags);
    if (by_tags != by_name->second.end()) known = &by_tags->second;
  }
  for (const auto& [name, value] : measurement.fields) {
    if (std::holds_alternative<std::string>(value)) continue;
    const Number number = std::holds_alternative<int64_t>(value) ? Number(std::get<int64_t>(value))
                                                                 : Number(std::get<double>(value));
    if (known != nullptr) {
      if (const auto place = known->find(name); place != known->end()) {
        place->second = number;
        continue;
      }
    }
    if (series_ >= options_.max_series) {
      ++left_out_;
      continue;
    }
    if (known == nullptr) known = &newest_[measurement.name][tags];
    known->emplace(name, number);
    ++series_;
  }
}

std::string Exposition::text() const {
  std::map<std::string, std::map<Tags, Fields>> newest;
  {
    const MutexLock lock(mutex_);
    newest = newest_;
  }
  std::map<std::string, Metric> metrics;
  for (const auto& [measurement, by_tags] : newest) {
    for (const auto& [tags, fields] : by_tags) {
      const std::string labels = labels_of(tags);
      for (const auto& [field, number] : fields) {
        const Convention convention = convention_of(measurement, field);
        Metric& metric = metrics[convention.name];
        if (metric.help.empty())
          metric.help =
              fmt::format("Newest {} of the measurement {}.", help_text(field), help_text(measurement));
        const bool exact = convention.factor == 1 && std::holds_alternative<int64_t>(number);
        metric.values[labels] =
            exact ? fmt::format("{}", std::get<int64_t>(number))
                  : value_text(std::visit([&](auto n) { return static_cast<double>(n) * convention.factor; },
                                          number));
      }
    }
  }
  std::string text;
  for (const auto& [name, metric] : metrics) {
    text += fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name, metric.help, name);
    for (const auto& [labels, value] : metric.values) text += line_of(name, labels, value);
  }
  return text;
}

uint64_t Exposition::series() const {
  const MutexLock lock(mutex_);
  return series_;
}

uint64_t Exposition::left_out() const {
  const MutexLock lock(mutex_);
  return left_out_;
}

std::string exposed(const OwnMetric& metric) {
  std::string text =
      fmt::format("# HELP {} {}\n# TYPE {} {}\n", metric.name, metric.help, metric.name, metric.kind);
  for (const auto& [labels, value] : metric.values)
    text += line_of(metric.name, labels, fmt::format("{}", value));
  return text;
}

}  // namespace templar
