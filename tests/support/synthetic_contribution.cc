#include "support/synthetic_contribution.h"

#include <algorithm>

#include "base/bfloat16.h"
#include "base/check.h"
#include "base/random.h"
#include "core/coding/block_log.h"

namespace templar::testing {
namespace {

// kept different positions of a chunk, ascending.
std::vector<uint16_t> draw_positions(const ChunkPlan& plan, Random& random) {
  std::vector<uint16_t> all(static_cast<size_t>(plan.chunk_elements()));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  for (size_t i = 0; i < static_cast<size_t>(plan.kept); ++i) {
    std::swap(all[i], all[i + static_cast<size_t>(random.below(all.size() - i))]);
  }
  all.resize(static_cast<size_t>(plan.kept));
  std::ranges::sort(all);
  return all;
}

// Arbitrary entries; +0 for codes that no value has.
void give_codebook(EncodedParameter& block, int64_t bins, float scale, Random& random) {
  std::vector<bool> used(static_cast<size_t>(bins), false);
  for (const uint8_t code : block.codes) used[code] = true;
  for (const bool is_used : used) {
    const auto value = static_cast<float>(random.normal() * scale);
    block.codebook.push_back(is_used ? value : 0.0f);
  }
}

// block_log's codebook, and scales that differ from chunk to chunk: one in five is 0, which leaves code 0
// only.
void give_scales(EncodedParameter& block, int64_t bins, float scale, Random& random) {
  block.codebook = block_log_codebook(bins);
  const auto kept = static_cast<size_t>(block.plan.kept);
  for (size_t chunk = 0; chunk < static_cast<size_t>(block.plan.chunk_count()); ++chunk) {
    const auto size = static_cast<float>((0.5 + random.uniform()) * scale);
    block.scales.push_back(chunk % 5 == 3 ? 0.0f : round_block_scale(size));
    if (chunk % 5 == 3) std::ranges::fill(std::span(block.codes).subspan(chunk * kept, kept), uint8_t{0});
  }
}

}  // namespace

std::vector<EncodedParameter> synthetic_blocks(const ParameterLayout& layout, const CodecSpec& codec,
                                               uint64_t seed, float scale) {
  std::vector<EncodedParameter> blocks;
  for (size_t p = 0; p < layout.size(); ++p) {
    Random random(seed, layout[p].name);
    EncodedParameter block;
    block.plan = plan_chunks(layout[p].shape, codec);
    for (int64_t chunk = 0; chunk < block.plan.chunk_count(); ++chunk) {
      for (const uint16_t position : draw_positions(block.plan, random)) block.positions.push_back(position);
    }
    const BlockCoding coding{codec.quantiser, codec.quantiser_bins};
    for (int64_t i = 0; coding.value_bits() != 0 && i < block.plan.kept_total(); ++i) {
      const auto value = static_cast<float>(random.normal() * scale);
      block.values.push_back(coding.value_bits() == 16 ? to_float(to_bf16(value)) : value);
    }
    for (int64_t i = 0; coding.value_bits() == 0 && i < block.plan.kept_total(); ++i) {
      block.codes.push_back(static_cast<uint8_t>(random.below(static_cast<uint64_t>(codec.quantiser_bins))));
    }
    if (coding.has_signs()) give_scales(block, codec.quantiser_bins, scale, random);
    if (coding.has_codebook()) give_codebook(block, codec.quantiser_bins, scale, random);
    blocks.push_back(std::move(block));
  }
  return blocks;
}

KeyPair key_of_uid(uint32_t uid) {
  std::array<uint8_t, 32> seed{};
  std::memcpy(seed.data(), &uid, sizeof(uid));
  return KeyPair::from_seed(seed);
}

ContributionHeader synthetic_header(uint32_t uid, int64_t window) {
  ContributionHeader header;
  header.run_id = blake2b_256(as_bytes("run"));
  header.window = window;
  header.uid = uid;
  header.public_key = key_of_uid(uid).public_key();
  header.state_root = blake2b_256(as_bytes("state"));
  header.possession_proof = blake2b_256(as_bytes("possession"));
  header.samples.digest.fill(0x5a);
  header.samples.count = 96;
  header.inner_steps = 12;
  return header;
}

Bytes synthetic_contribution_bytes(const ParameterLayout& layout, const CodecSpec& codec, uint32_t uid,
                                   int64_t window, float scale) {
  return seal_contribution(synthetic_header(uid, window), synthetic_blocks(layout, codec, uid, scale), layout,
                           codec, key_of_uid(uid));
}

Contribution synthetic_contribution(const ParameterLayout& layout, const CodecSpec& codec, uint32_t uid,
                                    int64_t window, float scale) {
  return contribution_of(synthetic_blocks(layout, codec, uid, scale), layout, codec, uid, window);
}

Contribution contribution_of(std::span<const EncodedParameter> blocks, const ParameterLayout& layout,
                             const CodecSpec& codec, uint32_t uid, int64_t window) {
  auto parsed = parse_contribution(
      seal_contribution(synthetic_header(uid, window), blocks, layout, codec, key_of_uid(uid)), layout,
      codec);
  CHECK(parsed.has_value());
  return std::move(*parsed);
}

}  // namespace templar::testing
