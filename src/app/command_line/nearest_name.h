// What somebody may have meant who misspelt a name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templar {

// The known name that takes the fewest changes (a character more, less, another one, two neighbours swapped);
// of equals the first. nullopt where even that is far off: more than a third of the longer name.
[[nodiscard]] std::optional<std::string> nearest_name(std::string_view wanted,
                                                      const std::vector<std::string>& known);

}  // namespace templar
