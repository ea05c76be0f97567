#include "adapters/corpus/byte_source.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/random.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar {
namespace {

using testing::fails;
using testing::gzip_file;
using testing::write_text;
using testing::zstd_file;

// Several times the buffers' size, and hard to compress.
std::string long_text() {
  Random random(1);
  std::string text;
  while (text.size() < 1'500'000) text += std::to_string(random.next()) + "\n";
  return text;
}

// Everything a file gives, read in pieces of a given size.
Result<std::string> read_all(const std::filesystem::path& path, size_t piece = 70'000) {
  TRY_ASSIGN(const std::unique_ptr<ByteSource> source, open_byte_source(path));
  std::string text;
  Bytes buffer(piece);
  for (;;) {
    TRY_ASSIGN(const size_t count, source->read(buffer));
    text += as_text(ByteView(buffer).first(count));
    if (count < buffer.size()) break;
  }
  EXPECT_EQ(source->raw_bytes(), std::filesystem::file_size(path));
  return text;
}

class ByteSourceTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;
};

TEST_F(ByteSourceTest, GivesPlainGzipAndZstdFilesAsTheSameText) {
  const std::string text = long_text();
  for (const size_t piece : {1'000, 70'000, 4'000'000}) {
    EXPECT_EQ(read_all(write_text(folder_ / "a.txt", text), piece).value(), text);
    EXPECT_EQ(read_all(write_text(folder_ / "a.gz", gzip_file(text)), piece).value(), text);
    EXPECT_EQ(read_all(write_text(folder_ / "a.zst", zstd_file(text)), piece).value(), text);
  }
}

TEST_F(ByteSourceTest, TellsTheCompressionByTheContent) {
  EXPECT_EQ(read_all(write_text(folder_ / "a.txt", gzip_file("abc"))).value(), "abc");
  EXPECT_EQ(read_all(write_text(folder_ / "b", zstd_file("abc"))).value(), "abc");
}

TEST_F(ByteSourceTest, GivesEmptyAndShortFiles) {
  for (const std::string text : {"", "a", "abc"}) {
    EXPECT_EQ(read_all(write_text(folder_ / "a.txt", text)).value(), text);
    EXPECT_EQ(read_all(write_text(folder_ / "a.gz", gzip_file(text))).value(), text);
    EXPECT_EQ(read_all(write_text(folder_ / "a.zst", zstd_file(text))).value(), text);
  }
}

TEST_F(ByteSourceTest, JoinsTheMembersOfACompressedFile) {
  EXPECT_EQ(
      read_all(write_text(folder_ / "a.gz", gzip_file("one ") + gzip_file("") + gzip_file("two"))).value(),
      "one two");
  EXPECT_EQ(
      read_all(write_text(folder_ / "a.zst", zstd_file("one ") + zstd_file("") + zstd_file("two"))).value(),
      "one two");
}

TEST_F(ByteSourceTest, SaysThatACompressedFileIsTruncated) {
  for (const std::string& packed : {gzip_file(long_text()), gzip_file("short")}) {
    for (const size_t missing : {size_t{1}, size_t{8}, packed.size() - 12}) {
      write_text(folder_ / "a.gz", packed.substr(0, packed.size() - missing));
      EXPECT_TRUE(fails(read_all(folder_ / "a.gz"), ErrorKind::kFatal, "a.gz: truncated gzip file"))
          << missing;
    }
  }
  for (const std::string& packed : {zstd_file(long_text()), zstd_file("short")}) {
    for (const size_t missing : {size_t{1}, size_t{3}, packed.size() - 6}) {
      write_text(folder_ / "a.zst", packed.substr(0, packed.size() - missing));
      EXPECT_TRUE(fails(read_all(folder_ / "a.zst"), ErrorKind::kFatal, "a.zst: truncated zstd file"))
          << missing;
    }
  }
}

TEST_F(ByteSourceTest, SaysThatACompressedFileIsDamaged) {
  std::string packed = gzip_file(long_text());
  packed[packed.size() / 2] ^= 0x10;
  EXPECT_TRUE(
      fails(read_all(write_text(folder_ / "a.gz", packed)), ErrorKind::kFatal, "a.gz: damaged gzip file"));
  packed = zstd_file(long_text());
  packed[8] ^= 0x7f;
  EXPECT_TRUE(
      fails(read_all(write_text(folder_ / "a.zst", packed)), ErrorKind::kFatal, "a.zst: damaged zstd file"));
}

TEST_F(ByteSourceTest, TakesZerosBehindTheLastMember) {
  for (const size_t zeros : {1, 3, 512, 1'000'000}) {
    const std::string padding(zeros, '\0');
    EXPECT_EQ(read_all(write_text(folder_ / "a.gz", gzip_file("abc") + padding)).value(), "abc");
    EXPECT_EQ(read_all(write_text(folder_ / "a.zst", zstd_file("abc") + padding)).value(), "abc");
  }
}

