// Errors as values. A Result<T> holds either a T or an Error whose kind says what the caller can do about it.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace templar {

enum class ErrorKind {
  kRetry,  // the world was busy or away: the same call may succeed later
  kSkip,   // this input (a peer, an object, a window) is unusable: go on without it
  kFatal,  // configuration or local state is wrong: a person has to act
};

struct Error {
  ErrorKind kind = ErrorKind::kFatal;
  std::string message;  // names the object, the peer and the number that was wrong
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> retry_error(std::string message) {
  return std::unexpected(Error{ErrorKind::kRetry, std::move(message)});
}
[[nodiscard]] inline std::unexpected<Error> skip_error(std::string message) {
  return std::unexpected(Error{ErrorKind::kSkip, std::move(message)});
}
[[nodiscard]] inline std::unexpected<Error> fatal_error(std::string message) {
  return std::unexpected(Error{ErrorKind::kFatal, std::move(message)});
}
// The same error, with what the caller was doing put in front of its message.
[[nodiscard]] inline std::unexpected<Error> annotate(Error error, const std::string& context) {
  error.message = context + ": " + error.message;
  return std::unexpected(std::move(error));
}

// For a caller that goes on without an input that is unusable, as in TRY(fail_unless_skip(record)): the
// result's error, or success if it has none or its error says skip.
template <typename T>
[[nodiscard]] Status fail_unless_skip(const Result<T>& result) {
  if (result || result.error().kind == ErrorKind::kSkip) return {};
  return std::unexpected(result.error());
}

}  // namespace templar

// TRY(expression): returns the expression's error from the enclosing function, if it has one.
#define TRY(expression)                                       \
  do {                                                        \
    if (auto try_status_ = (expression); !try_status_)        \
      return std::unexpected(std::move(try_status_).error()); \
  } while (false)

// TRY_ASSIGN(declaration, expression): as TRY; on success the value initialises the declaration.
#define TRY_ASSIGN(declaration, expression) \
  TRY_ASSIGN_IMPL(TRY_CONCAT(try_result_, __LINE__), declaration, expression)
#define TRY_ASSIGN_IMPL(result, declaration, expression)          \
  auto result = (expression);                                     \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = std::move(result).value()
#define TRY_CONCAT(a, b) TRY_CONCAT_IMPL(a, b)
#define TRY_CONCAT_IMPL(a, b) a##b
