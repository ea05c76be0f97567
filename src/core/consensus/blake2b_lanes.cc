#include "core/consensus/blake2b_lanes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/consensus/blake2b_lanes.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kBlockBytes = 128;
constexpr uint64_t kHashBytes = 32;

constexpr uint64_t kInitial[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                  0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                  0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

// Which word of the block each mixing takes, round by round (RFC 7693, 2.7; rounds 10 and 11 repeat 0 and 1).
constexpr uint8_t kSchedule[12][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
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
                                       {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

// The hashes of as many equally long messages as a vector has lanes.
class Lanes {
 public:
  using D = hn::CappedTag<uint64_t, kBlake2bLanes>;
  using Offsets = hn::RebindToSigned<D>;
  using V = hn::Vec<D>;

  static size_t count() { return hn::Lanes(D()); }

  // Exactly count() messages, of which no one is empty.
  Lanes(const ByteView* messages, ByteView key) : messages_(messages) {
    const D d;
    for (size_t i = 0; i < 8; ++i) hn::Store(hn::Set(d, kInitial[i]), d, state_[i]);
    const uint64_t parameters = 0x01010000 ^ (uint64_t{key.size()} << 8) ^ kHashBytes;
    hn::Store(hn::Set(d, kInitial[0] ^ parameters), d, state_[0]);
    if (!key.empty()) absorb_key(key);
    absorb_messages();
  }

  void store(Hash256* hashes) const {
    for (size_t lane = 0; lane < count(); ++lane) {
      for (size_t word = 0; word < 4; ++word)
        std::memcpy(hashes[lane].bytes.data() + word * 8, &state_[word][lane], 8);
    }
  }

 private:
  void absorb_key(ByteView key) {
    const D d;
    uint64_t words[16] = {};
    std::memcpy(words, key.data(), key.size());
    for (size_t i = 0; i < 16; ++i) hn::Store(hn::Set(d, words[i]), d, block_[i]);
    total_ += kBlockBytes;
    compress(false);
  }

  void absorb_messages() {
    const D d;
    HWY_ALIGN int64_t distances[kBlake2bLanes];
    const auto first = reinterpret_cast<uintptr_t>(messages_[0].data());
    for (size_t lane = 0; lane < count(); ++lane)
      distances[lane] = static_cast<int64_t>(reinterpret_cast<uintptr_t>(messages_[lane].data()) - first);
    const auto offsets = hn::Load(Offsets(), distances);
    const size_t size = messages_[0].size();
    size_t position = 0;
    for (; size - position > kBlockBytes; position += kBlockBytes) {
      const auto* words = reinterpret_cast<const uint64_t*>(messages_[0].data() + position);
      for (size_t i = 0; i < 16; ++i) hn::Store(hn::GatherOffset(d, words + i, offsets), d, block_[i]);
      total_ += kBlockBytes;
      compress(false);
    }
    for (size_t lane = 0; lane < count(); ++lane) {
      uint64_t words[16] = {};
      std::memcpy(words, messages_[lane].data() + position, size - position);
      for (size_t i = 0; i < 16; ++i) block_[i][lane] = words[i];
    }
    total_ += size - position;
    compress(true);
  }

  static HWY_INLINE void mix(V& a, V& b, V& c, V& d, V x, V y) {
    a = hn::Add(hn::Add(a, b), x);
    d = hn::RotateRight<32>(hn::Xor(d, a));
    c = hn::Add(c, d);
    b = hn::RotateRight<24>(hn::Xor(b, c));
    a = hn::Add(hn::Add(a, b), y);
    d = hn::RotateRight<16>(hn::Xor(d, a));
    c = hn::Add(c, d);
    b = hn::RotateRight<63>(hn::Xor(b, c));
  }

  // Takes block_ in, after total_ bytes.
  HWY_NOINLINE void compress(bool last) {
    const D d;
    V v0 = hn::Load(d, state_[0]), v1 = hn::Load(d, state_[1]), v2 = hn::Load(d, state_[2]),
      v3 = hn::Load(d, state_[3]);
    V v4 = hn::Load(d, state_[4]), v5 = hn::Load(d, state_[5]), v6 = hn::Load(d, state_[6]),
      v7 = hn::Load(d, state_[7]);
    V v8 = hn::Set(d, kInitial[0]), v9 = hn::Set(d, kInitial[1]), v10 = hn::Set(d, kInitial[2]),
      v11 = hn::Set(d, kInitial[3]);
    V v12 = hn::Set(d, kInitial[4] ^ total_), v13 = hn::Set(d, kInitial[5]);
    V v14 = hn::Set(d, last ? ~kInitial[6] : kInitial[6]), v15 = hn::Set(d, kInitial[7]);
    const auto word = [&](size_t round, size_t i)
                          HWY_ATTR { return hn::Load(d, block_[kSchedule[round][i]]); };
    HWY_UNROLL(12)
    for (size_t r = 0; r < 12; ++r) {
      mix(v0, v4, v8, v12, word(r, 0), word(r, 1));
      mix(v1, v5, v9, v13, word(r, 2), word(r, 3));
      mix(v2, v6, v10, v14, word(r, 4), word(r, 5));
      mix(v3, v7, v11, v15, word(r, 6), word(r, 7));
      mix(v0, v5, v10, v15, word(r, 8), word(r, 9));
      mix(v1, v6, v11, v12, word(r, 10), word(r, 11));
      mix(v2, v7, v8, v13, word(r, 12), word(r, 13));
      mix(v3, v4, v9, v14, word(r, 14), word(r, 15));
    }
    const auto fold = [&](size_t i, V low, V high) HWY_ATTR {
      hn::Store(hn::Xor(hn::Load(d, state_[i]), hn::Xor(low, high)), d, state_[i]);
    };
    fold(0, v0, v8);
    fold(1, v1, v9);
    fold(2, v2, v10);
    fold(3, v3, v11);
    fold(4, v4, v12);
    fold(5, v5, v13);
    fold(6, v6, v14);
    fold(7, v7, v15);
  }

  const ByteView* messages_;
  uint64_t total_ = 0;  // bytes taken in, the padded key's too
  HWY_ALIGN uint64_t state_[8][kBlake2bLanes];
  HWY_ALIGN uint64_t block_[16][kBlake2bLanes];
};

// The first count of the messages have one length, which is not 0.
void HashEqualLengths(const ByteView* messages, size_t count, ByteView key, Hash256* hashes) {
  const size_t lanes = Lanes::count();
  for (size_t begin = 0; begin < count; begin += lanes) {
    ByteView group[kBlake2bLanes];
    Hash256 results[kBlake2bLanes];
    // Lanes without a message of their own repeat the last one's.
    for (size_t i = 0; i < lanes; ++i) group[i] = messages[HWY_MIN(begin + i, count - 1)];
    Lanes(group, key).store(results);
    for (size_t i = 0; i < lanes && begin + i < count; ++i) hashes[begin + i] = results[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/check.h"

namespace templar {

HWY_EXPORT(HashEqualLengths);

void blake2b_256_each(std::span<const ByteView> messages, ByteView key, std::span<Hash256> hashes) {
  CHECK(messages.size() == hashes.size() && key.size() <= 64);
  for (size_t begin = 0; begin < messages.size();) {
    size_t end = begin + 1;
    while (end < messages.size() && messages[end].size() == messages[begin].size()) ++end;
    if (messages[begin].empty() || end - begin == 1) {
      for (size_t i = begin; i < end; ++i) hashes[i] = Blake2b(32, key).update(messages[i]).finish256();
    } else {
      HWY_DYNAMIC_DISPATCH(HashEqualLengths)(&messages[begin], end - begin, key, &hashes[begin]);
    }
    begin = end;
  }
}

}  // namespace templar
#endif  // HWY_ONCE
