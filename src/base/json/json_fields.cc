#include "base/json/json_fields.h"

#include <fmt/format.h>

#include <algorithm>

namespace templar {
namespace {

// nullptr if there is none.
const Json* find_path(const Json& json, std::string_view path) {
  const size_t dot = path.find('.');
  const Json* member = json.find(path.substr(0, dot));
  if (member == nullptr || dot == std::string_view::npos) return member;
  return find_path(*member, path.substr(dot + 1));
}

}  // namespace

Result<JsonFields> JsonFields::of(const Json& json, std::string document, ErrorKind kind) {
  if (json.object() == nullptr)
    return std::unexpected(Error{kind, (document.empty() ? "" : document + ": ") + "must be a JSON object"});
  return JsonFields(json, std::move(document), {}, kind);
}

Result<std::string> JsonFields::text(std::string_view name) {
  TRY_ASSIGN(const Json* json, value(name));
  if (json->text() == nullptr) return error(name, "must be text");
  return *json->text();
}

Result<int64_t> JsonFields::integer(std::string_view name, int64_t lowest, int64_t highest) {
  TRY_ASSIGN(const Json* json, value(name));
  const auto integer = json->integer();
  if (!integer) return error(name, "must be an integer");
  if (*integer < lowest || *integer > highest)
    return error(name, fmt::format("{} is out of range {} .. {}", *integer, lowest, highest));
  return *integer;
}

Result<uint64_t> JsonFields::count(std::string_view name, uint64_t lowest, uint64_t highest) {
  TRY_ASSIGN(const Json* json, value(name));
  const auto count = json->count();
  if (!count) return error(name, "must be an integer from 0 to 2^64 - 1");
  if (*count < lowest || *count > highest)
    return error(name, fmt::format("{} is out of range {} .. {}", *count, lowest, highest));
  return *count;
}

Result<double> JsonFields::number(std::string_view name) {
  TRY_ASSIGN(const Json* json, value(name));
  const auto number = json->number();
  if (!number) return error(name, "must be a number");
  return *number;
}

Result<bool> JsonFields::flag(std::string_view name) {
  TRY_ASSIGN(const Json* json, value(name));
  const auto flag = json->flag();
  if (!flag) return error(name, "must be true or false");
  return *flag;
}

Result<Hash256> JsonFields::hash(std::string_view name) {
  TRY_ASSIGN(const std::string digits, text(name));
  const auto hash = parse_hash256(digits);
  if (!hash) return error(name, hash.error().message);
  return *hash;
}

Result<const JsonList*> JsonFields::list(std::string_view name) {
  TRY_ASSIGN(const Json* json, value(name));
  if (json->list() == nullptr) return error(name, "must be a list");
  return json->list();
}

Result<std::vector<std::string>> JsonFields::texts(std::string_view name) {
  TRY_ASSIGN(const JsonList* entries, list(name));
  std::vector<std::string> texts;
  texts.reserve(entries->size());
  for (const Json& entry : *entries) {
    if (entry.text() == nullptr) return error(name, "must be a list of texts");
    texts.push_back(*entry.text());
  }
  return texts;
}

Result<const JsonObject*> JsonFields::members(std::string_view name) {
  TRY_ASSIGN(const Json* json, value(name));
  if (json->object() == nullptr) return error(name, "must be an object");
  return json->object();
}

Result<JsonFields> JsonFields::object(std::string_view name) {
  TRY_ASSIGN(const Json* json, value(name));
  return fields_of(*json, name);
}

Result<std::vector<JsonFields>> JsonFields::objects(std::string_view name) {
  TRY_ASSIGN(const JsonList* entries, list(name));
  std::vector<JsonFields> objects;
  objects.reserve(entries->size());
  for (const Json& entry : *entries) {
    TRY_ASSIGN(JsonFields fields, fields_of(entry, fmt::format("{}[{}]", name, objects.size())));
    objects.push_back(std::move(fields));
  }
  return objects;
}

Result<const Json*> JsonFields::value(std::string_view name) {
  known_.emplace_back(name);
  const Json* json = find_path(*json_, name);
  if (json == nullptr) return error(name, "missing");
  return json;
}

Result<std::optional<int64_t>> JsonFields::integer_or_null(std::string_view name, int64_t lowest,
                                                           int64_t highest) {
  TRY_ASSIGN(const Json* json, value(name));
  if (json->is_null()) return std::nullopt;
  return integer(name, lowest, highest);
}

Result<std::optional<double>> JsonFields::number_or_null(std::string_view name) {
  TRY_ASSIGN(const Json* json, value(name));
  if (json->is_null()) return std::nullopt;
  return number(name);
}

bool JsonFields::has(std::string_view name) const {
  return find_path(*json_, name) != nullptr;
}

Status JsonFields::finish() const {
  return refuse_unknown(*json_->object(), "");
}

std::unexpected<Error> JsonFields::error(std::string_view name, std::string_view what) const {
  const std::string path = fmt::format("{}: {}", path_of(name), what);
  return std::unexpected(Error{kind_, document_.empty() ? path : document_ + ": " + path});
}

std::string JsonFields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

Result<JsonFields> JsonFields::fields_of(const Json& json, std::string_view name) const {
  if (json.object() == nullptr) return error(name, "must be an object");
  return JsonFields(json, document_, path_of(name), kind_);
}

Status JsonFields::refuse_unknown(const JsonObject& object, const std::string& prefix) const {
  for (const JsonMember& member : object) {
    const std::string name = prefix + member.name;
    // {"codec.topk": 32} is not what the path codec.topk means.
    if (member.name.find('.') != std::string::npos) return error(name, "unknown field");
    if (std::ranges::find(known_, name) != known_.end()) continue;
    const std::string inner = name + ".";
    const bool is_section =
        std::ranges::any_of(known_, [&](const std::string& known) { return known.starts_with(inner); });
    if (!is_section || member.value.object() == nullptr) return error(name, "unknown field");
    TRY(refuse_unknown(*member.value.object(), inner));
  }
  return {};
}

}  // namespace templar
