#include "core/protocol/contribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "core/coding/block_log.h"

namespace templar {
namespace {

constexpr std::string_view kContributionMagic = "TPLC";
constexpr int64_t kPrologueBytes = kContributionPrologueBytes;
constexpr int64_t kHashBytes = sizeof(Hash256);
constexpr int64_t kSignatureBytes = sizeof(Signature);
constexpr int64_t kTrailerBytes = kHashBytes + kSignatureBytes;

// Everything before the first block.
struct Prologue {
  uint16_t version = 0;
  uint16_t codec_id = 0;
  ContributionHeader header;
  bool use_dct = false;
  BlockCoding coding;
  uint32_t parameter_count = 0;
};

template <size_t size>
Status read_array(ByteReader& reader, std::array<uint8_t, size>& out, const char* field) {
  TRY_ASSIGN(const ByteView bytes, reader.get_bytes(size, field));
  std::ranges::copy(bytes, out.begin());
  return {};
}

Status read_header(ByteReader& reader, ContributionHeader& header) {
  TRY(read_array(reader, header.run_id.bytes, "run id"));
  TRY_ASSIGN(const auto window, reader.get<uint64_t>("window"));
  if (window > INT64_MAX) return skip_error(fmt::format("window: {} is out of range", window));
  header.window = static_cast<int64_t>(window);
  TRY_ASSIGN(header.uid, reader.get<uint32_t>("uid"));
  TRY_ASSIGN(header.inner_steps, reader.get<uint32_t>("inner steps"));
  TRY(read_array(reader, header.public_key.bytes, "public key"));
  TRY(read_array(reader, header.state_root.bytes, "state root"));
  TRY(read_array(reader, header.possession_proof.bytes, "possession proof"));
  TRY(read_array(reader, header.samples.digest, "sample digest"));
  TRY_ASSIGN(header.samples.count, reader.get<uint32_t>("sample count"));
  return {};
}

Result<Prologue> read_prologue(ByteReader& reader) {
  TRY_ASSIGN(const ByteView magic, reader.get_bytes(kContributionMagic.size(), "magic"));
  if (as_text(magic) != kContributionMagic)
    return skip_error(fmt::format("magic: {} is not a contribution's", to_hex(magic)));
  Prologue prologue;
  TRY_ASSIGN(prologue.version, reader.get<uint16_t>("version"));
  if (prologue.version != kContributionVersion) {
    return skip_error(fmt::format("version: {}, only {} is known", prologue.version, kContributionVersion));
  }
  TRY_ASSIGN(prologue.codec_id, reader.get<uint16_t>("codec id"));
  TRY(read_header(reader, prologue.header));
  TRY_ASSIGN(const auto transform, reader.get<uint8_t>("transform"));
  if (transform >> 1 > std::to_underlying(Quantiser::kNoneBf16))
    return skip_error(fmt::format("transform: {} has no known quantiser", transform));
  prologue.use_dct = (transform & 1) == 1;
  prologue.coding.quantiser = static_cast<Quantiser>(transform >> 1);
  TRY_ASSIGN(const auto bins_less_one, reader.get<uint8_t>("bins"));
  if (bins_less_one == 0) return skip_error("bins: 1, at least 2 are needed");
  prologue.coding.bins = bins_less_one + 1;
  if (prologue.coding.has_signs() && prologue.coding.bins > kMaxBlockLogBins)
    return skip_error(
        fmt::format("bins: {}, the quantiser has at most {}", prologue.coding.bins, kMaxBlockLogBins));
  if (prologue.coding.has_signs() && prologue.coding.bins % 2 != 0)
    return skip_error(fmt::format("bins: {}, the quantiser needs an even number", prologue.coding.bins));
  TRY_ASSIGN(prologue.parameter_count, reader.get<uint32_t>("parameter count"));
  return prologue;
}

// Where the trailer's parts are in bytes that are long enough to have one.
ByteView hashed_part(ByteView bytes) {
  return bytes.first(bytes.size() - kTrailerBytes);
}
ByteView signed_part(ByteView bytes) {
  return bytes.first(bytes.size() - kSignatureBytes);
}
Signature stated_signature(ByteView bytes) {
  Signature signature;
  std::ranges::copy(bytes.last(kSignatureBytes), signature.bytes.begin());
  return signature;
}

BlockCoding coding_of(const CodecSpec& codec) {
  return {codec.quantiser, codec.quantiser_bins};
}

Status check_codec(const Prologue& prologue, const CodecSpec& codec, size_t parameters) {
  if (prologue.codec_id != std::to_underlying(CodecId::kJoint)) {
    return skip_error(fmt::format("codec id: {} is not known", prologue.codec_id));
  }
  if (prologue.use_dct != codec.use_dct) {
    return skip_error(
        fmt::format("transform: {}, the run spec says {}", int{prologue.use_dct}, int{codec.use_dct}));
  }
  if (prologue.coding.quantiser != codec.quantiser) {
    return skip_error(fmt::format("transform: quantiser {}, the run spec says {}",
                                  std::to_underlying(prologue.coding.quantiser),
                                  std::to_underlying(codec.quantiser)));
  }
  if (prologue.coding.bins != codec.quantiser_bins) {
    return skip_error(
        fmt::format("bins: {}, the run spec says {}", prologue.coding.bins, codec.quantiser_bins));
  }
  if (prologue.parameter_count != parameters) {
    return skip_error(
        fmt::format("parameter count: {}, the model has {}", prologue.parameter_count, parameters));
  }
  return {};
}

Status summarise_blocks(ByteReader& reader, const Prologue& prologue, std::vector<BlockSummary>& summaries) {
  if (prologue.codec_id != std::to_underlying(CodecId::kJoint)) {
    return skip_error(fmt::format("codec id: {} is not known", prologue.codec_id));
  }
  for (uint32_t i = 0; i < prologue.parameter_count; ++i) {
    const size_t begin = reader.position();
    auto checked = read_coded_block(reader, prologue.coding);
    if (!checked) return annotate(checked.error(), fmt::format("parameter {}", i));
    summaries.push_back({.plan = checked->block.plan,
                         .codebook = std::move(checked->block.codebook),
                         .code_counts = std::move(checked->code_counts),
                         .norm = std::sqrt(checked->squared_norm),
                         .size_bytes = static_cast<int64_t>(reader.position() - begin)});
  }
  if (reader.remaining() != 0)
    return skip_error(fmt::format("{} bytes too many after the last block", reader.remaining()));
  return {};
}

}  // namespace

Bytes seal_contribution(ContributionHeader header, std::span<const EncodedParameter> blocks,
                        const ParameterLayout& layout, const CodecSpec& codec, const KeyPair& key,
                        ThreadTeam* team) {
  CHECK(blocks.size() == layout.size() && header.window >= 0);
  header.public_key = key.public_key();
  ByteWriter writer;
  writer.put_bytes(as_bytes(kContributionMagic));
  writer.put(kContributionVersion);
  writer.put(std::to_underlying(CodecId::kJoint));
  writer.put_bytes(header.run_id.bytes);
  writer.put<uint64_t>(header.window);
  writer.put(header.uid);
  writer.put(header.inner_steps);
  writer.put_bytes(header.public_key.bytes);
  writer.put_bytes(header.state_root.bytes);
  writer.put_bytes(header.possession_proof.bytes);
  writer.put_bytes(header.samples.digest);
  writer.put(header.samples.count);
  writer.put<uint8_t>((codec.use_dct ? 1 : 0) + 2 * std::to_underlying(codec.quantiser));
  writer.put<uint8_t>(codec.quantiser_bins - 1);
  writer.put<uint32_t>(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    CHECK(blocks[i].plan == plan_chunks(layout[i].shape, codec));
    write_coded_block(blocks[i], coding_of(codec), writer, team);
  }
  writer.put_bytes(blake2b_256(writer.view()).bytes);
  writer.put_bytes(key.sign(writer.view()).bytes);
  return writer.take();
}

Hash256 stated_content_hash(ByteView contribution) {
  CHECK(std::ssize(contribution) >= kTrailerBytes);
  Hash256 hash;
  std::ranges::copy(contribution.subspan(contribution.size() - kTrailerBytes, kHashBytes),
                    hash.bytes.begin());
  return hash;
}

Result<Contribution> parse_contribution(SharedBytes bytes, const ParameterLayout& layout,
                                        const CodecSpec& codec) {
  const int64_t largest = max_contribution_size(layout, codec);
  const auto size = std::ssize(bytes.view());
  if (size > largest || size < kPrologueBytes + kTrailerBytes) {
    return skip_error(fmt::format("size: {} bytes, a contribution of this run has {} to {}", size,
                                  kPrologueBytes + kTrailerBytes, largest));
  }
  Contribution contribution;
  contribution.bytes_ = std::move(bytes);
  const ByteView all = contribution.bytes();
  ByteReader reader(hashed_part(all));
  TRY_ASSIGN(const Prologue prologue, read_prologue(reader));
  TRY(check_codec(prologue, codec, layout.size()));
  contribution.header_ = prologue.header;
  contribution.coding_ = prologue.coding;
  contribution.content_hash_ = blake2b_256(hashed_part(all));
  if (contribution.content_hash_ != stated_content_hash(all)) {
    return skip_error(fmt::format("content hash: {} is stated, {} is what the content has",
                                  stated_content_hash(all).brief(), contribution.content_hash_.brief()));
  }
  if (!verify(prologue.header.public_key, signed_part(all), stated_signature(all))) {
    return skip_error(fmt::format("signature: not by key {}", prologue.header.public_key.hex()));
  }
  std::vector<Contribution::BlockPlace> blocks;
  blocks.reserve(layout.size());
  for (const ParameterInfo& parameter : layout) {
    const ChunkPlan plan = plan_chunks(parameter.shape, codec);
    const size_t offset = reader.position();
    const auto checked = read_coded_block(reader, prologue.coding, &plan);
    if (!checked) return annotate(checked.error(), parameter.name);
    blocks.push_back({offset, checked->squared_norm});
  }
  if (reader.remaining() != 0)
    return skip_error(fmt::format("{} bytes too many after the last block", reader.remaining()));
  contribution.blocks_ = std::make_shared<const std::vector<Contribution::BlockPlace>>(std::move(blocks));
  return contribution;
}

int64_t max_contribution_size(const ParameterLayout& layout, const CodecSpec& codec) {
  int64_t size = kPrologueBytes + kTrailerBytes;
  for (const ParameterInfo& parameter : layout) {
    size += max_coded_block_size(plan_chunks(parameter.shape, codec), coding_of(codec));
  }
  return size;
}

Verdict check_contribution(const Contribution& contribution, const ExpectedContribution& expected) {
  const ContributionHeader& header = contribution.header();
  if (header.run_id != expected.run_id) {
    return invalid_verdict(
        fmt::format("run id: {} is not this run's {}", header.run_id.brief(), expected.run_id.brief()));
  }
  if (header.window != expected.window) {
    return invalid_verdict(fmt::format("window: made for {}, not for {}", header.window, expected.window));
  }
  if (header.uid != expected.uid)
    return invalid_verdict(fmt::format("uid: {} instead of {}", header.uid, expected.uid));
  if (header.public_key != expected.public_key) {
    return invalid_verdict(
        fmt::format("public key: {} is not the key of uid {}", header.public_key.hex(), expected.uid));
  }
  if (expected.samples && header.samples.count != expected.samples->count) {
    return invalid_verdict(
        fmt::format("sample count: {} instead of {}", header.samples.count, expected.samples->count));
  }
  if (expected.samples && header.samples.digest != expected.samples->digest) {
    return invalid_verdict("sample digest: not that of the assigned samples");
  }
  if (expected.content_hash && contribution.content_hash() != *expected.content_hash) {
    return invalid_verdict(fmt::format("content hash: {}, the record names {}",
                                       contribution.content_hash().brief(), expected.content_hash->brief()));
  }
  return {};
}

Result<ContributionSummary> inspect_contribution(ByteView bytes) {
  if (std::ssize(bytes) < kPrologueBytes + kTrailerBytes) {
    return skip_error(fmt::format("size: {} bytes, the shortest contribution has {}", bytes.size(),
                                  kPrologueBytes + kTrailerBytes));
  }
  ByteReader reader(hashed_part(bytes));
  TRY_ASSIGN(const Prologue prologue, read_prologue(reader));
  ContributionSummary summary;
  summary.version = prologue.version;
  summary.codec_id = prologue.codec_id;
  summary.use_dct = prologue.use_dct;
  summary.quantiser = prologue.coding.quantiser;
  summary.bins = prologue.coding.bins;
  summary.header = prologue.header;
  summary.content_hash = stated_content_hash(bytes);
  summary.hash_ok = blake2b_256(hashed_part(bytes)) == summary.content_hash;
  summary.signature_ok = verify(prologue.header.public_key, signed_part(bytes), stated_signature(bytes));
  summary.size_bytes = std::ssize(bytes);
  if (auto status = summarise_blocks(reader, prologue, summary.blocks); !status)
    summary.body_error = status.error().message;
  return summary;
}

}  // namespace templar
