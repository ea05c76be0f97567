// What a source declares at the scope of namespaces and of classes. No compiler: a reader of tokens that
// knows the shapes in use here, for rules that look at names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace templar::testing {

enum class DeclarationKind {
  kType,      // a class, struct, union or enumeration with its body, or an alias by `using`
  kFunction,  // also a method; constructors, destructors and operators are left out
  kConstant,  // named kSomething
};

struct Declaration {
  DeclarationKind kind = DeclarationKind::kType;
  std::string name;
  size_t line = 0;            // from 1
  size_t last_line = 0;       // of a class: where its body ends
  bool is_in_class = false;   // or its definition outside of it
  bool is_anonymous = false;  // in a namespace without a name
};

// In the order of the text. Specialisations of templates, and types of which only the name is declared, are
// left out; the insides of functions are not looked at.
[[nodiscard]] std::vector<Declaration> declarations_of(std::string_view text);

}  // namespace templar::testing
