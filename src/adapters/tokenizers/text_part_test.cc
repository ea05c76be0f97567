#include "adapters/tokenizers/text_part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace templar {
namespace {

using ::testing::ElementsAre;

TEST(TextPart, HasTheTokensThatBeginInIt) {
  const TextPart part("ab", "cdef", "gh");
  EXPECT_EQ(part.whole(), "abcdefgh");
  const EncodedText encoded = part.of({{1, 0}, {2, 1}, {3, 3}, {4, 3}, {5, 5}, {6, 7}});
  EXPECT_THAT(encoded.ids, ElementsAre(3, 4, 5));
  // The third byte belongs to a token that began before it, and counts to the first that is here.
  EXPECT_THAT(encoded.source_bytes, ElementsAre(1, 2, 1));
}

TEST(TextPart, HasWhatIsAddedToEitherEndOfTheWhole) {
  const PlacedTokens tokens = {{9, 0}, {1, 0}, {2, 2}, {8, 4}};
  EXPECT_THAT(TextPart("", "abcd", "").of(tokens).ids, ElementsAre(9, 1, 2, 8));
  EXPECT_THAT(TextPart("", "abcd", "").of(tokens).source_bytes, ElementsAre(0, 2, 2, 0));
  EXPECT_THAT(TextPart("", "ab", "cd").of(tokens).ids, ElementsAre(9, 1));
  EXPECT_THAT(TextPart("ab", "cd", "").of(tokens).ids, ElementsAre(2, 8));
}

TEST(TextPart, MayHaveNone) {
  EXPECT_THAT(TextPart("a", "b", "c").of({{1, 0}, {2, 2}}).ids, ElementsAre());
  EXPECT_THAT(TextPart("", "", "").of({}).ids, ElementsAre());
}

}  // namespace
}  // namespace templar
