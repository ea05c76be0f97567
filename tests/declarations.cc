#include "declarations.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "source_tokens.h"

namespace templar::testing {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && is_word_character(text[0]) &&
         std::isdigit(static_cast<unsigned char>(text[0])) == 0;
}

// A macro by the way it is written: GUARDED_BY, TYPED_TEST.
bool is_macro_name(std::string_view text) {
  return text.size() > 1 && std::ranges::all_of(text, [](char c) {
           return std::isupper(static_cast<unsigned char>(c)) != 0 ||
                  std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '_';
         });
}

bool is_constant_name(std::string_view text) {
  return text.size() > 1 && text[0] == 'k' && std::isupper(static_cast<unsigned char>(text[1])) != 0;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

// Lines that the preprocessor reads become empty: they are not sentences of the language.
std::string without_directives(std::string_view text) {
  std::string code;
  bool continued = false;
  for (const std::string& line : lines_of(code_of(text, /*keep_literals=*/false))) {
    const size_t first = line.find_first_not_of(" \t");
    const bool directive = continued || (first != std::string::npos && line[first] == '#');
    continued = directive && line.ends_with('\\');
    if (!directive) code += line;
    code += '\n';
  }
  return code;
}

struct Scope {
  enum class Kind { kNamespace, kClass } kind = Kind::kNamespace;
  bool is_anonymous = false;
  std::string class_name;
  size_t declaration = SIZE_MAX;  // of the class, in the list of what was found
};

// Cuts the tokens into statements, and opens the scopes of namespaces and classes.
class Reader {
 public:
  explicit Reader(std::string_view text) : tokens_(tokens_of(without_directives(text))) {}

  std::vector<Declaration> read() {
    while (at_ < tokens_.size()) {
      const std::string& token = tokens_[at_].text;
      if (token == "{") {
        begin_block();
      } else if (token == "}") {
        end_scope();
        statement_.clear();
        ++at_;
      } else if (token == ";") {
        end_statement();
        ++at_;
      } else if (token == "(" || token == "[") {
        take_group(token, token == "(" ? ")" : "]");
      } else if (token == ":" && statement_.size() == 1 &&
                 is_one_of(statement_[0].text, {"public", "private", "protected"})) {
        statement_.clear();
        ++at_;
      } else {
        statement_.push_back(tokens_[at_++]);
      }
    }
    return std::move(found_);
  }

 private:
  void end_scope() {
    if (scopes_.empty()) return;
    if (scopes_.back().declaration < found_.size())
      found_[scopes_.back().declaration].last_line = tokens_[at_].line;
    scopes_.pop_back();
  }

  // A group in brackets stands in the statement as its brackets alone.
  void take_group(std::string_view open, std::string_view close) {
    statement_.push_back(tokens_[at_]);
    skip_group(open, close);
    statement_.push_back({statement_.back().line, std::string(close)});
  }

  void skip_group(std::string_view open, std::string_view close) {
    int depth = 0;
    for (; at_ < tokens_.size(); ++at_) {
      if (tokens_[at_].text == open) ++depth;
      if (tokens_[at_].text == close && --depth == 0) {
        ++at_;
        return;
      }
    }
  }

  void begin_block() {
    drop_template_heads();
    if (const auto scope = namespace_scope()) {
      scopes_.push_back(*scope);
      ++at_;
    } else if (const auto name = type_name(); name && !is_enumeration()) {
      const size_t declaration = name->empty() ? SIZE_MAX : found_.size();
      add_type(*name);
      scopes_.push_back({.kind = Scope::Kind::kClass,
                         .is_anonymous = false,
                         .class_name = *name,
                         .declaration = declaration});
      ++at_;
    } else {
      end_statement();
      skip_group("{", "}");
      return;
    }
    statement_.clear();
  }

  [[nodiscard]] std::optional<Scope> namespace_scope() const {
    const auto word = std::ranges::find(statement_, "namespace", &Token::text);
    if (word == statement_.end()) {
      const bool is_linkage = !statement_.empty() && statement_[0].text == "extern" && statement_.size() <= 3;
      return is_linkage ? std::optional(Scope{}) : std::nullopt;
    }
    return Scope{
        .kind = Scope::Kind::kNamespace, .is_anonymous = word + 1 == statement_.end(), .class_name = ""};
  }

  // template <...> in front of a statement, also several, and what a requires in between demands.
  void drop_template_heads() {
    while (!statement_.empty() && statement_[0].text == "template") {
      size_t end = 1;
      int depth = 0;
      for (; end < statement_.size(); ++end) {
        if (statement_[end].text == "<") ++depth;
        if (statement_[end].text == ">" && --depth == 0) break;
      }
      statement_.erase(statement_.begin(),
                       statement_.begin() + static_cast<ptrdiff_t>(std::min(end + 1, statement_.size())));
    }
  }

  [[nodiscard]] bool is_enumeration() const { return !statement_.empty() && statement_[0].text == "enum"; }

  // The name of the type that the statement defines; "" for one without a name, or of which the name is
  // another's: a specialisation, or Outer::Inner. nullopt if it defines none.
  [[nodiscard]] std::optional<std::string> type_name() const {
    static constexpr std::array<std::string_view, 4> kWords = {"class", "struct", "union", "enum"};
    if (statement_.empty() || std::ranges::find(kWords, statement_[0].text) == kWords.end())
      return std::nullopt;
    for (size_t i = 1; i < statement_.size(); ++i) {
      const std::string_view text = statement_[i].text;
      const std::string_view next = i + 1 < statement_.size() ? std::string_view(statement_[i + 1].text) : "";
      if (text == "(" || text == ")" || text == "[" || text == "]") continue;
      if (is_one_of(text, {"class", "struct"}) || next == "(" || (is_macro_name(text) && is_name(next)))
        continue;
      if (!is_name(text)) break;
      if (next == "" || next == "final") return std::string(text);
      if (next == ":" && !(i + 2 < statement_.size() && statement_[i + 2].text == ":"))
        return std::string(text);
      break;
    }
    return "";
  }

  void end_statement() {
    drop_template_heads();
    if (statement_.empty() || statement_[0].text == ",") return statement_.clear();
    const std::string_view first = statement_[0].text;
    if (first == "enum" && at_ < tokens_.size() && tokens_[at_].text == "{") {
      if (const auto name = type_name()) add_type(*name);
    } else if (first == "using") {
      const auto sign = std::ranges::find(statement_, "=", &Token::text);
      if (sign != statement_.end() && statement_.size() > 2) add_type(statement_[1].text);
    } else if (!is_one_of(first,
                          {"friend", "class", "struct", "union", "enum", "typedef", "static_assert"})) {
      add_function_or_constant();
    }
    statement_.clear();
  }

  // A function's name stands before the first bracket that is in no angle brackets, a constant's before its
  // value.
  void add_function_or_constant() {
    int angles = 0;
    for (size_t i = 0; i < statement_.size(); ++i) {
      const std::string_view text = statement_[i].text;
      const std::string_view before = i > 0 ? std::string_view(statement_[i - 1].text) : "";
      if (text == "<" && (is_name(before) || angles > 0)) ++angles;
      if (text == ">" && angles > 0) --angles;
      if (angles > 0) continue;
      if (text == "operator" || text == "=" || text == "~") break;
      if (text == "(" && is_name(before) &&
          !is_one_of(before, {"explicit", "decltype", "alignas", "noexcept", "requires"}) &&
          !is_macro_name(before))
        return add_function(i - 1);
    }
    for (size_t i = 0; i < statement_.size(); ++i) {
      const bool ends = i + 1 == statement_.size() || is_one_of(statement_[i + 1].text, {"=", "["});
      if (ends && is_constant_name(statement_[i].text))
        return add(DeclarationKind::kConstant, statement_[i].text, false);
      if (statement_[i].text == "=") return;
    }
  }

  void add_function(size_t place) {
    const std::string& name = statement_[place].text;
    const bool is_qualified =
        place >= 2 && statement_[place - 1].text == ":" && statement_[place - 2].text == ":";
    const bool is_own_name = is_qualified && place >= 3 && statement_[place - 3].text == name;
    const bool is_in_class = !scopes_.empty() && scopes_.back().kind == Scope::Kind::kClass;
    if (is_own_name || (is_in_class && scopes_.back().class_name == name)) return;
    if (place == 0) return;  // a macro, or a constructor in a class without a name
    add(DeclarationKind::kFunction, name, is_qualified);
  }

  void add_type(const std::string& name) {
    if (!name.empty()) add(DeclarationKind::kType, name, false);
  }

  void add(DeclarationKind kind, const std::string& name, bool is_member) {
    const auto is_class = [](const Scope& scope) { return scope.kind == Scope::Kind::kClass; };
    found_.push_back({.kind = kind,
                      .name = name,
                      .line = statement_.empty() ? tokens_[at_].line : statement_.back().line,
                      .is_in_class = is_member || std::ranges::any_of(scopes_, is_class),
                      .is_anonymous = std::ranges::any_of(scopes_, &Scope::is_anonymous)});
  }

  const std::vector<Token> tokens_;
  size_t at_ = 0;
  std::vector<Token> statement_;
  std::vector<Scope> scopes_;
  std::vector<Declaration> found_;
};

}  // namespace

std::vector<Declaration> declarations_of(std::string_view text) {
  return Reader(text).read();
}

}  // namespace templar::testing
