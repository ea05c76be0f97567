#include "base/json/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json/json_events.h"
#include "base/utf8.h"

namespace templar {
namespace {

// The library's message without its own labels: "line 1, column 7: syntax error while parsing value - ...".
std::string brief_message(std::string_view message) {
  constexpr size_t kMostBytes = 200;
  constexpr std::string_view kSyntaxError = "parse error at ";
  if (message.starts_with('[')) message.remove_prefix(std::min(message.find(']') + 2, message.size()));
  if (message.starts_with(kSyntaxError)) message.remove_prefix(kSyntaxError.size());
  return valid_utf8(message.substr(0, kMostBytes));
}

// The library's event parser calls these; each returns whether to go on.
class LibraryEvents {
 public:
  explicit LibraryEvents(JsonEvents& events) : events_(events) {}
  [[nodiscard]] Status& status() { return status_; }

  bool null() { return go_on(events_.scalar(nullptr)); }
  bool boolean(bool value) { return go_on(events_.scalar(value)); }
  bool number_integer(int64_t value) { return go_on(events_.scalar(value)); }
  bool number_unsigned(uint64_t value) { return go_on(events_.scalar(value)); }
  bool number_float(double value, const std::string&) { return go_on(events_.scalar(value)); }
  bool string(const std::string& text) { return go_on(events_.text(text)); }
  bool binary(const std::vector<uint8_t>&) { return false; }  // in binary formats only
  bool start_object(size_t) { return go_on(events_.begin_object()); }
  bool end_object() { return go_on(events_.end_object()); }
  bool start_array(size_t) { return go_on(events_.begin_list()); }
  bool end_array() { return go_on(events_.end_list()); }
  bool key(const std::string& name) { return go_on(events_.name(name)); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) {
    return go_on(fatal_error("not JSON: " + brief_message(error.what())));
  }

 private:
  bool go_on(Status status) {
    if (!status) status_ = std::move(status);
    return status_.has_value();
  }

  JsonEvents& events_;
  Status status_;
};

// Fails if two members have the same name.
Status check_names(const JsonObject& object) {
  std::vector<std::string_view> names;
  names.reserve(object.size());
  for (const JsonMember& member : object) names.emplace_back(member.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return {};
  return fatal_error(fmt::format("the field \"{}\" occurs twice in one object", twice->substr(0, 100)));
}

class TreeBuilder final : public JsonEvents {
 public:
  explicit TreeBuilder(size_t max_depth) : max_depth_(max_depth) {}

  [[nodiscard]] Json take() { return std::move(root_); }

  Status begin_object() override { return open({.value = JsonObject()}); }
  Status begin_list() override { return open({.value = JsonList()}); }
  Status end_object() override {
    TRY(check_names(std::get<JsonObject>(open_.back().value)));
    return close();
  }
  Status end_list() override { return close(); }
  Status name(std::string_view name) override {
    open_.back().name = name;
    return {};
  }
  Status text(std::string_view text) override { return add(Json(text)); }
  Status scalar(const Json& value) override { return add(value); }

 private:
  // An object or a list whose end has not been read.
  struct Open {
    std::variant<JsonObject, JsonList> value;
    std::string name{};  // of an object's member whose value comes next
  };

  Status open(Open begun) {
    if (open_.size() == max_depth_)
      return fatal_error(fmt::format("nested more than {} levels deep", max_depth_));
    open_.push_back(std::move(begun));
    return {};
  }
  Status close() {
    Json whole = std::visit([](auto& value) { return Json(std::move(value)); }, open_.back().value);
    open_.pop_back();
    return add(std::move(whole));
  }
  Status add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* list = std::get_if<JsonList>(&open_.back().value)) {
      list->push_back(std::move(value));
    } else {
      std::get<JsonObject>(open_.back().value).push_back({std::move(open_.back().name), std::move(value)});
    }
    return {};
  }

  size_t max_depth_;
  std::vector<Open> open_;
  Json root_;
};

// Finds one text among the members of the outermost object.
class TextFieldFinder final : public JsonEvents {
 public:
  explicit TextFieldFinder(std::string_view field) : field_(field) {}

