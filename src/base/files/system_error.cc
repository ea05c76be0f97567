#include "base/files/system_error.h"

#include <cerrno>
#include <string_view>
#include <system_error>

namespace templar {
namespace {

std::string_view what_to_do(int error) {
  switch (error) {
    case ENOSPC:
      return ": free some";
    case EDQUOT:
      return ": free some, or have the quota raised";
    case EROFS:
      return ": mount it for writing";
    case EMFILE:
      return ": this process may have no more at once; raise its limit with `ulimit -n`";
    case ENFILE:
      return ": the machine may have no more at once";
    default:
      return "";
  }
}

}  // namespace

std::string system_message(int error) {
  return std::generic_category().message(error).append(what_to_do(error));
}

bool may_pass(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EINTR:
    case EAGAIN:
      return true;
    default:
      return false;
  }
}

std::unexpected<Error> system_error(const std::string& what, int error) {
  const std::string message = what + ": " + system_message(error);
  return may_pass(error) ? retry_error(message) : fatal_error(message);
}

}  // namespace templar
