// The few texts of Linux' /proc that are read here (proc(5)). Whatever a text holds, what can't be found in
// it is left out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace templar {

// Lines "Name:  123 kB" (meminfo, status, io): the first number of each that begins with one, as it stands,
// without its unit.
[[nodiscard]] std::map<std::string, int64_t, std::less<>> parse_named_numbers(std::string_view text);

// Of /proc/stat: all processors together since the machine began, in ticks.
struct CpuTicks {
  uint64_t busy = 0;
  uint64_t total = 0;
};
[[nodiscard]] std::optional<CpuTicks> parse_cpu_ticks(std::string_view text);

// Of /proc/net/dev: all interfaces together but the loopback.
struct NetworkBytes {
  int64_t received = 0;
  int64_t sent = 0;
};
[[nodiscard]] std::optional<NetworkBytes> parse_network_bytes(std::string_view text);

// Of /proc/loadavg: the average over a minute.
[[nodiscard]] std::optional<double> parse_load(std::string_view text);

}  // namespace templar
