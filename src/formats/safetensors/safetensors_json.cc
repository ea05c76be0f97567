#include "formats/safetensors/safetensors_json.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace templar {
namespace {

constexpr size_t kMaxDimensions = 16;

// Callbacks of nlohmann's event parser; each returns whether to go on. Where we are is told by what is open:
// the header, one of its objects, an array of such an object.
class HeaderEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderEvents(SafetensorsHeader& header) : header_(header) {}
  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool start_object(size_t) override {
    if (place_ == Place::kOutside) return enter(Place::kHeader);
    if (place_ != Place::kHeader) return fail("an object where none belongs");
    if (key_ == "__metadata__") return enter(Place::kMetadata);
    if (!names_.insert(key_).second) return fail("there are two tensors of this name");
    header_.tensors.push_back({.name = key_, .dtype = {}, .shape = {}});
    seen_.clear();
    return enter(Place::kTensor);
  }

  bool end_object() override {
    if (place_ == Place::kTensor && seen_.size() != 3) return fail("dtype, shape or data_offsets is missing");
    return enter(place_ == Place::kHeader ? Place::kOutside : Place::kHeader);
  }

  bool key(string_t& text) override {
    key_ = text;
    if (place_ == Place::kHeader) within_ = text;
    if (place_ == Place::kHeader && text == "__metadata__")
      return !metadata_seen_++ || fail("it occurs twice");
    if (place_ == Place::kMetadata && header_.metadata.contains(text))
      return fail("the key '" + text + "' occurs twice");
    if (place_ != Place::kTensor) return true;
    if (text != "dtype" && text != "shape" && text != "data_offsets")
      return fail("unknown key '" + text + "'");
    return seen_.insert(text).second || fail("the key '" + text + "' occurs twice");
  }

  bool string(string_t& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = text;
      return true;
    }
    if (place_ != Place::kTensor || key_ != "dtype") return fail("text where none belongs");
    header_.tensors.back().dtype = text;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::kTensor || key_ == "dtype") return fail("an array where none belongs");
    offsets_ = 0;
    return enter(key_ == "shape" ? Place::kShape : Place::kOffsets);
  }

  bool end_array() override {
    if (place_ == Place::kOffsets && offsets_ != 2) return fail("data_offsets are not two numbers");
    return enter(Place::kTensor);
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return fail("a number that is too large");
    if (place_ == Place::kShape) {
      std::vector<int64_t>& shape = header_.tensors.back().shape;
      if (shape.size() == kMaxDimensions) return fail(fmt::format("more than {} dimensions", kMaxDimensions));
      shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place_ != Place::kOffsets || offsets_ == 2) return fail("a number where none belongs");
    (offsets_++ == 0 ? header_.tensors.back().begin : header_.tensors.back().end) = value;
    return true;
  }

  bool null() override { return fail("null where it does not belong"); }
  bool boolean(bool) override { return fail("true or false where it does not belong"); }
  bool number_integer(number_integer_t) override { return fail("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return fail("a number that is no integer"); }
  bool binary(binary_t&) override { return fail("binary data"); }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return fail(fmt::format("not JSON at byte {}", position));
  }

 private:
  enum class Place { kOutside, kHeader, kMetadata, kTensor, kShape, kOffsets };

  bool enter(Place place) {
    place_ = place;
    return true;
  }
  bool fail(const std::string& what) {
    problem_ = within_.empty() ? what : "'" + within_.substr(0, 200) + "': " + what;
    return false;
  }

  SafetensorsHeader& header_;
  Place place_ = Place::kOutside;
  std::string key_;     // the last one
  std::string within_;  // the last one of the header's own
  std::set<std::string> names_;
  std::set<std::string> seen_;  // keys of the tensor that is open
  int metadata_seen_ = 0;
  int offsets_ = 0;
  std::string problem_;
};

}  // namespace

Status parse_safetensors_json(std::string_view text, SafetensorsHeader& header) {
  if (!text.starts_with('{')) return skip_error("header: does not begin with '{'");
  HeaderEvents events(header);
  if (!nlohmann::json::sax_parse(text, &events)) return skip_error("header: " + events.problem());
  return {};
}

}  // namespace templar