  [[nodiscard]] Result<std::string> take() {
    if (!is_object_) return skip_error("not a JSON object");
    if (!found_) return skip_error(fmt::format("no field \"{}\"", field_));
    if (!text_) return skip_error(fmt::format("field \"{}\" is not text", field_));
    return std::move(*text_);
  }

  Status begin_object() override {
    if (depth_ == 0) is_object_ = true;
    return begin();
  }
  Status begin_list() override { return begin(); }
  Status end_object() override { return end(); }
  Status end_list() override { return end(); }
  Status name(std::string_view name) override {
    is_wanted_ = depth_ == 1 && name == field_;
    found_ = found_ || is_wanted_;
    return {};
  }
  Status text(std::string_view text) override {
    if (std::exchange(is_wanted_, false)) text_ = text;
    return {};
  }
  Status scalar(const Json&) override {
    if (std::exchange(is_wanted_, false)) text_.reset();
    return {};
  }

 private:
  Status begin() {
    ++depth_;
    return scalar({});
  }
  Status end() {
    --depth_;
    return {};
  }

  std::string_view field_;
  size_t depth_ = 0;
  bool is_object_ = false;
  bool found_ = false;
  bool is_wanted_ = false;  // the next value is the field's
  std::optional<std::string> text_;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The bytes of the number that the text begins with, by JSON's grammar; 0 if there is none.
size_t number_size(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t first = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i - first;
  };
  if (text.starts_with('-')) ++i;
  const bool is_zero = i < text.size() && text[i] == '0';
  const size_t count = digits();
  if (count == 0 || (is_zero && count > 1)) return 0;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return 0;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return 0;
  }
  return i;
}

// The code unit of the escape \uXXXX that the text begins with; nullopt if it begins with something else.
std::optional<uint32_t> escaped_unit(std::string_view text) {
  constexpr size_t kSize = 6;
  if (text.size() < kSize || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  uint32_t unit = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + kSize, unit, 16);
  if (error != std::errc() || end != text.data() + kSize) return std::nullopt;
  return unit;
}

// The line with what Python's json module writes and RFC 8259 does not allow replaced by what it allows: NaN,
// Infinity and numbers beyond double's range by 0, surrogates without their other half by U+FFFD. Each takes
// as many bytes as before, so that the columns of messages stay true.
std::string standard_json(std::string line) {
  constexpr std::array<std::string_view, 3> kNotFinite = {"-Infinity", "Infinity", "NaN"};
  constexpr std::string_view kReplacement = "\\ufffd";
  const std::string_view text = line;
  const auto replace = [&line](size_t at, size_t size, std::string_view by) {
    std::ranges::fill(line.begin() + static_cast<std::ptrdiff_t>(at),
                      line.begin() + static_cast<std::ptrdiff_t>(at + size), ' ');
    line.replace(at, by.size(), by);
  };
  bool in_text = false;
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    size_t size = 1;
    if (in_text && rest.front() == '\\') {
      size = std::min<size_t>(2, rest.size());
      if (const auto unit = escaped_unit(rest); unit && (*unit & 0xf800) == 0xd800) {
        const auto next = escaped_unit(rest.substr(kReplacement.size()));
        const bool is_pair = *unit < 0xdc00 && next && (*next & 0xfc00) == 0xdc00;
        if (!is_pair) replace(i, kReplacement.size(), kReplacement);
        size = kReplacement.size() * (is_pair ? 2 : 1);
      }
    } else if (rest.front() == '"') {
      in_text = !in_text;
    } else if (!in_text && (i == 0 || std::string_view(" \t\r\n,:[{").contains(text[i - 1]))) {
      const auto word = std::ranges::find_if(
          kNotFinite, [&](std::string_view candidate) { return rest.starts_with(candidate); });
      size = word != kNotFinite.end() ? word->size() : number_size(rest);
      if (size > 0) replace(i, size, "0");
      size = std::max<size_t>(size, 1);
    }
    i += size;
  }
  return line;
}

