// The fields of a JSON object, read by name and type. What is missing, of another type, out of range or
// unknown is refused by its path.
//
//   TRY_ASSIGN(JsonFields fields, JsonFields::of(json, "run spec"));
//   TRY_ASSIGN(spec.name, fields.text("name"));
//   TRY_ASSIGN(spec.codec.topk, fields.integer("codec.topk", 1, 4096));   // {"codec": {"topk": 32}}
//   TRY(fields.finish());   // fails with "run spec: codec.tokp: unknown field", if there is one
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/json/json.h"
#include "base/result.h"

namespace templar {

// Reads one object, which must outlive it. A name with dots is a path through objects within the object.
// Every failure is of the kind given to of(), and its message "DOCUMENT: PATH: what is wrong". Where unknown
// fields are to be tolerated, the caller leaves out finish() and says why.
class JsonFields {
 public:
  // Fails unless json is an object. `document` says in messages what is read; empty if the caller's
  // caller says it.
  [[nodiscard]] static Result<JsonFields> of(const Json& json, std::string document,
                                             ErrorKind kind = ErrorKind::kFatal);

  [[nodiscard]] Result<std::string> text(std::string_view name);
  // Both limits are allowed values.
  [[nodiscard]] Result<int64_t> integer(std::string_view name,
                                        int64_t lowest = std::numeric_limits<int64_t>::min(),
                                        int64_t highest = std::numeric_limits<int64_t>::max());
  [[nodiscard]] Result<uint64_t> count(std::string_view name, uint64_t lowest = 0,
                                       uint64_t highest = std::numeric_limits<uint64_t>::max());
  // Any number, an integer too.
  [[nodiscard]] Result<double> number(std::string_view name);
  [[nodiscard]] Result<bool> flag(std::string_view name);
  // 64 lower-case hexadecimal digits.
  [[nodiscard]] Result<Hash256> hash(std::string_view name);
  [[nodiscard]] Result<const JsonList*> list(std::string_view name);
  [[nodiscard]] Result<std::vector<std::string>> texts(std::string_view name);
  // An object whose names are free.
  [[nodiscard]] Result<const JsonObject*> members(std::string_view name);
  // An object of its own: its fields are known to its own finish().
  [[nodiscard]] Result<JsonFields> object(std::string_view name);
  // A list of such objects: "files[0]", "files[1]", ...
  [[nodiscard]] Result<std::vector<JsonFields>> objects(std::string_view name);
  // The value, whatever it is.
  [[nodiscard]] Result<const Json*> value(std::string_view name);
  // nullopt if the value is null.
  [[nodiscard]] Result<std::optional<int64_t>> integer_or_null(std::string_view name, int64_t lowest,
                                                               int64_t highest);
  [[nodiscard]] Result<std::optional<double>> number_or_null(std::string_view name);

  // Whether there is such a field, for one that may be left out.
  [[nodiscard]] bool has(std::string_view name) const;
  // Fails if the object has a field that none of the functions above was asked for.
  [[nodiscard]] Status finish() const;
  // The failure that the caller found out about this field.
  [[nodiscard]] std::unexpected<Error> error(std::string_view name, std::string_view what) const;

 private:
  JsonFields(const Json& json, std::string document, std::string path, ErrorKind kind)
      : json_(&json), document_(std::move(document)), path_(std::move(path)), kind_(kind) {}

  [[nodiscard]] std::string path_of(std::string_view name) const;
  [[nodiscard]] Result<JsonFields> fields_of(const Json& json, std::string_view name) const;
  [[nodiscard]] Status refuse_unknown(const JsonObject& object, const std::string& prefix) const;

  const Json* json_;
  std::string document_;
  std::string path_;  // of this object within the document; empty for the document itself
  ErrorKind kind_;
  std::vector<std::string> known_;
};

}  // namespace templar
