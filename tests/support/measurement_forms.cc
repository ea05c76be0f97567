#include "support/measurement_forms.h"

#include <algorithm>

namespace templar::testing {
namespace {

std::string replaced(std::string_view text, std::string_view mark, std::string_view by) {
  const size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::string(text);
  return std::string(text.substr(0, at)) + std::string(by) + std::string(text.substr(at + mark.size()));
}

// gpu_12_name is what the list calls gpu_<n>_name.
std::string listed_name(const std::string& name) {
  if (!name.starts_with("gpu_")) return name;
  const size_t end = name.find_first_not_of("0123456789", 4);
  return end == 4 || end == std::string::npos ? name : "gpu_<n>" + name.substr(end);
}

const FieldForm* find_field(const MeasurementForm& form, const std::string& name, bool tag) {
  const auto found = std::ranges::find_if(form.fields, [&](const FieldForm& field) {
    if ((field.kind == FieldKind::kTag) != tag) return false;
    return field.name == listed_name(name) || std::ranges::count(names_of(field), name) > 0;
  });
  return found == form.fields.end() ? nullptr : &*found;
}

bool has_kind(const MetricValue& value, FieldKind kind) {
  return (kind == FieldKind::kInteger && std::holds_alternative<int64_t>(value)) ||
         (kind == FieldKind::kFloat && std::holds_alternative<double>(value)) ||
         (kind == FieldKind::kText && std::holds_alternative<std::string>(value));
}

MetricValue example(const FieldForm& field, const std::string& name) {
  if (field.kind == FieldKind::kInteger) return int64_t{1};
  if (field.kind == FieldKind::kFloat) return 1.0;
  return name;
}

}  // namespace

std::vector<std::string> names_of(const FieldForm& field) {
  if (field.name.find("<phase>") == std::string_view::npos) return {replaced(field.name, "<n>", "0")};
  std::vector<std::string> names;
  for (const std::string_view phase : kWindowPhases) names.push_back(replaced(field.name, "<phase>", phase));
  return names;
}

std::vector<std::string> names_of(const MeasurementForm& form) {
  std::vector<std::string> all;
  for (const FieldForm& tag : kStandardTags) all.emplace_back(tag.name);
  for (const FieldForm& field : form.fields) std::ranges::move(names_of(field), std::back_inserter(all));
  return all;
}

Measurement filled_measurement(const MeasurementForm& form) {
  Measurement measurement{.name = std::string(form.name),
                          .tags = {{"run", "1"}, {"role", "miner"}, {"uid", "1"}},
                          .fields = {},
                          .time_ns = 1'000'000'000};
  for (const FieldForm& field : form.fields) {
    for (const std::string& name : names_of(field)) {
      if (field.kind == FieldKind::kTag) {
        measurement.tags[name] = name.ends_with("uid") ? "1" : name;
      } else {
        measurement.fields[name] = example(field, name);
      }
    }
  }
  return measurement;
}

std::string misfits_of(const Measurement& measurement) {
  const MeasurementForm* form = find_measurement(measurement.name);
  if (form == nullptr) return measurement.name + " is not listed; ";
  std::string said;
  const auto say = [&](std::string_view name, std::string_view what) {
    said += measurement.name + ": " + std::string(name) + ' ' + std::string(what) + "; ";
  };
  for (const auto& [name, value] : measurement.fields) {
    const FieldForm* field = find_field(*form, name, /*tag=*/false);
    if (field == nullptr) {
      say(name, "is not listed as a field");
    } else if (!has_kind(value, field->kind)) {
      say(name, "is of another kind than listed");
    }
  }
  for (const auto& [name, value] : measurement.tags) {
    const bool standard = std::ranges::find(kStandardTags, name, &FieldForm::name) != kStandardTags.end();
    if (!standard && find_field(*form, name, /*tag=*/true) == nullptr) say(name, "is not listed as a tag");
  }
  for (const FieldForm& field : form->fields) {
    const std::string name(field.name);
    if (field.presence == FieldPresence::kSometimes) continue;
    const bool there =
        field.kind == FieldKind::kTag ? measurement.tags.contains(name) : measurement.fields.contains(name);
    if (!there) say(name, "is missing");
  }
  return said;
}

}  // namespace templar::testing
