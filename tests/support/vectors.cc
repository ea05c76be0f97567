#include "support/vectors.h"

#include <cstdlib>
#include <iostream>

#include "base/files/file.h"

namespace templar::testing {

std::filesystem::path vector_path(std::string_view name) {
  const char* other = std::getenv("TEMPLAR_TEST_VECTORS");
  return (other != nullptr ? std::filesystem::path(other) : source_path("tests/vectors")) / name;
}

Json load_vector_json(std::string_view name) {
  constexpr size_t kMostBytes = size_t{64} << 20;
  const std::filesystem::path path = vector_path(name);
  const auto bytes = read_file(path, kMostBytes);
  auto json = bytes ? parse_json(as_text(*bytes)) : std::unexpected(bytes.error());
  if (!json) {
    std::cerr << "test vectors missing or malformed: " << path << ": " << json.error().message << '\n';
    std::exit(1);
  }
  return std::move(*json);
}

std::filesystem::path source_path(std::string_view relative) {
  return std::filesystem::path(TEMPLAR_SOURCE_DIR) / relative;
}

}  // namespace templar::testing
