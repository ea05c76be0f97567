// A configuration file that anybody may have written: what is taken has names, lines in order and values;
// what is refused says where.
#include "app/command_line/config_file.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto entries = templar::parse_config(templar::as_text({data, size}), "file");
  if (!entries) {
    CHECK(entries.error().message.starts_with("file:"));
    return 0;
  }
  int64_t line = 1;
  for (const templar::ConfigEntry& entry : *entries) {
    CHECK(entry.line >= line);
    line = entry.line;
    CHECK(entry.is_list || entry.values.size() == 1);
  }
  return 0;
}
