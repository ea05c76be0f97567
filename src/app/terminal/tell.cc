#include "app/terminal/tell.h"

#include <fmt/format.h>
#include <unistd.h>

#include "app/terminal/printable.h"
#include "base/files/descriptor.h"
#include "base/log/secrets.h"

namespace templar {

void tell(std::string_view text) {
  (void)write_all(STDERR_FILENO, as_bytes(text));  // whom it was for can't be told otherwise
}

std::string presentable(std::string_view message) {
  constexpr size_t kLongest = 2000;
  constexpr size_t kBeginning = 1000;
  constexpr size_t kEnd = 500;
  std::string text = redact(message);
  if (text.size() > kLongest) text = text.substr(0, kBeginning) + " ... " + text.substr(text.size() - kEnd);
  return printable(text);
}

void tell_error(std::string_view message) {
  tell(fmt::format("error: {}\n", presentable(message)));
}

}  // namespace templar
