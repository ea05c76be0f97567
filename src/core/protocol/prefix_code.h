// Lengths of an optimal prefix code. They are part of the protocol: doubles are only added and compared, in a
// fixed order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace templar {

// Huffman's code for these weights, each raised to at least 2^-12 of their sum; the two smallest are joined
// again and again, of equal ones a symbol before a joined one and a lower before a higher. At least two.
[[nodiscard]] std::vector<uint32_t> prefix_code_lengths(std::vector<double> weights);

// Canonical codes for lengths: ascending by length, then by symbol. The first bit is the lowest.
[[nodiscard]] std::vector<uint32_t> prefix_codes(std::span<const uint32_t> lengths);

}  // namespace templar
