#include "adapters/s3/profile_file.h"

#include <algorithm>

#include "base/utf8.h"

namespace templar {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view without_blanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// "[ profile  name ]" is "profile name".
std::string section_name(std::string_view line) {
  std::string name;
  for (const char c : without_blanks(line.substr(1, line.rfind(']') - 1))) {
    const char plain = c == '\t' ? ' ' : c;
    if (plain != ' ' || !name.ends_with(' ')) name += plain;
  }
  return name;
}

// A comment begins with # or ; after a blank; without one it is part of the value.
std::string_view without_comment(std::string_view value) {
  for (const std::string_view sign : {" #", " ;", "\t#", "\t;"}) value = value.substr(0, value.find(sign));
  return without_blanks(value);
}

}  // namespace

ProfileFile parse_profile_file(std::string_view text) {
  ProfileFile file;
  ProfileSection* section = nullptr;
  std::string parent;  // of nested settings
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view content = without_blanks(line);
    if (content.empty() || content.starts_with('#') || content.starts_with(';')) continue;
    if (content.starts_with('[') && content.find(']') != std::string_view::npos) {
      section = &file[section_name(content)];
      parent.clear();
      continue;
    }
    const size_t equals = content.find('=');
    if (section == nullptr || equals == std::string_view::npos) continue;
    const bool is_nested = kBlanks.find(line.front()) != std::string_view::npos && !parent.empty();
    const std::string name = ascii_lower(without_blanks(content.substr(0, equals)));
    const std::string_view value = without_comment(content.substr(equals + 1));
    if (!is_nested) parent = value.empty() ? name : "";
    if (!value.empty()) section->insert_or_assign(is_nested ? parent + "." + name : name, std::string(value));
  }
  return file;
}

}  // namespace templar
