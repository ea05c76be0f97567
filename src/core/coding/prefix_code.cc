#include "core/coding/prefix_code.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace templar {
namespace {

std::vector<uint32_t> ascending(size_t count, auto less) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  // Stable: of equal weights the lower symbol comes first on every machine.
  std::ranges::stable_sort(order, less);
  return order;
}

}  // namespace

std::vector<uint32_t> prefix_code_lengths(std::vector<double> weights) {
  const size_t symbols = weights.size();
  CHECK(symbols >= 2);
  double sum = 0;
  for (const double weight : weights) sum += weight;
  // Bounds the length of a code: a weight of 2^-12 of the sum lies at most kMaxPrefixBits joins deep.
  const double floor = sum * (1.0 / 4096);
  for (double& weight : weights) weight = std::max(weight, floor);
  const auto order = ascending(symbols, [&](uint32_t a, uint32_t b) { return weights[a] < weights[b]; });
  // Joined ones come into being in ascending order, so two queues are enough.
  std::vector<uint32_t> parent(2 * symbols - 1, 0);
  size_t next_symbol = 0;
  size_t next_joined = symbols;
  const auto smallest = [&] {
    // Of equal weights the symbol comes before the joined one: writer and reader must break ties alike.
    if (next_joined == weights.size() ||
        (next_symbol < symbols && weights[order[next_symbol]] <= weights[next_joined])) {
      return order[next_symbol++];
    }
    return static_cast<uint32_t>(next_joined++);
  };
  // A tree with so many leaves has 2 * symbols - 1 nodes.
  while (weights.size() < 2 * symbols - 1) {
    const uint32_t a = smallest();
    const uint32_t b = smallest();
    parent[a] = parent[b] = static_cast<uint32_t>(weights.size());
    weights.push_back(weights[a] + weights[b]);
  }
  std::vector<uint32_t> depth(weights.size(), 0);
  for (size_t i = weights.size() - 1; i-- > 0;) depth[i] = depth[parent[i]] + 1;
  depth.resize(symbols);
  return depth;
}

std::vector<uint32_t> prefix_codes(std::span<const uint32_t> lengths) {
  const auto order =
      ascending(lengths.size(), [&](uint32_t a, uint32_t b) { return lengths[a] < lengths[b]; });
  std::vector<uint32_t> codes(lengths.size());
  uint32_t code = 0;
  uint32_t length = lengths[order[0]];
  for (const uint32_t symbol : order) {
    code <<= lengths[symbol] - length;
    length = lengths[symbol];
    // Canonical codes count up with the first bit on top; the reader takes bits from the lowest up.
    uint32_t reversed = 0;
    for (uint32_t bit = 0; bit < length; ++bit) reversed |= (code >> bit & 1) << (length - 1 - bit);
    codes[symbol] = reversed;
    ++code;
  }
  return codes;
}

PrefixTable PrefixCodes::add(std::vector<double> weights, int lookup_bits) {
  CHECK(!weights.empty() && weights.size() <= 256 && lookup_bits <= 12);
  PrefixTable table{.lookup = static_cast<uint32_t>(lookup_.size()),
                    .mask = 0,
                    .codes = static_cast<uint32_t>(codes_.size()),
                    .symbols = static_cast<uint32_t>(weights.size())};
  if (weights.size() == 1) {
    codes_.push_back({0, 0});
    lookup_.push_back(0);
    return table;
  }
  const auto lengths = prefix_code_lengths(std::move(weights));
  const auto bits = prefix_codes(lengths);
  for (size_t i = 0; i < lengths.size(); ++i) {
    CHECK(lengths[i] <= kMaxPrefixBits);
    codes_.push_back({bits[i], lengths[i]});
  }
  fill_lookup(table, lookup_bits);
  return table;
}

void PrefixCodes::fill_lookup(PrefixTable& table, int lookup_bits) {
  const std::span codes = std::span(codes_).subspan(table.codes, table.symbols);
  uint32_t longest = 0;
  for (const Code& code : codes) longest = std::max(longest, code.length);
  const uint32_t bits = std::min<uint32_t>(longest, lookup_bits);
  table.mask = (1u << bits) - 1;
  lookup_.resize(lookup_.size() + (size_t{1} << bits), kLongCode);
  for (uint32_t symbol = 0; symbol < table.symbols; ++symbol) {
    if (codes[symbol].length > bits) continue;
    // At most 12 bits are looked up, so a length fits four bits and no entry looks like kLongCode.
    const auto entry = static_cast<uint16_t>(symbol << 4 | codes[symbol].length);
    // Whatever bits follow the code, the entry is the same.
    for (uint32_t next = codes[symbol].bits; next <= table.mask; next += 1u << codes[symbol].length) {
      lookup_[table.lookup + next] = entry;
    }
  }
}

uint32_t PrefixCodes::get_long(const PrefixTable& table, BitReader& reader) const {
  for (uint32_t symbol = 0; symbol < table.symbols; ++symbol) {
    const Code& code = codes_[table.codes + symbol];
    // Codes that short are in the table, which did not have this one.
    if (low_bits(code.length) <= table.mask) continue;
    if ((reader.ready() & low_bits(code.length)) != code.bits) continue;
    reader.skip(code.length);
    return symbol;
  }
  CHECK(false);  // a prefix code is complete
  return 0;
}

}  // namespace templar
