// Any bytes go through every parser of /proc's texts; what they find must be possible.
#include <cmath>

#include "adapters/system_metrics/proc_text.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& [name, number] : templar::parse_named_numbers(text))
    CHECK(text.find(name) != std::string_view::npos);
  const auto ticks = templar::parse_cpu_ticks(text);
  CHECK(!ticks || ticks->busy <= ticks->total);
  const auto network = templar::parse_network_bytes(text);
  CHECK(!network || (network->received >= 0 && network->sent >= 0));
  const auto load = templar::parse_load(text);
  CHECK(!load || (std::isfinite(*load) && *load >= 0));
  return 0;
}
