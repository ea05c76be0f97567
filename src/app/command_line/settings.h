// Options that are not given as flags: what the environment and a configuration file say of them, as the
// texts that the flags would take.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/command_line/option_table.h"
#include "app/command_line/variables.h"
#include "base/result.h"

namespace templar {

// "--until-window" is "until-window" in a file and TEMPLAR_UNTIL_WINDOW in the environment; of several names
// the first counts.
[[nodiscard]] std::string file_name_of(const Option& option);
[[nodiscard]] std::string variable_of(std::string_view name_in_file);

struct Setting {
  std::string source;  // the variable's name, or FILE:LINE
  std::vector<std::string> texts;
};
// By the options' names in a file.
using SettingsByName = std::map<std::string, Setting, std::less<>>;

// What variables and file say of these options, a variable before the file. config_file may be empty: there
// is none. Fails (fatal) with the source where the file can't be read, names an option that is not in the
// table (with the nearest one that is) or has a value of another kind; and where a flag's variable is neither
// true (1, true, yes, on) nor false (0, false, no, off). A list's variable has its values between commas.
// Whether values are allowed is not looked at.
[[nodiscard]] Result<SettingsByName> read_settings(const OptionTable& table, const Environment& environment,
                                                   const std::filesystem::path& config_file);

// For each variable with our prefix that is none of the known ones: a sentence that says so, with the
// nearest.
[[nodiscard]] std::vector<std::string> unknown_variables(const Environment& environment,
                                                         const std::vector<std::string>& known);

// How --show-config lists the options: as a configuration file, a line for each in the table's order, and
// where the value came from behind it; what is not said anywhere is commented out with its default. sources:
// by the names in a file. Secrets are left out, also within addresses.
[[nodiscard]] std::string shown_options(const OptionTable& table,
                                        const std::map<std::string, std::string, std::less<>>& sources);

}  // namespace templar
