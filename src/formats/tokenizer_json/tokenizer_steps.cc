#include "formats/tokenizer_json/tokenizer_steps.h"

#include <utility>

#include "base/utf8.h"

namespace templar {
namespace {

using Step = TokenizerJson;

// \w+|[^\w\s]+ as Rust's regular expressions have it: Oniguruma's \w is another.
constexpr const char* kWordsAndPunctuation =
    R"([\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})"
    R"(\x{200C}\x{200D}]+|[^\s\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169})"
    R"(\x{1F170}-\x{1F189}\x{200C}\x{200D}]+)";
constexpr const char* kPunctuation = R"([\p{P}!-/:-@\[-`{-~])";

Result<bool> flag_or(JsonFields& fields, std::string_view name, bool otherwise) {
  if (!fields.has(name)) return otherwise;
  return fields.flag(name);
}

// {"String": "x"} or {"Regex": "x+"}.
Result<Step::Pattern> read_pattern(JsonFields& fields) {
  TRY_ASSIGN(JsonFields pattern, fields.object("pattern"));
  const bool is_regex = pattern.has("Regex");
  TRY_ASSIGN(std::string text, pattern.text(is_regex ? "Regex" : "String"));
  TRY(pattern.finish());
  if (text.empty()) return fields.error("pattern", "is empty");
  return Step::Pattern{std::move(text), is_regex};
}

Result<Step::SplitBehaviour> read_behaviour(JsonFields& fields) {
  TRY_ASSIGN(const std::string name, fields.text("behavior"));
  if (name == "Removed") return Step::SplitBehaviour::kRemoved;
  if (name == "Isolated") return Step::SplitBehaviour::kIsolated;
  if (name == "MergedWithPrevious") return Step::SplitBehaviour::kMergedWithPrevious;
  if (name == "MergedWithNext") return Step::SplitBehaviour::kMergedWithNext;
  if (name == "Contiguous") return Step::SplitBehaviour::kContiguous;
  return fields.error("behavior", "is " + name + ", which is not known");
}

std::unexpected<Error> refuse_type(const JsonFields& fields, const std::string& type) {
  return fields.error("type", "is " + type + ", which is not known here");
}

Result<Step::Split> read_split(JsonFields& fields) {
  Step::Split split;
  TRY_ASSIGN(split.pattern, read_pattern(fields));
  TRY_ASSIGN(split.behaviour, read_behaviour(fields));
  TRY_ASSIGN(split.invert, flag_or(fields, "invert", false));
  return split;
}

Result<Step::ByteLevel> read_byte_level(JsonFields& fields) {
  Step::ByteLevel step;
  TRY_ASSIGN(step.add_prefix_space, flag_or(fields, "add_prefix_space", true));
  TRY(flag_or(fields, "trim_offsets", true));
  TRY_ASSIGN(step.use_regex, flag_or(fields, "use_regex", true));
  return step;
}

Result<Step::Metaspace> read_metaspace(JsonFields& fields) {
  Step::Metaspace step;
  TRY_ASSIGN(step.replacement, fields.text("replacement"));
  if (step.replacement.empty() || utf8_character_size(step.replacement) != step.replacement.size())
    return fields.error("replacement", "must be one character");
  if (fields.has("str_rep")) TRY(fields.text("str_rep"));
  TRY_ASSIGN(const bool adds_prefix, flag_or(fields, "add_prefix_space", true));
  TRY_ASSIGN(step.split, flag_or(fields, "split", true));
  if (!adds_prefix) step.prepend_scheme = Step::PrependScheme::kNever;
  if (!fields.has("prepend_scheme")) return step;
  TRY_ASSIGN(const std::string scheme, fields.text("prepend_scheme"));
  if (scheme == "always") {
    step.prepend_scheme = Step::PrependScheme::kAlways;
  } else if (scheme == "first") {
    step.prepend_scheme = Step::PrependScheme::kFirst;
  } else if (scheme == "never") {
    step.prepend_scheme = Step::PrependScheme::kNever;
  } else {
    return fields.error("prepend_scheme", "is " + scheme + ", not always, first or never");
  }
  if (!adds_prefix && step.prepend_scheme != Step::PrependScheme::kNever)
    return fields.error("prepend_scheme", "is " + scheme + ", though add_prefix_space is false");
  return step;
}

Result<Step::Normalizer> read_normalizer_step(JsonFields& fields, const std::string& type) {
  if (type == "NFC") return Step::UnicodeForm::kNfc;
  if (type == "NFD") return Step::UnicodeForm::kNfd;
  if (type == "NFKC") return Step::UnicodeForm::kNfkc;
  if (type == "NFKD") return Step::UnicodeForm::kNfkd;
  if (type == "Lowercase") return Step::Lowercase{};
  if (type == "Prepend") {
    TRY_ASSIGN(std::string text, fields.text("prepend"));
    return Step::Prepend{std::move(text)};
  }
  if (type == "Replace") {
    Step::Replace replace;
    TRY_ASSIGN(replace.pattern, read_pattern(fields));
    TRY_ASSIGN(replace.content, fields.text("content"));
    return replace;
  }
  if (type == "Strip") {
    TRY_ASSIGN(const bool left, fields.flag("strip_left"));
    TRY_ASSIGN(const bool right, fields.flag("strip_right"));
    return Step::Strip{left, right};
  }
  return refuse_type(fields, type);
}

Result<Step::PreTokenizer> read_pre_tokenizer_step(JsonFields& fields, const std::string& type) {
  using enum Step::SplitBehaviour;
  if (type == "Split") return read_split(fields);
  if (type == "ByteLevel") return read_byte_level(fields);
  if (type == "Metaspace") return read_metaspace(fields);
  if (type == "Digits") {
    TRY_ASSIGN(const bool individual, flag_or(fields, "individual_digits", false));
    return Step::Split{{R"(\p{N})", true}, individual ? kIsolated : kContiguous, false};
  }
  if (type == "Whitespace") return Step::Split{{kWordsAndPunctuation, true}, kRemoved, true};
  if (type == "WhitespaceSplit") return Step::Split{{R"(\s)", true}, kRemoved, false};
  if (type == "Punctuation") {
    Step::Split split{{kPunctuation, true}, kIsolated, false};
    if (fields.has("behavior")) {
      TRY_ASSIGN(split.behaviour, read_behaviour(fields));
    }
    return split;
  }
  return refuse_type(fields, type);
}

Result<Step::Decoder> read_decoder_step(JsonFields& fields, const std::string& type) {
  if (type == "ByteLevel") {
    TRY(read_byte_level(fields));
    return Step::DecodeByteLevel{};
  }
  if (type == "ByteFallback") return Step::DecodeByteFallback{};
  if (type == "Fuse") return Step::DecodeFuse{};
  if (type == "Replace") {
    TRY_ASSIGN(Step::Pattern pattern, read_pattern(fields));
    if (pattern.is_regex) return fields.error("pattern", "is a Regex, which is not known in a decoder");
    TRY_ASSIGN(std::string content, fields.text("content"));
    return Step::DecodeReplace{std::move(pattern.text), std::move(content)};
  }
  if (type == "Strip") {
    Step::DecodeStrip strip;
    TRY_ASSIGN(strip.content, fields.text("content"));
    if (strip.content.empty() || utf8_character_size(strip.content) != strip.content.size())
      return fields.error("content", "must be one character");
    TRY_ASSIGN(strip.start, fields.count("start"));
    TRY_ASSIGN(strip.stop, fields.count("stop"));
    return strip;
  }
  if (type == "Metaspace") {
    TRY_ASSIGN(Step::Metaspace step, read_metaspace(fields));
    return Step::DecodeMetaspace{std::move(step.replacement),
                                 step.prepend_scheme != Step::PrependScheme::kNever};
  }
  return refuse_type(fields, type);
}

// Sequences may lie within each other as deep as JSON may.
template <typename AnyStep>
Status read_steps(JsonFields fields, std::string_view sequence, std::vector<AnyStep>& steps,
                  Result<AnyStep> (*read_step)(JsonFields&, const std::string&)) {
  TRY_ASSIGN(const std::string type, fields.text("type"));
  if (type == "Sequence") {
    TRY_ASSIGN(std::vector<JsonFields> members, fields.objects(sequence));
    for (JsonFields& member : members) TRY(read_steps(std::move(member), sequence, steps, read_step));
  } else {
    TRY_ASSIGN(AnyStep step, read_step(fields, type));
    steps.push_back(std::move(step));
  }
  return fields.finish();
}

}  // namespace

Status read_normalizer(JsonFields fields, std::vector<TokenizerJson::Normalizer>& steps) {
  return read_steps(std::move(fields), "normalizers", steps, read_normalizer_step);
}

Status read_pre_tokenizer(JsonFields fields, std::vector<TokenizerJson::PreTokenizer>& steps) {
  const JsonFields whole = fields;
  TRY(read_steps(std::move(fields), "pretokenizers", steps, read_pre_tokenizer_step));
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    if (std::holds_alternative<Step::ByteLevel>(steps[i]))
      return whole.error("pretokenizers", "another one after ByteLevel is not known here");
  }
  return {};
}

Status read_decoder(JsonFields fields, std::vector<TokenizerJson::Decoder>& steps) {
  return read_steps(std::move(fields), "decoders", steps, read_decoder_step);
}

}  // namespace templar
