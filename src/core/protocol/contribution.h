// A contribution: what a miner publishes for a window. Sealing one (encoding, hashing and signing it), its
// only parser, and the check that it is the one that was asked for. The bytes are described in
// docs/protocol.md. All functions here are pure and may run on any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/keys/keys.h"
#include "core/coding/coded_block.h"
#include "core/protocol/sample_receipt.h"
#include "core/protocol/verdict.h"
#include "core/run/parameter_layout.h"

namespace templar {

constexpr uint16_t kContributionVersion = 1;
constexpr size_t kContributionPrologueBytes = 178;  // all fields before the first block

struct ContributionHeader {
  Hash256 run_id;
  int64_t window = 0;  // >= 0
  uint32_t uid = 0;
  PublicKey public_key;
  Hash256 state_root;        // of the model that the miner started the window from
  Hash256 possession_proof;  // core/consensus/possession.h
  SampleReceipt samples;
  uint32_t inner_steps = 0;

  bool operator==(const ContributionHeader&) const = default;
};

// A parsed contribution: its bytes, which it keeps alive, and where everything is in them. Besides its bytes,
// which may lie in a file, it takes 16 bytes a parameter. Copies share both; moving and copying keep views
// valid.
class Contribution {
 public:
  [[nodiscard]] const ContributionHeader& header() const { return header_; }
  // BLAKE2b-256 of everything before it: the name under which records speak of this contribution.
  [[nodiscard]] const Hash256& content_hash() const { return content_hash_; }
  [[nodiscard]] ByteView bytes() const { return bytes_.view(); }
  [[nodiscard]] int64_t size_bytes() const { return std::ssize(bytes()); }
  // One for each parameter, in the layout's order.
  [[nodiscard]] size_t block_count() const { return blocks_->size(); }
  // plan: the parameter's; without one the block describes its own chunks, as read_coded_block says.
  [[nodiscard]] CodedBlock block(size_t parameter, const ChunkPlan* plan = nullptr) const {
    return open_coded_block(bytes(), (*blocks_)[parameter].offset, coding_, plan);
  }
  // Of all values of that parameter; its order of addition is part of the protocol.
  [[nodiscard]] double squared_norm(size_t parameter) const { return (*blocks_)[parameter].squared_norm; }

 private:
  Contribution() = default;
  friend Result<Contribution> parse_contribution(SharedBytes bytes, const ParameterLayout& layout,
                                                 const CodecSpec& codec);

  struct BlockPlace {
    size_t offset;
    double squared_norm;
  };

  SharedBytes bytes_;
  ContributionHeader header_;
  Hash256 content_hash_;
  BlockCoding coding_;
  std::shared_ptr<const std::vector<BlockPlace>> blocks_;
};

// The one encoding of this content, signed. header.public_key is overwritten with the pair's. blocks are
// those of the compressor for this layout and codec spec (CHECK). The team, where there is one, shares the
// work.
[[nodiscard]] Bytes seal_contribution(ContributionHeader header, std::span<const EncodedParameter> blocks,
                                      const ParameterLayout& layout, const CodecSpec& codec,
                                      const KeyPair& key, ThreadTeam* team = nullptr);

// The content hash that bytes made by seal_contribution state; not for what comes from elsewhere.
[[nodiscard]] Hash256 stated_content_hash(ByteView contribution);

// Accepts exactly what seal_contribution makes for this layout and codec spec: size, magic, version, codec,
// content hash, signature, and every block, in this order; allocates nothing before the size fits. Fails
// (skip) and names the field and the number. Does not judge who sent it or for which window:
// check_contribution does.
[[nodiscard]] Result<Contribution> parse_contribution(SharedBytes bytes, const ParameterLayout& layout,
                                                      const CodecSpec& codec);

// No contribution of this layout and codec spec is larger: a reader fetches no more than that. An honest one
// is well below.
[[nodiscard]] int64_t max_contribution_size(const ParameterLayout& layout, const CodecSpec& codec);

struct ExpectedContribution {
  Hash256 run_id;
  int64_t window = 0;
  uint32_t uid = 0;
  PublicKey public_key;                  // the uid's key on the ledger
  std::optional<SampleReceipt> samples;  // where the reader knows what was assigned
  std::optional<Hash256> content_hash;   // where a record names it
};
// kAccepted, or kInvalid with the first field that differs. The node's gather judges the rest: the
// time (window_plan.h), the state root and the possession proof.
[[nodiscard]] Verdict check_contribution(const Contribution& contribution,
                                         const ExpectedContribution& expected);

// What can be said of a contribution without a run spec: for `templar contribution inspect`.
struct BlockSummary {
  ChunkPlan plan;  // tile, kept and chunk count; the parameter's own rows and columns are not in the file
  std::vector<float> codebook;
  std::vector<int64_t> code_counts;  // how many values have each code
  double norm = 0;                   // L2 of the values
  int64_t size_bytes = 0;
};
struct ContributionSummary {
  uint16_t version = 0;
  uint16_t codec_id = 0;
  bool use_dct = false;
  Quantiser quantiser = Quantiser::kMean4;
  int64_t bins = 0;
  ContributionHeader header;
  Hash256 content_hash;
  bool hash_ok = false;
  bool signature_ok = false;
  std::vector<BlockSummary> blocks;
  std::string body_error;  // empty, or why the blocks could not all be read
  int64_t size_bytes = 0;
};
// Fails (skip) only where not even the header can be read (too short, another magic or version).
[[nodiscard]] Result<ContributionSummary> inspect_contribution(ByteView bytes);

}  // namespace templar
