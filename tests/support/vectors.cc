#include "support/vectors.h"

#include <cstdlib>
#include <fstream>
#include <iostream>

namespace templar::testing {

std::filesystem::path vector_path(std::string_view name) {
  const char* other = std::getenv("TEMPLAR_TEST_VECTORS");
  return (other != nullptr ? std::filesystem::path(other) : source_path("tests/vectors")) / name;
}

nlohmann::json load_vector_json(std::string_view name) {
  const std::filesystem::path path = vector_path(name);
  std::ifstream file(path);
  nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (json.is_discarded()) {
    std::cerr << "test vectors missing or malformed: " << path << '\n';
    std::exit(1);
  }
  return json;
}

std::filesystem::path source_path(std::string_view relative) {
  return std::filesystem::path(TEMPLAR_SOURCE_DIR) / relative;
}

}  // namespace templar::testing
