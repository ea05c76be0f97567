// The worked example of docs/protocol.md, "A block, bit by bit": what is printed there is what the code
// writes and reads.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "core/coding/block_log.h"
#include "core/coding/coded_block.h"
#include "support/vectors.h"

namespace templar {
namespace {

constexpr BlockCoding kCoding{Quantiser::kBlockLog, 8};

// The four values that the document's picture of the tile shows.
EncodedParameter example_block() {
  return {.plan = {.rows = 8, .columns = 8, .tile_rows = 8, .tile_columns = 8, .kept = 4},
          .codebook = block_log_codebook(kCoding.bins),
          .scales = {0.5f},
          .positions = {10, 13, 43, 62},
          .codes = {0, 5, 1, 4}};
}

Bytes encoded(const EncodedParameter& block) {
  ByteWriter writer;
  write_coded_block(block, kCoding, writer);
  return writer.take();
}

// The two tables of the example: the block's bytes, and the bits of its segment.
struct Example {
  std::string bytes, bits;
};

Example printed_example() {
  std::ifstream file(testing::source_path("docs/protocol.md"));
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const size_t begin = all.find("#### A block, bit by bit");
  const size_t bits = all.find("The segment's bits", begin);
  EXPECT_NE(begin, std::string::npos);
  EXPECT_NE(bits, std::string::npos);
  return {.bytes = all.substr(begin, bits - begin), .bits = all.substr(bits, all.find("\n## ", bits) - bits)};
}

struct Row {
  size_t begin = 0;  // the number in its first column
  std::string content;
};

// The rows whose first column is a number and whose second column has the given form.
std::vector<Row> rows_of(const std::string& table, const std::string& form) {
  const std::regex row("\\| ([0-9]+) \\| `(" + form + ")` \\|[^\n]*");
  std::vector<Row> rows;
  for (std::sregex_iterator match(table.begin(), table.end(), row), end; match != end; ++match)
    rows.push_back({std::stoul((*match)[1].str()), (*match)[2].str()});
  return rows;
}

// Two hexadecimal digits a byte, with a blank between bytes.
Bytes printed_bytes(const std::string& table) {
  Bytes bytes;
  for (const Row& row : rows_of(table, "[0-9a-f]{2}(?: [0-9a-f]{2})*")) {
    EXPECT_EQ(row.begin, bytes.size()) << "the offset of " << row.content;
    std::istringstream words(row.content);
    for (std::string word; words >> word;)
      bytes.push_back(static_cast<uint8_t>(std::stoul(word, nullptr, 16)));
  }
  return bytes;
}

// In the order in which they are read.
Bytes printed_bits(const std::string& table) {
  Bytes bytes;
  size_t bits = 0;
  for (const Row& row : rows_of(table, "[01]+")) {
    EXPECT_EQ(row.begin, bits) << "the number of the first bit of " << row.content;
    for (const char bit : row.content) {
      if (bits % 8 == 0) bytes.push_back(0);
      bytes.back() = static_cast<uint8_t>(bytes.back() | (bit - '0') << bits % 8);
      ++bits;
    }
  }
  EXPECT_EQ(bits % 8, 0u) << "padding is printed too";
  return bytes;
}

TEST(WorkedExample, PrintsTheBytesThatTheWriterMakes) {
  EXPECT_EQ(to_hex(printed_bytes(printed_example().bytes)), to_hex(encoded(example_block())));
}

TEST(WorkedExample, ExplainsEveryBitOfTheSegment) {
  const Bytes bytes = encoded(example_block());
  ByteReader reader(bytes);
  const auto checked = read_coded_block(reader, kCoding);
  ASSERT_TRUE(checked.has_value()) << checked.error().message;
  EXPECT_EQ(to_hex(printed_bits(printed_example().bits)),
            to_hex(ByteView(bytes).subspan(checked->block.segments)));
}

TEST(WorkedExample, DecodesToTheValuesOfTheTile) {
  const Bytes bytes = printed_bytes(printed_example().bytes);
  ByteReader reader(bytes);
  const EncodedParameter block = example_block();
  const auto checked = read_coded_block(reader, kCoding, &block.plan);
  ASSERT_TRUE(checked.has_value()) << checked.error().message;
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(decode_block(checked->block), block);
}

}  // namespace
}  // namespace templar
