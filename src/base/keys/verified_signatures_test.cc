#include "base/keys/verified_signatures.h"

#include <gtest/gtest.h>

#include <string>

namespace templar::testing {
namespace {

TEST(VerifiedSignatures, LetVerifyAnswerAsWithoutThem) {
  const KeyPair pair = KeyPair::from_seed({1});
  const KeyPair other = KeyPair::from_seed({2});
  const Bytes message = {1, 2, 3};
  const Bytes another = {1, 2, 4};
  const Signature signature = pair.sign(message);
  const VerifiedSignatures verified(10);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(verify(pair.public_key(), message, signature));
    EXPECT_FALSE(verify(pair.public_key(), another, signature));
    EXPECT_FALSE(verify(other.public_key(), message, signature));
    EXPECT_FALSE(verify(pair.public_key(), message, other.sign(message)));
  }
}

TEST(VerifiedSignatures, RememberWhatWasRightAlone) {
  const KeyPair pair = KeyPair::from_seed({1});
  const Bytes message = {1, 2, 3};
  VerifiedSignatures verified(10);
  const auto is_remembered = [&](const Signature& signature) {
    return verified.contains(VerifiedSignatures::hash_of(pair.public_key(), message, signature));
  };
  const Signature signature = pair.sign(message);
  EXPECT_FALSE(is_remembered(signature));
  EXPECT_TRUE(verify(pair.public_key(), message, signature));
  EXPECT_TRUE(is_remembered(signature));
  EXPECT_FALSE(verify(pair.public_key(), message, Signature()));
  EXPECT_FALSE(is_remembered(Signature()));
}

TEST(VerifiedSignatures, ForgetTheOldest) {
  VerifiedSignatures verified(3);
  const auto hash = [](int i) { return blake2b_256(as_bytes(std::to_string(i))); };
  for (int i = 0; i < 100; ++i) {
    verified.add(hash(i));
    for (int newest = std::max(0, i - 2); newest <= i; ++newest) EXPECT_TRUE(verified.contains(hash(newest)));
    if (i >= 6) {
      EXPECT_FALSE(verified.contains(hash(i - 6)));
    }
  }
}

TEST(VerifiedSignatures, EndWithTheirLife) {
  EXPECT_EQ(VerifiedSignatures::living(), nullptr);
  {
    const VerifiedSignatures verified(3);
    EXPECT_EQ(VerifiedSignatures::living(), &verified);
  }
  EXPECT_EQ(VerifiedSignatures::living(), nullptr);
}

}  // namespace
}  // namespace templar::testing
