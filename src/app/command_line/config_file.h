// A configuration file: the part of TOML (https://toml.io, version 1.0) that a list of options needs.
// Whatever is taken here means the same to every reader of TOML.
//
//   spec = "tiny"                      # texts in quotes: "with \n escapes", 'as they are'
//   threads = 4                        # whole numbers, numbers such as 0.5 and 1e6, true, false
//   tag = ["site=a",                   # lists, also over several lines
//          "rack=7"]
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace templar {

using ConfigValue = std::variant<bool, int64_t, double, std::string>;

struct ConfigEntry {
  std::string name;
  int64_t line = 0;  // from 1; where the name stands
  bool is_list = false;
  std::vector<ConfigValue> values;  // one, unless it is a list
};

inline constexpr size_t kMaxConfigBytes = size_t{1} << 20;

// In the order of their lines. Fails (fatal) with "FILE:LINE: " and what is wrong: no such file, a name
// twice, a section, a value that no option takes (a date, a text over several lines, a list in a list).
[[nodiscard]] Result<std::vector<ConfigEntry>> parse_config(std::string_view text, const std::string& file);

// Fails (fatal) likewise, and where the file can't be read or has more than kMaxConfigBytes.
[[nodiscard]] Result<std::vector<ConfigEntry>> read_config_file(const std::filesystem::path& file);

// A line of such a file: NAME = "VALUE", whatever the value has in it.
[[nodiscard]] std::string config_line(std::string_view name, std::string_view value);

}  // namespace templar
