// Whatever stands in the files of keys: names and values have no blanks at their ends, and nothing crashes.
#include "adapters/s3/profile_file.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const auto& [name, section] : templar::parse_profile_file(templar::as_text({data, size}))) {
    for (const auto& [key, value] : section) {
      CHECK(!value.empty() && value.front() != ' ' && value.back() != ' ');
      CHECK(value.find('\n') == std::string::npos && key.find('\n') == std::string::npos);
    }
  }
  return 0;
}
