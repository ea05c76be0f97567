#include "core/run/run_spec.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/json/json_fields.h"
#include "base/utf8.h"
#include "core/run/run_spec_fields.h"

namespace templar {
namespace {

std::unexpected<Error> field_error(std::string_view path, std::string_view what) {
  return fatal_error(fmt::format("run spec: {}: {}", path, what));
}

// The path's place in a document of two levels, made if it is not there.
Json& place_of(Json& document, std::string_view path) {
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return document[path];
  return document[path.substr(0, dot)][path.substr(dot + 1)];
}

template <typename Enum, size_t N>
std::string choice_names(const std::array<NamedValue<Enum>, N>& choices) {
  std::string names;
  for (const auto& choice : choices) names += (names.empty() ? "" : " | ") + std::string(choice.name);
  return names;
}

// Reads each field; remembers the first error. Ranges are RangeChecker's.
struct FieldReader {
  JsonFields& fields;
  Status status{};
  bool optional = false;

  void begin_optional() { optional = true; }
  [[nodiscard]] bool left_out(const char* path) const { return optional && !fields.has(path); }
  template <typename T>
  void take(Result<T> value, T& place) {
    if (value) {
      place = std::move(*value);
    } else if (status) {
      status = std::unexpected(std::move(value).error());
    }
  }
  void integer(const char* path, int64_t& place, int64_t, int64_t, const char*) {
    if (!left_out(path)) take(fields.integer(path), place);
  }
  void number(const char* path, double& place, double, double, const char*) {
    if (!left_out(path)) take(fields.number(path), place);
  }
  void seed(const char* path, uint64_t& place, const char*) { take(fields.count(path), place); }
  void flag(const char* path, bool& place, const char*) {
    if (!left_out(path)) take(fields.flag(path), place);
  }
  void text(const char* path, std::string& place, const char*) {
    if (!left_out(path)) take(fields.text(path), place);
  }
  template <typename Enum, size_t N>
  void choice(const char* path, Enum& place, const std::array<NamedValue<Enum>, N>& choices, const char*) {
    const auto find_choice = [&]() -> Result<Enum> {
      TRY_ASSIGN(const Json* value, fields.value(path));
      for (const auto& candidate : choices) {
        if (*value == candidate.name) return candidate.value;
      }
      return fields.error(path, "must be one of " + choice_names(choices));
    };
    if (!left_out(path)) take(find_choice(), place);
  }
};

struct FieldWriter {
  Json document{};
  std::vector<std::string> optional_paths{};
  bool optional = false;

  void begin_optional() { optional = true; }
  [[nodiscard]] Json& place(const char* path) {
    if (optional) optional_paths.emplace_back(path);
    return place_of(document, path);
  }
  void integer(const char* path, int64_t value, int64_t, int64_t, const char*) { place(path) = value; }
  void number(const char* path, double value, double, double, const char*) { place(path) = value; }
  void seed(const char* path, uint64_t value, const char*) { place(path) = value; }
  void flag(const char* path, bool value, const char*) { place(path) = value; }
  void text(const char* path, const std::string& value, const char*) { place(path) = value; }
  template <typename Enum, size_t N>
  void choice(const char* path, Enum value, const std::array<NamedValue<Enum>, N>& choices, const char*) {
    for (const auto& candidate : choices) {
      if (candidate.value == value) place(path) = candidate.name;
    }
  }
};

Json document_of(const RunSpec& spec) {
  FieldWriter writer;
  visit_fields(spec, writer);
  return std::move(writer.document);
}

// Without the fields that may be left out and have their default.
Json shortest_document_of(const RunSpec& spec) {
  FieldWriter writer;
  visit_fields(spec, writer);
  Json defaults = document_of(RunSpec());
  for (const std::string& path : writer.optional_paths) {
    if (place_of(writer.document, path) != place_of(defaults, path)) continue;
    const size_t dot = path.find('.');
    std::erase_if(*place_of(writer.document, path.substr(0, dot)).object(),
                  [&](const JsonMember& member) { return member.name == path.substr(dot + 1); });
  }
  return std::move(writer.document);
}

struct RangeChecker {
  Status status{};

  void begin_optional() {}

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
  bool optional = false;

