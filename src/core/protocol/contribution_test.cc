#include "core/protocol/contribution.h"

#include <gtest/gtest.h>

#include <functional>

#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/fuzz_run.h"
#include "support/synthetic_contribution.h"

namespace templar {
namespace {

using testing::fails;
using testing::key_of_uid;
using testing::synthetic_blocks;
using testing::synthetic_header;

constexpr uint32_t kUid = 3;
constexpr int64_t kWindow = 7;

Bytes sealed() {
  return testing::synthetic_contribution_bytes(fuzz_layout(), fuzz_codec(), kUid, kWindow);
}
Result<Contribution> parse(Bytes bytes) {
  return parse_contribution(std::move(bytes), fuzz_layout(), fuzz_codec());
}

// The contribution after its content was changed, with a content hash and a signature that fit again.
Bytes resealed(const std::function<void(Bytes&)>& change, uint32_t signer = kUid) {
  Bytes bytes = sealed();
  bytes.resize(bytes.size() - 96);
  change(bytes);
  const Hash256 hash = blake2b_256(bytes);
  bytes.insert(bytes.end(), hash.bytes.begin(), hash.bytes.end());
  const Signature signature = key_of_uid(signer).sign(bytes);
  bytes.insert(bytes.end(), signature.bytes.begin(), signature.bytes.end());
  return bytes;
}

ExpectedContribution expected() {
  ExpectedContribution expected;
  expected.run_id = synthetic_header(kUid, kWindow).run_id;
  expected.window = kWindow;
  expected.uid = kUid;
  expected.public_key = key_of_uid(kUid).public_key();
  return expected;
}

TEST(Contribution, ComesBackAsItWasSealed) {
  const Bytes bytes = sealed();
  const auto contribution = parse(bytes);
  ASSERT_TRUE(contribution.has_value()) << contribution.error().message;
  EXPECT_EQ(contribution->header(), synthetic_header(kUid, kWindow));
  EXPECT_TRUE(std::ranges::equal(contribution->bytes(), bytes));
  const auto blocks = synthetic_blocks(fuzz_layout(), fuzz_codec(), kUid);
  ASSERT_EQ(contribution->block_count(), blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i)
    EXPECT_EQ(decode_block(contribution->block(i, &blocks[i].plan)), blocks[i]);
}

TEST(Contribution, StaysValidWhenMoved) {
  auto contribution = parse(sealed());
  ASSERT_TRUE(contribution.has_value());
  const EncodedParameter before = decode_block(contribution->block(0));
  const Contribution moved = std::move(*contribution);
  EXPECT_EQ(decode_block(moved.block(0)), before);
}

TEST(Contribution, IsNoLargerThanTheBound) {
  EXPECT_LE(static_cast<int64_t>(sealed().size()), max_contribution_size(fuzz_layout(), fuzz_codec()));
}

TEST(Contribution, KeepsItsBytesFromVersionToVersion) {
  // Frozen: a change of format without a change of version would show here.
  EXPECT_EQ(blake2b_256(sealed()).hex(), "7c30c00bfa6db2446c009f6d988a9be346a7a013e33dbe9c8bd0dda7a8c00772");
}

TEST(Contribution, IsAHundredTimesSmallerThanF32) {
  const ModelSpec model{.vocab_size = 256,
                        .hidden_size = 128,
                        .num_hidden_layers = 5,
                        .num_attention_heads = 4,
                        .num_key_value_heads = 2,
                        .intermediate_size = 384};
  const ParameterLayout layout = parameter_layout(model);
  ASSERT_GT(parameter_count(layout), 900'000);
  const CodecSpec codec{.chunk = 64, .topk = 64, .quantiser_bins = 4, .quantiser_range_sigmas = 6};
  const Bytes bytes = testing::synthetic_contribution_bytes(layout, codec, kUid, kWindow);
  EXPECT_LE(static_cast<int64_t>(bytes.size()) * 100, parameter_count(layout) * 4);
}

TEST(Contribution, RefusesEveryTruncation) {
  const Bytes bytes = sealed();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(fails(parse(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))),
                      ErrorKind::kSkip));
  }
  EXPECT_TRUE(fails(parse(Bytes(bytes.begin(), bytes.begin() + 273)), ErrorKind::kSkip, "size: 273 bytes"));
}

