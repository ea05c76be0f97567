#include "formats/safetensors/safetensors_json.h"

#include <fmt/format.h>

#include <set>

#include "base/json/json_events.h"

namespace templar {
namespace {

constexpr size_t kMaxDimensions = 16;

// Where we are is told by what is open: the header, one of its objects, a list of such an object.
class HeaderEvents final : public JsonEvents {
 public:
  explicit HeaderEvents(SafetensorsHeader& header) : header_(header) {}

  Status begin_object() override {
    if (place_ == Place::kOutside) return enter(Place::kHeader);
    if (place_ != Place::kHeader) return fail("an object where none belongs");
    if (key_ == "__metadata__") return enter(Place::kMetadata);
    if (!names_.insert(key_).second) return fail("there are two tensors of this name");
    header_.tensors.push_back({.name = key_, .dtype = {}, .shape = {}});
    seen_.clear();
    return enter(Place::kTensor);
  }

  Status end_object() override {
    if (place_ == Place::kTensor && seen_.size() != 3) return fail("dtype, shape or data_offsets is missing");
    return enter(place_ == Place::kHeader ? Place::kOutside : Place::kHeader);
  }

  Status name(std::string_view name) override {
    key_ = name;
    if (place_ == Place::kHeader) within_ = name;
    if (place_ == Place::kHeader && name == "__metadata__" && std::exchange(metadata_seen_, true))
      return fail("it occurs twice");
    if (place_ == Place::kMetadata && header_.metadata.contains(key_))
      return fail("the key '" + key_ + "' occurs twice");
    if (place_ != Place::kTensor) return {};
    if (name != "dtype" && name != "shape" && name != "data_offsets")
      return fail("unknown key '" + key_ + "'");
    if (!seen_.insert(key_).second) return fail("the key '" + key_ + "' occurs twice");
    return {};
  }

  Status text(std::string_view text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = text;
      return {};
    }
    if (place_ != Place::kTensor || key_ != "dtype") return fail("text where none belongs");
    header_.tensors.back().dtype = text;
    return {};
  }

  Status begin_list() override {
    if (place_ != Place::kTensor || key_ == "dtype") return fail("a list where none belongs");
    offsets_ = 0;
    return enter(key_ == "shape" ? Place::kShape : Place::kOffsets);
  }

  Status end_list() override {
    if (place_ == Place::kOffsets && offsets_ != 2) return fail("data_offsets are not two numbers");
    return enter(Place::kTensor);
  }

  Status scalar(const Json& value) override {
    const auto number = value.integer();
    if (!number || *number < 0) return fail("a value that is no integer from 0 to 2^63 - 1");
    if (place_ == Place::kShape) {
      std::vector<int64_t>& shape = header_.tensors.back().shape;
      if (shape.size() == kMaxDimensions) return fail(fmt::format("more than {} dimensions", kMaxDimensions));
      shape.push_back(*number);
      return {};
    }
    if (place_ != Place::kOffsets || offsets_ == 2) return fail("a number where none belongs");
    (offsets_++ == 0 ? header_.tensors.back().begin : header_.tensors.back().end) =
        static_cast<uint64_t>(*number);
    return {};
  }

 private:
  enum class Place { kOutside, kHeader, kMetadata, kTensor, kShape, kOffsets };

  Status enter(Place place) {
    place_ = place;
    return {};
  }
  [[nodiscard]] std::unexpected<Error> fail(const std::string& what) const {
    return skip_error(within_.empty() ? what : "'" + within_.substr(0, 200) + "': " + what);
  }

  SafetensorsHeader& header_;
  Place place_ = Place::kOutside;
  std::string key_;     // the last one
  std::string within_;  // the last one of the header's own
  std::set<std::string> names_;
  std::set<std::string> seen_;  // keys of the tensor that is open
  bool metadata_seen_ = false;
  int offsets_ = 0;
};

}  // namespace

Status parse_safetensors_json(std::string_view text, SafetensorsHeader& header) {
  if (!text.starts_with('{')) return skip_error("header: does not begin with '{'");
  HeaderEvents events(header);
  if (const Status read = visit_json(text, events); !read)
    return skip_error("header: " + read.error().message);
  return {};
}

}  // namespace templar
