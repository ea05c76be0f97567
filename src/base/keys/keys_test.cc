#include "base/keys/keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/files/file.h"
#include "base/log/secrets.h"
#include "support/child_process.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/test_key.h"

namespace templar {
namespace {

using testing::fails;
using testing::TemporaryFolder;
using testing::test_key;

// RFC 8032, section 7.1, test 2.
constexpr char kSeed[] = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
constexpr char kPublicKey[] = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
constexpr char kSignatureOf72[] =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

KeyPair known_pair() {
  std::array<uint8_t, 32> seed{};
  std::ranges::copy(from_hex(kSeed).value(), seed.begin());
  return KeyPair::from_seed(seed);
}

TEST(Keys, GiveTheKnownAnswerOfTheStandard) {
  const KeyPair pair = known_pair();
  const Bytes message = {0x72};
  EXPECT_EQ(pair.public_key().hex(), kPublicKey);
  const Signature signature = pair.sign(message);
  EXPECT_EQ(to_hex(signature.bytes), kSignatureOf72);
  EXPECT_TRUE(verify(pair.public_key(), message, signature));
}

TEST(Keys, RefuseAnotherMessageAnotherKeyAndEveryFlippedBitOfASignature) {
  const KeyPair pair = known_pair();
  const Signature signature = pair.sign(as_bytes("message"));
  EXPECT_FALSE(verify(pair.public_key(), as_bytes("messagf"), signature));
  EXPECT_FALSE(verify(test_key(1).public_key(), as_bytes("message"), signature));
  for (size_t bit = 0; bit < 512; ++bit) {
    Signature flipped = signature;
    flipped.bytes[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(verify(pair.public_key(), as_bytes("message"), flipped)) << "bit " << bit;
  }
}

TEST(Keys, AreNeverTheSameWhenGenerated) {
  EXPECT_NE(KeyPair::generate().public_key(), KeyPair::generate().public_key());
}

TEST(KeyFile, GivesThePairBackAndIsItsOwnersAlone) {
  const TemporaryFolder folder;
  const KeyPair pair = known_pair();
  ASSERT_TRUE(pair.save(folder / "key"));
  EXPECT_EQ(as_text(read_file(folder / "key", 100).value()), std::string(kSeed) + "\n");
  struct stat info{};
  ASSERT_EQ(::stat((folder / "key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto loaded = KeyPair::load(folder / "key");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->public_key(), pair.public_key());
  EXPECT_EQ(loaded->sign(as_bytes("x")), pair.sign(as_bytes("x")));
}

TEST(KeyFile, MakesItsSeedASecret) {
  const TemporaryFolder folder;
  ASSERT_TRUE(known_pair().save(folder / "key"));
  ASSERT_TRUE(KeyPair::load(folder / "key"));
  EXPECT_EQ(redact("seed " + std::string(kSeed)), "seed <secret>");
}

TEST(KeyFile, IsNeverOverwritten) {
  const TemporaryFolder folder;
  ASSERT_TRUE(test_key(1).save(folder / "key"));
  EXPECT_TRUE(fails(test_key(2).save(folder / "key"), ErrorKind::kFatal, "key: exists already"));
  EXPECT_EQ(KeyPair::load(folder / "key").value().public_key(), test_key(1).public_key());
}

TEST(KeyFile, LeavesNothingBehindWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  const int outcome = testing::run_in_child([&] {
    testing::limit_file_size(10, /*deadly=*/false);
    return test_key(1).save(folder / "key") ? 1 : 0;
  });
  EXPECT_EQ(outcome, 0) << "it was saved to a full disk";
  EXPECT_FALSE(std::filesystem::exists(folder / "key"));
}

TEST(KeyFile, RefusesWhatIsNoKey) {
  const TemporaryFolder folder;
  const std::string seed = kSeed;
  for (const std::string& content : {std::string(), seed.substr(2), seed + "00", "x" + seed.substr(1),
                                     seed + "\n" + seed, std::string(64, 'A'), std::string(5000, 'a')}) {
    ASSERT_TRUE(write_file_atomically(folder / "key", content));
    EXPECT_TRUE(fails(KeyPair::load(folder / "key"), ErrorKind::kFatal, (folder / "key").string()))
        << content;
  }
  EXPECT_TRUE(fails(KeyPair::load(folder / "absent"), ErrorKind::kFatal, "absent: No such file"));
}

TEST(PublicKey, IsReadFrom64DigitsAlone) {
  EXPECT_EQ(parse_public_key(kPublicKey).value(), known_pair().public_key());
  EXPECT_TRUE(fails(parse_public_key("3d40"), ErrorKind::kSkip, "64"));
  EXPECT_TRUE(fails(parse_public_key(std::string(kPublicKey) + "00"), ErrorKind::kSkip, "64"));
  EXPECT_TRUE(fails(parse_public_key(std::string(64, 'z')), ErrorKind::kSkip));
}

}  // namespace
}  // namespace templar
