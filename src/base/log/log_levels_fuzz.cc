// Any text goes through the parser of levels; what it accepts names only rooms that the text has.
#include "base/check.h"
#include "base/log/log_levels.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto levels = templar::parse_log_levels(text);
  if (!levels) {
    CHECK(!levels.error().message.empty());
    return 0;
  }
  for (const auto& [room, level] : levels->rooms) {
    CHECK(!room.empty() && text.find(room) != std::string_view::npos);
    CHECK(!templar::name_of(level).empty());
  }
  return 0;
}
