#include "app/terminal/tell.h"

#include <unistd.h>

#include "base/files/descriptor.h"

namespace templar {

void tell(std::string_view text) {
  (void)write_all(STDERR_FILENO, as_bytes(text));  // whom it was for can't be told otherwise
}

}  // namespace templar
