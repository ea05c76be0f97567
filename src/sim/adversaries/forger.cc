#include "sim/adversaries/forger.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "core/codec/compressor.h"
#include "core/consensus/outer_step.h"

namespace templar {
namespace {

constexpr size_t kHashBytes = 32;
constexpr size_t kSignatureBytes = 64;

}  // namespace

ParameterBuffers Forger::values_of(const Contribution& contribution) {
  ParameterBuffers values(layout_);
  const std::vector<float> unclipped(layout_.size(), 1.0f);
  // From nothing, a step of length -1 against a contribution leads to the contribution.
  RunSpec plain = spec_;
  plain.algorithm = Algorithm::kSparseLoco;
  apply_single(values.spans(), layout_, plain, contribution, unclipped, -1.0, team_);
  return values;
}

Result<Bytes> Forger::seal(const ContributionHeader& header, const ParameterBuffers& values) {
  std::vector<EncodedParameter> blocks;
  for (size_t i = 0; i < layout_.size(); ++i) {
    TRY_ASSIGN(blocks.emplace_back(), compress(values.spans()[i], layout_[i], spec_.codec, team_));
  }
  return seal_contribution(header, blocks, layout_, spec_.codec, key_);
}

Bytes Forger::with_blocks_of(const Contribution& own, const Contribution& other) const {
  const ByteView header = own.bytes().first(kContributionPrologueBytes);
  const ByteView rest = other.bytes().subspan(kContributionPrologueBytes);
  Bytes forged(header.begin(), header.end());
  forged.insert(forged.end(), rest.begin(), rest.end());
  return sign_anew(std::move(forged));
}

Bytes Forger::behind_own_header(const Contribution& own, ByteView upload) const {
  constexpr size_t kUidOffset = 46;
  constexpr size_t kPublicKeyOffset = 50;
  constexpr size_t kSignedBytes = kUploadHeaderBytes - kSignatureBytes;
  CHECK(upload.size() > kUploadHeaderBytes);
  Bytes forged(upload.begin(), upload.end());
  const uint32_t uid = own.header().uid;
  std::memcpy(forged.data() + kUidOffset, &uid, sizeof(uid));
  std::ranges::copy(key_.public_key().bytes, forged.begin() + kPublicKeyOffset);
  const Signature signature = key_.sign(ByteView(forged).first(kSignedBytes));
  std::ranges::copy(signature.bytes, forged.begin() + kSignedBytes);
  return forged;
}

Bytes Forger::sign_anew(Bytes contribution) const {
  CHECK(contribution.size() > kHashBytes + kSignatureBytes);
  contribution.resize(contribution.size() - kHashBytes - kSignatureBytes);
  const Hash256 hash = blake2b_256(contribution);
  contribution.insert(contribution.end(), hash.bytes.begin(), hash.bytes.end());
  const Signature signature = key_.sign(contribution);
  contribution.insert(contribution.end(), signature.bytes.begin(), signature.bytes.end());
  return contribution;
}

void add_values(ParameterBuffers& target, const ParameterBuffers& values, float factor,
                const ParameterLayout& layout) {
  for (size_t i = 0; i < layout.size(); ++i) {
    const std::span<float> sums = target.spans()[i];
    const std::span<const float> added = std::as_const(values).spans()[i];
    for (size_t j = 0; j < sums.size(); ++j) sums[j] += factor * added[j];
  }
}

ParameterBuffers shuffled(const ParameterBuffers& values, const ParameterLayout& layout, Random random) {
  ParameterBuffers mixed(layout);
  mixed.copy_from(values.spans());
  for (const std::span<float> parameter : mixed.spans()) {
    for (size_t i = parameter.size(); i > 1; --i) std::swap(parameter[i - 1], parameter[random.below(i)]);
  }
  return mixed;
}

}  // namespace templar
