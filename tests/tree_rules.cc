#include "tree_rules.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "declarations.h"
#include "source_tokens.h"

namespace templar::testing {
namespace {

bool is_header(const SourceFile& file) {
  return file.path.ends_with(".h");
}

// Whether what it names counts as used.
bool is_production(const SourceFile& file) {
  return file.path.starts_with("src/") && !file.path.ends_with("_test.cc") &&
         !file.path.ends_with("_bench.cc") && !file.path.ends_with("_fuzz.cc");
}

struct Place {
  std::string path;
  size_t line = 0;
  bool is_visible = false;  // to other files
};

struct ReadFile {
  const SourceFile* file = nullptr;
  std::vector<Token> tokens;
  std::vector<Declaration> declarations;
};

// "src/base/log" of src/base/log/log.h, src/base/log/log.cc and src/base/log-inl.h.
std::string_view pair_of(std::string_view path) {
  path.remove_suffix(path.size() - path.rfind('.'));
  if (path.ends_with("-inl")) path.remove_suffix(4);
  return path;
}

// In the pair that makes a class its name is said by what belongs to the class: its body, its constructors,
// its members' definitions. None of these is a use.
bool is_type_used(const Declaration& type, const ReadFile& home, const std::vector<ReadFile>& sources) {
  for (const ReadFile& source : sources) {
    const bool is_own = pair_of(source.file->path) == pair_of(home.file->path);
    for (size_t i = 0; i < source.tokens.size(); ++i) {
      const Token& token = source.tokens[i];
      if (token.text != type.name) continue;
      if (!is_own) return true;
      const bool is_in_body =
          &source == &home && token.line >= type.line && token.line <= std::max(type.line, type.last_line);
      const std::string_view next =
          i + 1 < source.tokens.size() ? std::string_view(source.tokens[i + 1].text) : "";
      if (!is_in_body && next != ":" && next != "(") return true;
    }
  }
  return false;
}

}  // namespace

Violations check_header_names(std::span<const SourceFile> files, const std::set<std::string_view>& known) {
  Violations violations;
  std::map<std::string, std::string> first_with;
  for (const SourceFile& file : files) {
    if (!is_header(file)) continue;
    const std::string name = file.path.substr(file.path.rfind('/') + 1);
    const auto [first, is_new] = first_with.emplace(name, file.path);
    if (!is_new && !known.contains(name))
      violations.push_back({file.path, 1, "has the name of " + first->second});
  }
  return violations;
}

Violations check_type_names(std::span<const SourceFile> files, const std::set<std::string_view>& known) {
  std::map<std::string, std::vector<Place>> places;
  for (const SourceFile& file : files) {
    for (const Declaration& declaration : declarations_of(file.text)) {
      if (declaration.kind != DeclarationKind::kType || declaration.is_in_class) continue;
      if (known.contains(declaration.name)) continue;
      places[declaration.name].push_back({file.path, declaration.line, is_header(file)});
    }
  }
  Violations violations;
  for (const auto& [name, all] : places) {
    const auto visible = std::ranges::find_if(all, &Place::is_visible);
    if (visible == all.end()) continue;
    for (const Place& place : all) {
      if (&place == &*visible) continue;
      violations.push_back(
          {place.path, place.line, name + " is also the name of a type in " + visible->path});
    }
  }
  return violations;
}

Violations check_used(std::span<const SourceFile> files, const std::set<std::string_view>& known) {
  std::vector<ReadFile> sources;
  for (const SourceFile& file : files) {
    if (is_production(file)) sources.push_back({&file, tokens_of(file.text), declarations_of(file.text)});
  }
  // Each time that a name is said, less each time that it is declared or defined.
  std::map<std::string, int64_t, std::less<>> uses;
  for (const ReadFile& source : sources) {
    for (const Token& token : source.tokens) ++uses[token.text];
    for (const Declaration& declaration : source.declarations) --uses[declaration.name];
  }
  Violations violations;
  std::set<std::string_view> judged;
  for (const ReadFile& source : sources) {
    if (!is_header(*source.file)) continue;
    for (const Declaration& declaration : source.declarations) {
      if (known.contains(declaration.name) || !judged.insert(declaration.name).second) continue;
      const bool is_used = declaration.kind == DeclarationKind::kType && !declaration.is_in_class
                               ? is_type_used(declaration, source, sources)
                               : uses[declaration.name] > 0;
      if (!is_used)
        violations.push_back(
            {source.file->path, declaration.line, declaration.name + " is used by tests alone"});
    }
  }
  return violations;
}

Violations check_arrows(std::span<const SourceFile> files, size_t most) {
  std::map<std::string, std::set<std::pair<std::string, std::string>>> arrows;  // by folder
  for (const SourceFile& file : files) {
    if (!is_production(file)) continue;
    const std::string part(pair_of(file.path).substr(4));
    const std::string folder = part.substr(0, part.rfind('/'));
    for (const std::string& included : quoted_includes_of(file)) {
      const std::string other(pair_of(included));
      if (other != part && other.substr(0, other.rfind('/')) == folder) arrows[folder].insert({part, other});
    }
  }
  Violations violations;
  for (const auto& [folder, between] : arrows) {
    if (between.size() > most)
      violations.push_back(
          {"src/" + folder, 1, std::to_string(between.size()) + " arrows between its parts"});
  }
  return violations;
}

}  // namespace templar::testing
