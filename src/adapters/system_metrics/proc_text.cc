#include "adapters/system_metrics/proc_text.h"

#include <charconv>
#include <cmath>
#include <vector>

namespace templar {
namespace {

constexpr std::string_view kSpaces = " \t";

// Takes the first line off the text.
std::string_view next_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t begin = line.find_first_not_of(kSpaces); begin != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(kSpaces, begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kSpaces, end);
  }
  return words;
}

template <typename Number>
std::optional<Number> number_in(std::string_view word) {
  Number number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

// 2^62: sums of a few counters stay within 64 bits.
constexpr int64_t kLargestCounter = int64_t{1} << 62;

}  // namespace

std::map<std::string, int64_t, std::less<>> parse_named_numbers(std::string_view text) {
  std::map<std::string, int64_t, std::less<>> numbers;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto words = words_of(line.substr(colon + 1));
    const auto number = words.empty() ? std::nullopt : number_in<int64_t>(words[0]);
    if (number) numbers.emplace(line.substr(0, colon), *number);
  }
  return numbers;
}

std::optional<CpuTicks> parse_cpu_ticks(std::string_view text) {
  const auto words = words_of(next_line(text));
  // user nice system idle, and on newer kernels iowait irq softirq steal; what guests use is in user and nice
  // already.
  if (words.size() < 5 || words[0] != "cpu") return std::nullopt;
  CpuTicks ticks;
  for (size_t i = 1; i < words.size() && i <= 8; ++i) {
    const auto number = number_in<uint64_t>(words[i]);
    if (!number || *number > static_cast<uint64_t>(kLargestCounter) / 8) return std::nullopt;
    ticks.total += *number;
    const bool idle = i == 4 || i == 5;
    if (!idle) ticks.busy += *number;
  }
  return ticks;
}

std::optional<NetworkBytes> parse_network_bytes(std::string_view text) {
  NetworkBytes sum;
  bool found = false;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;  // the two lines of headings
    const auto name = words_of(line.substr(0, colon));
    const auto words = words_of(line.substr(colon + 1));
    if (name.size() != 1 || words.size() < 9 || name[0] == "lo") continue;
    const auto received = number_in<int64_t>(words[0]);
    const auto sent = number_in<int64_t>(words[8]);
    const bool possible = received && sent && *received >= 0 && *sent >= 0 &&
                          *received <= kLargestCounter - sum.received && *sent <= kLargestCounter - sum.sent;
    if (!possible) continue;
    sum.received += *received;
    sum.sent += *sent;
    found = true;
  }
  return found ? std::optional(sum) : std::nullopt;
}

std::optional<double> parse_load(std::string_view text) {
  const auto words = words_of(next_line(text));
  const auto load = words.empty() ? std::nullopt : number_in<double>(words[0]);
  return load && std::isfinite(*load) && *load >= 0 ? load : std::nullopt;
}

}  // namespace templar
