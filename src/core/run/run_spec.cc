#include "core/run/run_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/run/run_spec_fields.h"

namespace templar {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

std::unexpected<Error> field_error(std::string_view path, std::string_view what) {
  return fatal_error(fmt::format("run spec: {}: {}", path, what));
}

Json::json_pointer pointer_to(std::string_view path) {
  std::string text = "/" + std::string(path);
  for (char& c : text) {
    if (c == '.') c = '/';
  }
  return Json::json_pointer(text);
}

template <typename Enum, size_t N>
std::string choice_names(const std::array<NamedValue<Enum>, N>& choices) {
  std::string names;
  for (const auto& choice : choices) names += (names.empty() ? "" : " | ") + std::string(choice.name);
  return names;
}

// Reads each field out of a JSON document; remembers the first error and which paths are known.
struct JsonReader {
  const Json& document;
  std::set<std::string> known{};
  Status status{};

  const Json* find(const char* path) {
    known.insert(path);
    if (!status) return nullptr;
    const auto pointer = pointer_to(path);
    if (document.contains(pointer)) return &document.at(pointer);
    status = field_error(path, "missing");
    return nullptr;
  }
  void refuse(const char* path, std::string_view what) {
    if (status) status = field_error(path, what);
  }
  void integer(const char* path, int64_t& place, int64_t, int64_t, const char*) {
    const Json* value = find(path);
    if (value == nullptr) return;
    const bool fits =
        value->is_number_integer() && !(value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX);
    if (!fits) return refuse(path, "must be an integer");
    place = value->get<int64_t>();
  }
  void number(const char* path, double& place, double, double, const char*) {
    const Json* value = find(path);
    if (value == nullptr) return;
    if (!value->is_number()) return refuse(path, "must be a number");
    place = value->get<double>();
  }
  void seed(const char* path, uint64_t& place, const char*) {
    const Json* value = find(path);
    if (value == nullptr) return;
    if (!value->is_number_unsigned()) return refuse(path, "must be an integer from 0 to 2^64 - 1");
    place = value->get<uint64_t>();
  }
  void flag(const char* path, bool& place, const char*) {
    const Json* value = find(path);
    if (value == nullptr) return;
    if (!value->is_boolean()) return refuse(path, "must be true or false");
    place = value->get<bool>();
  }
  void text(const char* path, std::string& place, const char*) {
    const Json* value = find(path);
    if (value == nullptr) return;
    if (!value->is_string()) return refuse(path, "must be text");
    place = value->get<std::string>();
  }
  template <typename Enum, size_t N>
  void choice(const char* path, Enum& place, const std::array<NamedValue<Enum>, N>& choices, const char*) {
    const Json* value = find(path);
    if (value == nullptr) return;
    for (const auto& candidate : choices) {
      if (value->is_string() && value->get_ref<const std::string&>() == candidate.name) {
        place = candidate.value;
        return;
      }
    }
    refuse(path, "must be one of " + choice_names(choices));
  }
};

template <typename JsonType>
struct JsonWriter {
  JsonType document = JsonType::object();

  template <typename T>
  void write(std::string_view path, const T& value) {
    const size_t dot = path.find('.');
    if (dot == std::string_view::npos) {
      document[std::string(path)] = value;
    } else {
      document[std::string(path.substr(0, dot))][std::string(path.substr(dot + 1))] = value;
    }
  }
  void integer(const char* path, int64_t value, int64_t, int64_t, const char*) { write(path, value); }
  void number(const char* path, double value, double, double, const char*) { write(path, value); }
  void seed(const char* path, uint64_t value, const char*) { write(path, value); }
  void flag(const char* path, bool value, const char*) { write(path, value); }
  void text(const char* path, const std::string& value, const char*) { write(path, value); }
  template <typename Enum, size_t N>
  void choice(const char* path, Enum value, const std::array<NamedValue<Enum>, N>& choices, const char*) {
    for (const auto& candidate : choices) {
      if (candidate.value == value) write(path, std::string(candidate.name));
    }
  }
};

struct RangeChecker {
  Status status{};

  template <typename T>
  void in_range(const char* path, T value, T lowest, T highest) {
    const bool inside = value >= lowest && value <= highest;  // false for NaN
    if (!inside && status)
      status = field_error(path, fmt::format("{} is out of range {} .. {}", value, lowest, highest));
  }
  void integer(const char* path, int64_t value, int64_t lowest, int64_t highest, const char*) {
    in_range(path, value, lowest, highest);
  }
  void number(const char* path, double value, double lowest, double highest, const char*) {
    in_range(path, value, lowest, highest);
  }
  void seed(const char*, uint64_t, const char*) {}
  void flag(const char*, bool, const char*) {}
  void text(const char* path, const std::string& value, const char*) {
    if (value.size() > 256 && status) status = field_error(path, "longer than 256 bytes");
  }
  template <typename Enum, size_t N>
  void choice(const char*, Enum, const std::array<NamedValue<Enum>, N>&, const char*) {}
};

struct Documenter {
  std::vector<FieldDocumentation> fields;

