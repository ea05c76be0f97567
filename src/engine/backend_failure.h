// What a backend throws.
#pragma once

#include <stdexcept>

namespace templar {

// A device's failure, or a compute library's. The Engine turns it into an error.
class BackendFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace templar