TEST_F(ByteSourceTest, SaysHowMuchFollowsTheLastMember) {
  for (const size_t count : {1, 7, 1'000'000}) {
    const std::string garbage(count, 'x');
    EXPECT_TRUE(fails(read_all(write_text(folder_ / "a.gz", gzip_file("abc") + garbage)), ErrorKind::kFatal,
                      "a.gz: " + std::to_string(count) + " bytes after the last gzip member"));
    EXPECT_TRUE(fails(read_all(write_text(folder_ / "a.zst", zstd_file("abc") + garbage)), ErrorKind::kFatal,
                      "a.zst: " + std::to_string(count) + " bytes after the last zstd frame"));
  }
  EXPECT_TRUE(fails(read_all(write_text(folder_ / "a.gz", gzip_file("abc") + std::string(9, '\0') + "x")),
                    ErrorKind::kFatal, "10 bytes after the last gzip member"));
}

TEST_F(ByteSourceTest, PassesSkippableFramesOver) {
  using namespace std::string_literals;
  const std::string frame = "\x50\x2a\x4d\x18\x04\0\0\0size"s;
  EXPECT_EQ(
      read_all(write_text(folder_ / "a.zst", frame + zstd_file("one ") + frame + zstd_file("two") + frame))
          .value(),
      "one two");
  EXPECT_EQ(read_all(write_text(folder_ / "b", "\x5f\x2a\x4d\x18\x01\0\0\0x"s + zstd_file("abc"))).value(),
            "abc");
  EXPECT_TRUE(fails(read_all(write_text(folder_ / "c.zst", frame.substr(0, 10))), ErrorKind::kFatal,
                    "truncated zstd"));
}

TEST_F(ByteSourceTest, ReadsFramesWithLargeWindows) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 29);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string packed(1000, '\0');
  ZSTD_inBuffer input{"abc", 3, 0};
  ZSTD_outBuffer output{packed.data(), packed.size(), 0};
  while (ZSTD_compressStream2(context, &output, &input, ZSTD_e_end) != 0) {
  }
  ZSTD_freeCCtx(context);
  packed.resize(output.pos);
  EXPECT_EQ(read_all(write_text(folder_ / "a.zst", packed)).value(), "abc");
}

TEST_F(ByteSourceTest, SaysHowToConvertWhatItDoesNotRead) {
  using namespace std::string_literals;
  EXPECT_TRUE(fails(open_byte_source(write_text(folder_ / "a.xz",
                                                "\xfd"
                                                "7zXZ\0..."s)),
                    ErrorKind::kSkip, "xz -dk"));
  EXPECT_TRUE(
      fails(open_byte_source(write_text(folder_ / "a.bz2", "BZh91AY&SY.")), ErrorKind::kSkip, "bzip2 -dk"));
  EXPECT_TRUE(
      fails(open_byte_source(write_text(folder_ / "a.zip", "PK\x03\x04...")), ErrorKind::kSkip, "unzip"));
  EXPECT_TRUE(fails(open_byte_source(write_text(folder_ / "a", "PAR1\x15...")), ErrorKind::kSkip, "Parquet"));
}

TEST_F(ByteSourceTest, KnowsTheEndingsOfCompression) {
  EXPECT_EQ(without_compression_ending("a.txt.gz"), "a.txt");
  EXPECT_EQ(without_compression_ending("a.JSON.ZSTD"), "a.JSON");
  EXPECT_EQ(without_compression_ending("a.zst"), "a");
  EXPECT_EQ(without_compression_ending("a.gzip"), "a.gzip");
  EXPECT_TRUE(
      fails(open_byte_source(write_text(folder_ / "a.ZSTD", "plain")), ErrorKind::kFatal, "not a zstd file"));
}

TEST_F(ByteSourceTest, SaysThatANameLies) {
  EXPECT_TRUE(
      fails(read_all(write_text(folder_ / "a.gz", "plain")), ErrorKind::kFatal, "a.gz: not a gzip file"));
  EXPECT_TRUE(
      fails(read_all(write_text(folder_ / "a.zst", "")), ErrorKind::kFatal, "a.zst: not a zstd file"));
}

TEST_F(ByteSourceTest, SaysThatAFileIsMissing) {
  EXPECT_TRUE(fails(open_byte_source(folder_ / "none"), ErrorKind::kFatal, "none: No such file"));
  EXPECT_TRUE(fails(open_byte_source(folder_.path()), ErrorKind::kFatal, "directory"));
}

}  // namespace
}  // namespace templar