  void begin_optional() { optional = true; }
  void integer(const char* path, int64_t, int64_t lowest, int64_t highest, const char* effect) {
    fields.push_back({path, "integer", fmt::format("{} .. {}", lowest, highest), effect, optional});
  }
  void number(const char* path, double, double lowest, double highest, const char* effect) {
    fields.push_back({path, "number", fmt::format("{} .. {}", lowest, highest), effect, optional});
  }
  void seed(const char* path, uint64_t, const char* effect) {
    fields.push_back({path, "integer", "0 .. 2^64 - 1", effect, optional});
  }
  void flag(const char* path, bool, const char* effect) {
    fields.push_back({path, "true | false", "", effect, optional});
  }
  void text(const char* path, const std::string&, const char* effect) {
    fields.push_back({path, "text", "", effect, optional});
  }
  template <typename Enum, size_t N>
  void choice(const char* path, Enum, const std::array<NamedValue<Enum>, N>& choices, const char* effect) {
    fields.push_back({path, choice_names(choices), "", effect, optional});
  }
};

Status validate_model(const ModelSpec& model) {
  if (model.head_dim == 0 && model.hidden_size % model.num_attention_heads != 0)
    return field_error("model.num_attention_heads",
                       fmt::format("{} does not divide model.hidden_size {}; or give model.head_dim",
                                   model.num_attention_heads, model.hidden_size));
  if (model.head_width() % 2 != 0)
    return field_error(
        model.head_dim > 0 ? "model.head_dim" : "model.num_attention_heads",
        fmt::format("gives heads of {} elements; rotary embeddings need an even number", model.head_width()));
  if (model.num_attention_heads % model.num_key_value_heads != 0)
    return field_error("model.num_key_value_heads",
                       fmt::format("{} does not divide model.num_attention_heads {}",
                                   model.num_key_value_heads, model.num_attention_heads));
  return {};
}

Status validate_penalties(const PenaltySpec& penalties) {
  if (penalties.overlap_limit > penalties.overlap_reset_limit)
    return field_error("scoring.overlap_limit", "must be at most scoring.overlap_reset_limit");
  if (penalties.overlap_reset_limit > penalties.overlap_exclusion_limit)
    return field_error("scoring.overlap_reset_limit", "must be at most scoring.overlap_exclusion_limit");
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
  if (spec.algorithm == Algorithm::kDemo && spec.inner.optimiser != InnerOptimiser::kAdamw)
    return field_error("inner.optimiser", "must be adamw where algorithm is demo, which makes no inner step");
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
  // A block's time and a store's are whole seconds to each other, so that of one second little may be left.
  if (spec.network.sealed_uploads && spec.network.put_window_seconds < 2)
    return field_error("network.put_window_seconds",
                       "must be at least 2 where network.sealed_uploads is true: keys are published in it");
  if (!spec.network.owner.empty() && !parse_hash256(spec.network.owner))
    return field_error("network.owner", "must be empty or 64 lower-case hexadecimal digits");
  if (!spec.data.manifest_hash.empty() && !parse_hash256(spec.data.manifest_hash))
    return field_error("data.manifest_hash", "must be empty or 64 lower-case hexadecimal digits");
  TRY(validate_penalties(spec.scoring.penalties));
  return validate_bootstrap(spec.bootstrap);
}

namespace {

Result<RunSpec> read_run_spec(const Json& document) {
  TRY_ASSIGN(JsonFields fields, JsonFields::of(document, "run spec"));
  RunSpec spec;
  FieldReader reader{fields};
  visit_fields(spec, reader);
  // First, because a field whose name is misspelt is missing as well.
  if (const Status known = fields.finish(); !known)
    return fatal_error(known.error().message + "; `templar run fields` lists them all");
  TRY(reader.status);
  TRY(validate(spec));
  return spec;
}

}  // namespace

Result<RunSpec> parse_run_spec(std::string_view text) {
  const auto document = parse_json(text);
  if (!document) return annotate(document.error(), "run spec");
  return read_run_spec(*document);
}

std::string canonical_json(const RunSpec& spec) {
  return to_text(shortest_document_of(spec), {.sorted = true});
}

std::string pretty_json(const RunSpec& spec) {
  return to_text(document_of(spec), {.indent = 2}) + "\n";
}

Hash256 run_id(const RunSpec& spec) {
  return blake2b_256(as_bytes(canonical_json(spec)));
}

Status set_fields(RunSpec& spec, const std::vector<FieldChange>& changes) {
  const std::vector<FieldDocumentation> fields = run_spec_fields();
  const Json before = document_of(spec);
  Json document = before;
  for (const auto& [path, text] : changes) {
    if (std::ranges::find(fields, path, &FieldDocumentation::path) == fields.end()) {
      return field_error(path, "unknown field; `templar run fields` lists them all");
    }
    if (valid_utf8(text) != text) return field_error(path, "must be UTF-8");
    // A text needs no quotes, and a text field takes 12 as the text that it is. A field's type is that of the
    // value before all changes: an earlier one of the same field may have been of a wrong type.
    Json original = before;
    const bool is_text = place_of(original, path).text() != nullptr;
    const auto parsed = parse_json(text);
    place_of(document, path) = is_text || !parsed ? Json(text) : *parsed;
  }
  TRY_ASSIGN(spec, read_run_spec(document));
  return {};
}

std::string field_text(const RunSpec& spec, std::string_view path) {
  Json document = document_of(spec);
  const Json& value = place_of(document, path);
  CHECK(!value.is_null());
  const std::string* text = value.text();
  return text != nullptr ? *text : to_text(value);
}

std::vector<FieldDocumentation> run_spec_fields() {
  Documenter documenter;
  const RunSpec spec;
  visit_fields(spec, documenter);
  return std::move(documenter.fields);
}

}  // namespace templar
