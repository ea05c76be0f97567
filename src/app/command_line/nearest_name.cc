#include "app/command_line/nearest_name.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace templar {
namespace {

// Longer texts are nobody's misspelling of an option's name.
constexpr size_t kLongestName = 64;

// How many changes make b of a: the distance of Damerau and Levenshtein, where no part is changed twice.
size_t changes_between(std::string_view a, std::string_view b) {
  std::array<std::vector<size_t>, 3> rows;  // of the first i, i-1 and i-2 characters of a
  for (std::vector<size_t>& row : rows) row.resize(b.size() + 1);
  std::iota(rows[1].begin(), rows[1].end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    rows[0][0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      rows[0][j] =
          std::min({rows[1][j] + 1, rows[0][j - 1] + 1, rows[1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        rows[0][j] = std::min(rows[0][j], rows[2][j - 2] + 1);
    }
    std::ranges::rotate(rows, rows.end() - 1);
  }
  return rows[1][b.size()];
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view wanted, const std::vector<std::string>& known) {
  if (wanted.size() > kLongestName) return std::nullopt;
  std::optional<std::string> nearest;
  size_t fewest = kLongestName;
  for (const std::string& name : known) {
    const size_t changes = changes_between(wanted, name);
    if (changes >= fewest || changes * 3 > std::max(wanted.size(), name.size())) continue;
    fewest = changes;
    nearest = name;
  }
  return nearest;
}

}  // namespace templar