TEST(Contribution, RefusesEveryFlippedBit) {
  const Bytes bytes = sealed();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_TRUE(fails(parse(flipped), ErrorKind::kSkip)) << "bit " << bit;
  }
}

TEST(Contribution, RefusesTrailingBytes) {
  Bytes bytes = sealed();
  bytes.push_back(0);
  EXPECT_TRUE(fails(parse(bytes), ErrorKind::kSkip));
  EXPECT_TRUE(fails(parse(resealed([](Bytes& content) { content.push_back(0); })), ErrorKind::kSkip,
                    "1 bytes too many"));
}

TEST(Contribution, RefusesAnOversizedObject) {
  EXPECT_TRUE(fails(parse(Bytes(1 << 20, 0x54)), ErrorKind::kSkip,
                    "size: 1048576 bytes, a contribution of this run has"));
}

TEST(Contribution, NamesTheFieldThatIsWrong) {
  const struct {
    size_t offset;
    uint8_t value;
    const char* reason;
  } cases[] = {{0, 'X', "magic"},
               {4, 2, "version: 2"},
               {6, 9, "codec id: 9"},
               {172, 8, "transform: 8"},
               {172, 2, "transform: quantiser 1, the run spec says 0"},
               {172, 1, "transform: 1, the run spec says 0"},
               {173, 0, "bins: 1"},
               {173, 7, "bins: 8"},
               {174, 4, "parameter count: 4"},
               {178, 3, "matrix: "},
               {183, 11, "matrix: 2 chunks"}};
  for (const auto& [offset, value, reason] : cases) {
    const Bytes bytes = resealed([&](Bytes& content) { content[offset] = value; });
    EXPECT_TRUE(fails(parse(bytes), ErrorKind::kSkip, reason)) << offset;
  }
}

TEST(Contribution, RefusesAWindowThatIsNoNumberOfOurs) {
  EXPECT_TRUE(
      fails(parse(resealed([](Bytes& content) { content[47] = 0x80; })), ErrorKind::kSkip, "window: "));
}

TEST(Contribution, RefusesASignatureByAnotherKey) {
  EXPECT_TRUE(fails(parse(resealed([](Bytes&) {}, kUid + 1)), ErrorKind::kSkip, "signature: not by key"));
}

TEST(Contribution, RefusesAHashOfSomethingElse) {
  Bytes bytes = sealed();
  bytes[bytes.size() - 96] ^= 1;
  EXPECT_TRUE(fails(parse(bytes), ErrorKind::kSkip, "content hash: "));
}

TEST(Contribution, RefusesAnotherModelsBlocks) {
  ParameterLayout other = fuzz_layout();
  std::swap(other[0].shape[0], other[0].shape[1]);  // as many bytes, tiles turned by a right angle
  EXPECT_TRUE(fails(parse_contribution(sealed(), other, fuzz_codec()), ErrorKind::kSkip, "matrix: "));
}

TEST(ContributionCheck, AcceptsWhatWasAskedFor) {
  const auto contribution = parse(sealed());
  ASSERT_TRUE(contribution.has_value());
  ExpectedContribution wanted = expected();
  EXPECT_TRUE(check_contribution(*contribution, wanted).accepted());
  wanted.samples = contribution->header().samples;
  wanted.content_hash = contribution->content_hash();
  EXPECT_TRUE(check_contribution(*contribution, wanted).accepted());
}

