// BLAKE2b-256 with a key (RFC 7693) of one block of bytes, for hashing a model where it lies: a thread to a
// block.
#pragma once

#include "engine/device/portable.h"

namespace templar {

inline constexpr int kBlakeBlockBytes = 128;

// A keyed hash's first block: the key, filled up with zeros.
struct BlakeKey {
  uint64_t words[16];
  uint32_t bytes;
};

struct BlakeState {
  uint64_t h[8];
};

struct BlakeSigma {
  uint8_t at[12][16];
};

TEMPLAR_DEVICE constexpr BlakeSigma blake_sigma() {
  return {{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
           {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
           {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
           {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
           {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
           {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
           {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
           {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
           {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
           {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
           {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
           {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}}};
}

struct BlakeStart {
  uint64_t words[8];
};

TEMPLAR_DEVICE constexpr BlakeStart blake_start() {
  return {{0x6a09e667f3bcc908U, 0xbb67ae8584caa73bU, 0x3c6ef372fe94f82bU, 0xa54ff53a5f1d36f1U,
           0x510e527fade682d1U, 0x9b05688c2b3e6c1fU, 0x1f83d9abfb41bd6bU, 0x5be0cd19137e2179U}};
}

TEMPLAR_DEVICE uint64_t turned_right(uint64_t x, int bits) {
  return (x >> bits) | (x << (64 - bits));
}

TEMPLAR_DEVICE void blake_mix(uint64_t& a, uint64_t& b, uint64_t& c, uint64_t& d, uint64_t x, uint64_t y) {
  a = a + b + x;
  d = turned_right(d ^ a, 32);
  c = c + d;
  b = turned_right(b ^ c, 24);
  a = a + b + y;
  d = turned_right(d ^ a, 16);
  c = c + d;
  b = turned_right(b ^ c, 63);
}

// `hashed`: bytes up to the end of this block, the key's block included.
TEMPLAR_DEVICE void blake_compress(BlakeState& state, const uint64_t (&m)[16], uint64_t hashed, bool last) {
  constexpr BlakeStart kStart = blake_start();
  constexpr BlakeSigma kSigma = blake_sigma();
  uint64_t v[16];
  for (int i = 0; i < 8; ++i) {
    v[i] = state.h[i];
    v[i + 8] = kStart.words[i];
  }
  v[12] ^= hashed;
  if (last) v[14] = ~v[14];
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int round = 0; round < 12; ++round) {
    const auto& at = kSigma.at[round];
    blake_mix(v[0], v[4], v[8], v[12], m[at[0]], m[at[1]]);
    blake_mix(v[1], v[5], v[9], v[13], m[at[2]], m[at[3]]);
    blake_mix(v[2], v[6], v[10], v[14], m[at[4]], m[at[5]]);
    blake_mix(v[3], v[7], v[11], v[15], m[at[6]], m[at[7]]);
    blake_mix(v[0], v[5], v[10], v[15], m[at[8]], m[at[9]]);
    blake_mix(v[1], v[6], v[11], v[12], m[at[10]], m[at[11]]);
    blake_mix(v[2], v[7], v[8], v[13], m[at[12]], m[at[13]]);
    blake_mix(v[3], v[4], v[9], v[14], m[at[14]], m[at[15]]);
  }
  for (int i = 0; i < 8; ++i) state.h[i] ^= v[i] ^ v[i + 8];
}

// The hash of `count` f32 values' little-endian bytes, count >= 1, as four little-endian words.
TEMPLAR_DEVICE void blake2b_256_of_values(const BlakeKey& key, const float* values, int64_t count,
                                          uint64_t (&out)[4]) {
  constexpr int64_t kBlockValues = kBlakeBlockBytes / 4;
  constexpr BlakeStart kStart = blake_start();
  BlakeState state;
  for (int i = 0; i < 8; ++i) state.h[i] = kStart.words[i];
  state.h[0] ^= 0x01010000U ^ (static_cast<uint64_t>(key.bytes) << 8) ^ 32U;
  blake_compress(state, key.words, kBlakeBlockBytes, false);
  const auto* words = reinterpret_cast<const uint32_t*>(values);
  for (int64_t at = 0; at < count; at += kBlockValues) {
    const bool last = at + kBlockValues >= count;
    uint64_t m[16];
    for (int i = 0; i < 16; ++i) {
      const int64_t low = at + 2 * i;
      m[i] = low < count ? words[low] : 0U;
      if (low + 1 < count) m[i] |= static_cast<uint64_t>(words[low + 1]) << 32;
    }
    const int64_t end = last ? count : at + kBlockValues;
    blake_compress(state, m, static_cast<uint64_t>(kBlakeBlockBytes + end * 4), last);
  }
  for (int i = 0; i < 4; ++i) out[i] = state.h[i];
}

}  // namespace templar
