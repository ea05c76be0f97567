#include "core/protocol/sealed_upload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

#include "core/protocol/object_keys.h"
#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/fuzz_run.h"
#include "support/synthetic_contribution.h"
#include "support/vectors.h"

namespace templar {
namespace {

using testing::fails;
using testing::key_of_uid;

constexpr uint32_t kUploader = 3;
constexpr int64_t kUploadWindow = 7;
constexpr CipherKey kKey{{4, 5, 6}};

Contribution uploaded_contribution() {
  return testing::synthetic_contribution(fuzz_layout(), fuzz_codec(), kUploader, kUploadWindow);
}
Bytes upload_of(const Contribution& contribution) {
  return seal_upload(contribution.header(), contribution.bytes(), key_of_uid(kUploader));
}
CipherKey own_key_of(const Contribution& contribution) {
  return upload_key(key_of_uid(kUploader), contribution.header().run_id, kUploadWindow,
                    contribution.content_hash());
}
Bytes content_of(size_t size) {
  Bytes content(size);
  for (size_t i = 0; i < size; ++i) content[i] = static_cast<uint8_t>(i * 31 + (i >> 12));
  return content;
}

// The upload's header, changed and signed anew: what somebody makes of another's upload.
Bytes with_header(const Bytes& upload, const std::function<void(UploadHeader&)>& change,
                  uint32_t signer = kUploader) {
  UploadHeader header = parse_upload_header(upload).value();
  change(header);
  Bytes forged =
      seal_upload(header, content_of(static_cast<size_t>(header.size_bytes)), kKey, key_of_uid(signer));
  constexpr size_t kKeyHashOffset = 114;
  constexpr size_t kSignedBytes = kUploadHeaderBytes - sizeof(Signature);
  std::ranges::copy(header.key_hash.bytes, forged.begin() + kKeyHashOffset);
  const Signature signature = key_of_uid(signer).sign(ByteView(forged).first(kSignedBytes));
  std::ranges::copy(signature.bytes, forged.begin() + kSignedBytes);
  std::copy(upload.begin() + kUploadHeaderBytes, upload.end(), forged.begin() + kUploadHeaderBytes);
  return forged;
}

TEST(SealedUpload, IsOpenedByItsKey) {
  const Contribution contribution = uploaded_contribution();
  const Bytes upload = upload_of(contribution);
  const auto header = parse_upload_header(upload);
  ASSERT_TRUE(header.has_value()) << header.error().message;
  EXPECT_EQ(*header, (UploadHeader{.run_id = contribution.header().run_id,
                                   .window = kUploadWindow,
                                   .uid = kUploader,
                                   .public_key = key_of_uid(kUploader).public_key(),
                                   .content_hash = contribution.content_hash(),
                                   .key_hash = upload_key_hash(own_key_of(contribution)),
                                   .size_bytes = contribution.size_bytes()}));
  const auto content = open_whole_upload(upload, own_key_of(contribution));
  ASSERT_TRUE(content.has_value()) << content.error().message;
  EXPECT_TRUE(std::ranges::equal(*content, contribution.bytes()));
}

TEST(SealedUpload, HoldsWhatEndsInsideAPieceAtItsEndOrBehindIt) {
  for (const size_t size : {size_t{1}, kUploadPieceBytes - 1, kUploadPieceBytes, kUploadPieceBytes + 1,
                            2 * kUploadPieceBytes + 5}) {
    const Bytes content = content_of(size);
    const Bytes upload = seal_upload({.uid = kUploader}, content, kKey, key_of_uid(kUploader));
    EXPECT_EQ(std::ssize(upload), upload_size(static_cast<int64_t>(size)));
    const auto opened = open_whole_upload(upload, kKey);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    EXPECT_EQ(*opened, content) << size;
  }
}

TEST(SealedUpload, HandsItsContentOverInPieces) {
  const Bytes upload =
      seal_upload({.uid = kUploader}, content_of(2 * kUploadPieceBytes + 5), kKey, key_of_uid(kUploader));
  std::vector<size_t> sizes;
  const auto header = parse_upload_header(upload);
  ASSERT_TRUE(open_upload(*header, upload, kKey, [&sizes](ByteView piece) -> Status {
    sizes.push_back(piece.size());
    return {};
  }));
  EXPECT_EQ(sizes, (std::vector<size_t>{kUploadPieceBytes, kUploadPieceBytes, 5}));
  const Status stopped =
      open_upload(*header, upload, kKey, [](ByteView) -> Status { return fatal_error("no room"); });
  EXPECT_TRUE(fails(stopped, ErrorKind::kFatal, "no room"));
}

TEST(SealedUpload, ShowsNothingOfTheContribution) {
  const Contribution contribution = uploaded_contribution();
  const Bytes upload = upload_of(contribution);
  // But its hash, no eight bytes in a row.
  const ByteView content = contribution.bytes();
  for (size_t i = 0; i + 8 <= content.size() - 96; ++i) {
    const ByteView part = content.subspan(i, 8);
    EXPECT_TRUE(std::ranges::search(ByteView(upload).subspan(kUploadHeaderBytes), part).empty()) << i;
  }
}

TEST(SealedUpload, HasAKeyOfItsOwnForEachContribution) {
  const KeyPair miner = key_of_uid(kUploader);
  const Hash256 run = blake2b_256(as_bytes("run"));
  const Hash256 content = blake2b_256(as_bytes("content"));
  const CipherKey key = upload_key(miner, run, kUploadWindow, content);
  EXPECT_EQ(upload_key(miner, run, kUploadWindow, content), key) << "it can be found again";
  EXPECT_NE(upload_key(miner, run, kUploadWindow + 1, content), key);
  EXPECT_NE(upload_key(miner, run, kUploadWindow, run), key);
  EXPECT_NE(upload_key(miner, content, kUploadWindow, content), key);
  EXPECT_NE(upload_key(key_of_uid(kUploader + 1), run, kUploadWindow, content), key);
}

TEST(SealedUpload, IsOpenedByNoOtherKey) {
  const Contribution contribution = uploaded_contribution();
  EXPECT_TRUE(fails(open_whole_upload(upload_of(contribution), kKey), ErrorKind::kSkip, "upload key"));
}

// Somebody who knows two keys that decrypt the same bytes to two contents can name one of them only.
TEST(SealedUpload, BindsToOneKeyEvenItsOwnMaker) {
  const Bytes upload = upload_of(uploaded_contribution());
  const Bytes renamed =
      with_header(upload, [](UploadHeader& header) { header.key_hash = upload_key_hash(kKey); });
  EXPECT_TRUE(
      fails(open_whole_upload(renamed, own_key_of(uploaded_contribution())), ErrorKind::kSkip, "upload key"));
  EXPECT_TRUE(fails(open_whole_upload(renamed, kKey), ErrorKind::kSkip, "piece 0"));
}

// The copier knows the key as soon as everybody does; the pieces are encrypted together with the header that
// they belong to.
TEST(SealedUpload, CantBePutBehindAnothersHeader) {
  const Contribution contribution = uploaded_contribution();
  const Bytes upload = upload_of(contribution);
  ASSERT_TRUE(open_whole_upload(with_header(upload, [](UploadHeader&) {}), own_key_of(contribution)));
  const std::vector<std::function<void(UploadHeader&)>> changes = {
      [](UploadHeader& header) { header.uid = kUploader + 1; }, [](UploadHeader& header) { ++header.window; },
      [](UploadHeader& header) { header.run_id.bytes[0] ^= 1; },
      [](UploadHeader& header) { header.content_hash.bytes[0] ^= 1; }};
  for (const auto& change : changes)
    EXPECT_TRUE(fails(open_whole_upload(with_header(upload, change), own_key_of(contribution)),
                      ErrorKind::kSkip, "piece 0"));
  EXPECT_TRUE(fails(open_whole_upload(with_header(
                                          upload, [](UploadHeader&) {}, kUploader + 1),
                                      own_key_of(contribution)),
                    ErrorKind::kSkip, "piece 0"));
}

TEST(SealedUpload, RefusesEveryTruncationAndEveryFlippedBit) {
  const Contribution contribution = uploaded_contribution();
  const Bytes upload = upload_of(contribution);
  const CipherKey key = own_key_of(contribution);
  for (size_t size = 0; size < upload.size(); ++size)
    EXPECT_TRUE(fails(open_whole_upload(ByteView(upload).first(size), key), ErrorKind::kSkip)) << size;
  for (size_t bit = 0; bit < upload.size() * 8; ++bit) {
    Bytes flipped = upload;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_TRUE(fails(open_whole_upload(flipped, key), ErrorKind::kSkip)) << "bit " << bit;
  }
  Bytes longer = upload;
  longer.push_back(0);
  EXPECT_TRUE(fails(open_whole_upload(longer, key), ErrorKind::kSkip, "size"));
}

TEST(SealedUpload, RefusesSizesThatNoContributionHas) {
  Bytes upload = seal_upload({.uid = kUploader}, content_of(1), kKey, key_of_uid(kUploader));
  constexpr size_t kSizeOffset = 146;
  const auto parse_with_size = [&upload](uint64_t size) {
    std::memcpy(upload.data() + kSizeOffset, &size, sizeof(size));
    const Signature signature =
        key_of_uid(kUploader).sign(ByteView(upload).first(kUploadHeaderBytes - sizeof(Signature)));
    std::ranges::copy(signature.bytes, upload.begin() + kUploadHeaderBytes - sizeof(Signature));
    return parse_upload_header(upload);
  };
  EXPECT_TRUE(parse_with_size(1));
  EXPECT_TRUE(fails(parse_with_size(0), ErrorKind::kSkip, "size: 0 is out of range"));
  EXPECT_TRUE(fails(parse_with_size(UINT64_MAX), ErrorKind::kSkip, "out of range"));
  EXPECT_TRUE(parse_with_size(uint64_t{1} << 53));
}

TEST(SealedUpload, IsNoLargerThanTheBound) {
  EXPECT_LE(std::ssize(upload_of(uploaded_contribution())), max_upload_size(fuzz_layout(), fuzz_codec()));
  EXPECT_EQ(upload_size(kUploadPieceBytes), 218 + (1 << 20) + 16);
  EXPECT_EQ(upload_size(kUploadPieceBytes + 1), 218 + (1 << 20) + 1 + 32);
}

TEST(SealedUpload, IsCheckedAgainstWhatWasAskedFor) {
  const UploadHeader header = parse_upload_header(upload_of(uploaded_contribution())).value();
  const ExpectedContribution expected{.run_id = header.run_id,
                                      .window = kUploadWindow,
                                      .uid = kUploader,
                                      .public_key = header.public_key,
                                      .samples = std::nullopt,
                                      .content_hash = header.content_hash};
  EXPECT_TRUE(check_upload(header, expected).accepted());
  const auto refuses = [&](std::string_view field, const std::function<void(ExpectedContribution&)>& change) {
    ExpectedContribution other = expected;
    change(other);
    const Verdict verdict = check_upload(header, other);
    EXPECT_EQ(verdict.code, VerdictCode::kInvalid);
    EXPECT_TRUE(verdict.reason.contains(field)) << verdict.reason;
  };
  refuses("run id", [](auto& other) { other.run_id.bytes[0] ^= 1; });
  refuses("window: 7 instead of 8", [](auto& other) { ++other.window; });
  refuses("uid: 3 instead of 4", [](auto& other) { ++other.uid; });
  refuses("public key", [](auto& other) { other.public_key = key_of_uid(kUploader + 1).public_key(); });
  refuses("content hash", [](auto& other) { other.content_hash->bytes[0] ^= 1; });
}

// docs/protocol.md, "An upload, byte by byte": what is printed there is what the code writes and reads.
std::string printed_upload_example() {
  std::ifstream file(testing::source_path("docs/protocol.md"));
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const size_t begin = all.find("### An upload, byte by byte");
  EXPECT_NE(begin, std::string::npos);
  return all.substr(begin, all.find("\n## ", begin) - begin);
}

// What stands in backquotes behind the given words.
std::string quoted_after(const std::string& text, const std::string& words) {
  const size_t begin = text.find(words + " `");
  EXPECT_NE(begin, std::string::npos) << words;
  const size_t first = begin + words.size() + 2;
  return text.substr(first, text.find('`', first) - first);
}

TEST(SealedUploadExample, IsWhatTheCodeWritesAndOpens) {
  const std::string text = printed_upload_example();
  const std::string content = quoted_after(text, "the content is the text");
  const KeyPair miner = KeyPair::from_seed({});
  const Hash256 content_hash = blake2b_256(as_bytes(content));
  const CipherKey key = upload_key(miner, Hash256(), 7, content_hash);
  EXPECT_EQ(quoted_after(text, "its key is"), to_hex(key.bytes));
  EXPECT_EQ(quoted_after(text, "in the object"), upload_key_key(7));

  Bytes printed;
  const std::regex row("\\| ([0-9]+) \\| `([0-9a-f ]+)` \\|[^\n]*");
  for (std::sregex_iterator match(text.begin(), text.end(), row), end; match != end; ++match) {
    EXPECT_EQ(std::stoul((*match)[1].str()), printed.size()) << "the offset of " << (*match)[2].str();
    std::string digits = (*match)[2].str();
    std::erase(digits, ' ');
    const auto bytes = from_hex(digits);
    ASSERT_TRUE(bytes.has_value()) << digits;
    printed.insert(printed.end(), bytes->begin(), bytes->end());
  }
  const Bytes upload =
      seal_upload({.window = 7, .uid = 3, .content_hash = content_hash}, as_bytes(content), key, miner);
  EXPECT_EQ(to_hex(printed), to_hex(upload));
  const auto opened = open_whole_upload(printed, key);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_EQ(as_text(*opened), content);
}

TEST(SealedUploadFuzzCorpus, IsWhatTheFormatMakes) {
  const Bytes valid = seal_upload({.window = 1, .uid = 2}, content_of(100), kKey, fuzz_key());
  Bytes flipped = valid;
  flipped[250] ^= 0x10;
  Bytes truncated = valid;
  truncated.resize(kUploadHeaderBytes + 1);
  testing::expect_fuzz_corpus(
      "sealed_upload_fuzz", {{"valid", valid},
                             {"flipped", flipped},
                             {"truncated", truncated},
                             {"other-key", seal_upload({.uid = 2}, content_of(9), CipherKey(), fuzz_key())}});
}

}  // namespace
}  // namespace templar
