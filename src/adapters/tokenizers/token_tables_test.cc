#include "adapters/tokenizers/token_tables.h"

#include <gtest/gtest.h>

namespace templar::testing {
namespace {

TEST(PairTable, FindsWhatWasPut) {
  PairTable table;
  EXPECT_EQ(table.find(1, 2), nullptr);
  for (uint32_t i = 0; i < 1000; ++i) table.put(i, i * 7, {i, i + 1});
  table.put(5, 35, {99, 98});
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_NE(table.find(i, i * 7), nullptr);
    EXPECT_EQ(table.find(i, i * 7)->rank, i == 5 ? 99 : i);
    EXPECT_EQ(table.find(i, i * 7 + 1), nullptr);
  }
}

TEST(TokenTexts, FindsWhatWasPut) {
  TokenTexts table;
  EXPECT_EQ(table.find("a"), std::nullopt);
  for (uint32_t i = 0; i < 1000; ++i) table.put(std::to_string(i), i);
  table.put("5", 99);
  for (uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(table.find(std::to_string(i)), i);
  EXPECT_EQ(table.find("1000"), std::nullopt);
  EXPECT_EQ(table.find("a"), std::nullopt);
  EXPECT_EQ(table.find(""), std::nullopt);
}

}  // namespace
}  // namespace templar::testing