TEST(ContributionCheck, NamesWhatDiffers) {
  const auto contribution = parse(sealed());
  ASSERT_TRUE(contribution.has_value());
  const auto reason_when = [&](const std::function<void(ExpectedContribution&)>& change) {
    ExpectedContribution wanted = expected();
    wanted.samples = contribution->header().samples;
    wanted.content_hash = contribution->content_hash();
    change(wanted);
    const Verdict verdict = check_contribution(*contribution, wanted);
    EXPECT_EQ(verdict.code, VerdictCode::kInvalid);
    return verdict.reason.substr(0, verdict.reason.find(':'));
  };
  EXPECT_EQ(reason_when([](auto& wanted) { wanted.run_id.bytes[0] ^= 1; }), "run id");
  EXPECT_EQ(reason_when([](auto& wanted) { ++wanted.window; }), "window");  // replayed from the window before
  EXPECT_EQ(reason_when([](auto& wanted) { ++wanted.uid; }), "uid");
  EXPECT_EQ(reason_when([](auto& wanted) { wanted.public_key = key_of_uid(99).public_key(); }), "public key");
  EXPECT_EQ(reason_when([](auto& wanted) { ++wanted.samples->count; }), "sample count");
  EXPECT_EQ(reason_when([](auto& wanted) { wanted.samples->digest[0] ^= 1; }), "sample digest");
  EXPECT_EQ(reason_when([](auto& wanted) { wanted.content_hash->bytes[0] ^= 1; }), "content hash");
}

TEST(ContributionInspection, ShowsWhatTheFileSaysByItself) {
  const auto summary = inspect_contribution(sealed());
  ASSERT_TRUE(summary.has_value()) << summary.error().message;
  EXPECT_TRUE(summary->hash_ok);
  EXPECT_TRUE(summary->signature_ok);
  EXPECT_EQ(summary->body_error, "");
  EXPECT_EQ(summary->header, synthetic_header(kUid, kWindow));
  EXPECT_EQ(summary->bins, 4);
  ASSERT_EQ(summary->blocks.size(), 3u);
  EXPECT_EQ(summary->blocks[0].plan.chunk_count(), 2);
  EXPECT_EQ(summary->blocks[0].plan.tile_rows, 8);
  EXPECT_EQ(summary->blocks[0].plan.tile_columns, 6);
  EXPECT_EQ(summary->blocks[2].plan.kept, 6);
}

TEST(ContributionInspection, SaysWhatIsBroken) {
  Bytes bytes = sealed();
  bytes[40] ^= 1;  // the window
  auto summary = inspect_contribution(bytes);
  ASSERT_TRUE(summary.has_value());
  EXPECT_FALSE(summary->hash_ok);
  EXPECT_FALSE(summary->signature_ok);
  EXPECT_EQ(summary->body_error, "");

  summary = inspect_contribution(resealed([](Bytes& content) { content.pop_back(); }));
  ASSERT_TRUE(summary.has_value());
  EXPECT_TRUE(summary->hash_ok);
  EXPECT_NE(summary->body_error.find("parameter 2"), std::string::npos) << summary->body_error;
}

TEST(ContributionInspection, RefusesWhatIsNoContribution) {
  EXPECT_TRUE(fails(inspect_contribution(Bytes(10)), ErrorKind::kSkip, "size: 10 bytes"));
  EXPECT_TRUE(fails(inspect_contribution(Bytes(1000)), ErrorKind::kSkip, "magic"));
}

TEST(ContributionFuzzCorpus, IsWhatTheFormatMakes) {
  Bytes truncated = sealed();
  truncated.resize(truncated.size() / 2);
  Bytes flipped = sealed();
  flipped[200] ^= 0x10;
  testing::expect_fuzz_corpus(
      "contribution_fuzz",
      {{"valid", sealed()},
       {"truncated", truncated},
       {"flipped", flipped},
       {"wrong-signer", resealed([](Bytes&) {}, kUid + 1)},
       {"wrong-shape", resealed([](Bytes& content) { content[178] = 3; })},
       {"nan-codebook", resealed([](Bytes& content) { content[188] = 0xc0, content[189] = 0x7f; })},
       {"other-values",
        testing::synthetic_contribution_bytes(fuzz_layout(), fuzz_codec(), kUid + 1, kWindow + 1, 100.0f)}});
}

}  // namespace
}  // namespace templar