class Writer {
 public:
  explicit Writer(const JsonLayout& layout) : layout_(layout) {}
  [[nodiscard]] std::string take() { return std::move(out_); }

  // Calls itself for what is within: as deep as the value is, which is parse_json()'s limit or our own
  // making.
  void write(const Json& json) {
    if (json.list() != nullptr) {
      write_list(*json.list());
    } else if (json.object() != nullptr) {
      write_object(*json.object());
    } else if (json.text() != nullptr) {
      append_json_text(out_, *json.text(), layout_.ascii);
    } else {
      write_scalar(json);
    }
  }

 private:
  void write_scalar(const Json& json) {
    if (const auto flag = json.flag()) {
      out_ += *flag ? "true" : "false";
    } else if (const auto integer = json.integer()) {
      fmt::format_to(std::back_inserter(out_), "{}", *integer);
    } else if (const auto count = json.count()) {
      fmt::format_to(std::back_inserter(out_), "{}", *count);
    } else if (const auto number = json.number(); number && std::isfinite(*number)) {
      // std::to_chars chooses other digits for a few numbers, and other forms for many: hashes and signatures
      // depend on the library's.
      std::array<char, 64> digits;
      out_.append(digits.data(),
                  nlohmann::detail::to_chars(digits.data(), digits.data() + digits.size(), *number));
    } else {
      out_ += "null";
    }
  }
  void write_list(const JsonList& list) {
    if (list.empty()) {
      out_ += "[]";
      return;
    }
    begin('[');
    for (const Json& value : list) {
      separate();
      write(value);
    }
    end(']');
  }
  void write_object(const JsonObject& object) {
    if (object.empty()) {
      out_ += "{}";
      return;
    }
    std::vector<const JsonMember*> members;
    members.reserve(object.size());
    for (const JsonMember& member : object) members.push_back(&member);
    if (layout_.sorted) std::ranges::sort(members, {}, &JsonMember::name);
    begin('{');
    for (const JsonMember* member : members) {
      separate();
      append_json_text(out_, member->name, layout_.ascii);
      out_ += layout_.indent > 0 ? ": " : ":";
      write(member->value);
    }
    end('}');
  }
  void begin(char bracket) {
    out_ += bracket;
    is_first_ = true;
    ++level_;
  }
  void separate() {
    if (!std::exchange(is_first_, false)) out_ += ',';
    new_line();
  }
  void end(char bracket) {
    --level_;
    new_line();
    out_ += bracket;
    is_first_ = false;
  }
  void new_line() {
    if (layout_.indent <= 0) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(layout_.indent) * level_, ' ');
  }

  JsonLayout layout_;
  std::string out_;
  size_t level_ = 0;
  bool is_first_ = true;  // within the innermost list or object
};

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

}  // namespace

Status visit_json(std::string_view text, JsonEvents& events) {
  LibraryEvents library_events(events);
  nlohmann::json::sax_parse(text, &library_events);
  return std::move(library_events.status());
}

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes)
    return fatal_error(fmt::format("{} bytes, at most {} are read", text.size(), limits.max_bytes));
  TreeBuilder builder(static_cast<size_t>(limits.max_depth));
  TRY(visit_json(text, builder));
  return builder.take();
}

Result<std::string> json_text_field(std::string_view line, std::string_view field) {
  TextFieldFinder finder(field);
  if (visit_json(line, finder)) return finder.take();
  // Few lines need it, so it is tried only now.
  TextFieldFinder second(field);
  if (Status read = visit_json(standard_json(std::string(line)), second); !read)
    return skip_error(std::move(read.error().message));
  return second.take();
}

std::string to_text(const Json& json, const JsonLayout& layout) {
  Writer writer(layout);
  writer.write(json);
  return writer.take();
}

void append_json_text(std::string& out, std::string_view text, bool ascii) {
  if (std::ranges::all_of(text, is_plain)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  out += nlohmann::json(text).dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace);
}

}  // namespace templar