  void integer(const char* path, int64_t, int64_t lowest, int64_t highest, const char* effect) {
    fields.push_back({path, "integer", fmt::format("{} .. {}", lowest, highest), effect});
  }
  void number(const char* path, double, double lowest, double highest, const char* effect) {
    fields.push_back({path, "number", fmt::format("{} .. {}", lowest, highest), effect});
  }
  void seed(const char* path, uint64_t, const char* effect) {
    fields.push_back({path, "integer", "0 .. 2^64 - 1", effect});
  }
  void flag(const char* path, bool, const char* effect) {
    fields.push_back({path, "true | false", "", effect});
  }
  void text(const char* path, const std::string&, const char* effect) {
    fields.push_back({path, "text", "", effect});
  }
  template <typename Enum, size_t N>
  void choice(const char* path, Enum, const std::array<NamedValue<Enum>, N>& choices, const char* effect) {
    fields.push_back({path, choice_names(choices), "", effect});
  }
};

Status refuse_unknown(const Json& document, const std::set<std::string>& known) {
  for (const auto& [section, content] : document.items()) {
    if (!content.is_object()) {
      if (!known.contains(section))
        return field_error(section, "unknown field; `templar run fields` lists them all");
      continue;
    }
    for (const auto& [field, value] : content.items()) {
      const std::string path = section + "." + field;
      if (!known.contains(path))
        return field_error(path, "unknown field; `templar run fields` lists them all");
    }
  }
  return {};
}

Status validate_model(const ModelSpec& model) {
  if (model.hidden_size % model.num_attention_heads != 0)
    return field_error(
        "model.num_attention_heads",
        fmt::format("{} does not divide model.hidden_size {}", model.num_attention_heads, model.hidden_size));
  if (model.head_dim() % 2 != 0)
    return field_error(
        "model.num_attention_heads",
        fmt::format("gives heads of {} elements; rotary embeddings need an even number", model.head_dim()));
  if (model.num_attention_heads % model.num_key_value_heads != 0)
    return field_error("model.num_key_value_heads",
                       fmt::format("{} does not divide model.num_attention_heads {}",
                                   model.num_key_value_heads, model.num_attention_heads));
  return {};
}

Status validate_bootstrap(const BootstrapSpec& bootstrap) {
  if (bootstrap.bucket.empty() && (bootstrap.window != 0 || !bootstrap.state_root.empty()))
    return field_error("bootstrap.bucket", "must be given where another bootstrap field is");
  if (!bootstrap.bucket.empty() && !parse_hash256(bootstrap.state_root))
    return field_error("bootstrap.state_root", "must be 64 lower-case hexadecimal digits");
  return {};
}

}  // namespace

Status validate(const RunSpec& spec) {
  RangeChecker ranges;
  visit_fields(spec, ranges);
  TRY(ranges.status);
  TRY(validate_model(spec.model));
  if (spec.name.empty()) return field_error("name", "must not be empty");
  if (spec.inner.warmup_steps > spec.inner.schedule_steps)
    return field_error("inner.warmup_steps", fmt::format("{} is more than inner.schedule_steps {}",
                                                         spec.inner.warmup_steps, spec.inner.schedule_steps));
  if (spec.algorithm == Algorithm::kDemo && spec.inner.steps != 1)
    return field_error("inner.steps", "must be 1 where algorithm is demo: a window is one gradient");
  if (spec.codec.quantiser == Quantiser::kBlockLog && spec.codec.quantiser_bins > kMaxBlockLogBins)
    return field_error("codec.quantiser_bins",
                       fmt::format("must be at most {} for block_log", kMaxBlockLogBins));
  if (spec.codec.quantiser_bins % 2 != 0) return field_error("codec.quantiser_bins", "must be even");
  if (spec.network.contribution_retention_windows <= spec.network.checkpoint_interval)
    return field_error(
        "network.contribution_retention_windows",
        "must be more than network.checkpoint_interval, or nobody could catch up from a checkpoint");
  if (spec.network.peer_list_window_margin > spec.network.peer_replacement_frequency)
    return field_error("network.peer_list_window_margin",
                       "must be at most network.peer_replacement_frequency");
  if (!spec.data.manifest_hash.empty() && !parse_hash256(spec.data.manifest_hash))
    return field_error("data.manifest_hash", "must be empty or 64 lower-case hexadecimal digits");
  return validate_bootstrap(spec.bootstrap);
}

Result<RunSpec> parse_run_spec(std::string_view text) {
  const Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded()) return fatal_error("run spec: not valid JSON");
  if (!document.is_object()) return fatal_error("run spec: must be a JSON object");
  RunSpec spec;
  JsonReader reader{document};
  visit_fields(spec, reader);
  TRY(refuse_unknown(document, reader.known));
  TRY(reader.status);
  TRY(validate(spec));
  return spec;
}

std::string canonical_json(const RunSpec& spec) {
  JsonWriter<Json> writer;
  visit_fields(spec, writer);
  return writer.document.dump();
}

std::string pretty_json(const RunSpec& spec) {
  JsonWriter<OrderedJson> writer;
  visit_fields(spec, writer);
  return writer.document.dump(2) + "\n";
}

Hash256 run_id(const RunSpec& spec) {
  return blake2b_256(as_bytes(canonical_json(spec)));
}

Status set_field(RunSpec& spec, std::string_view path, std::string_view text) {
  JsonWriter<Json> writer;
  visit_fields(spec, writer);
  const std::vector<FieldDocumentation> fields = run_spec_fields();
  if (std::ranges::find(fields, path, &FieldDocumentation::path) == fields.end()) {
    return field_error(path, "unknown field; `templar run fields` lists them all");
  }
  Json& value = writer.document.at(pointer_to(path));
  const Json parsed = Json::parse(text, nullptr, false);
  value = value.is_string() || parsed.is_discarded() ? Json(std::string(text)) : parsed;
  const bool is_utf8 = Json::parse(value.dump(-1, ' ', false, Json::error_handler_t::replace)) == value;
  if (!is_utf8) return field_error(path, "must be UTF-8");
  TRY_ASSIGN(spec, parse_run_spec(writer.document.dump()));
  return {};
}

std::vector<FieldDocumentation> run_spec_fields() {
  Documenter documenter;
  const RunSpec spec;
  visit_fields(spec, documenter);
  return std::move(documenter.fields);
}

}  // namespace templar
