#include "adapters/shards/npy.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "adapters/shards/npy_writer.h"
#include "support/child_process.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using ::testing::ElementsAre;
using testing::fails;
using testing::TemporaryFolder;

// A .npy file as NumPy lays it out, with any dictionary.
Bytes npy_file(std::string_view dictionary, uint8_t version = 1) {
  ByteWriter writer;
  writer.put_bytes(as_bytes("\x93NUMPY"));
  writer.put(version);
  writer.put<uint8_t>(0);
  if (version == 1) {
    writer.put(static_cast<uint16_t>(dictionary.size()));
  } else {
    writer.put(static_cast<uint32_t>(dictionary.size()));
  }
  writer.put_bytes(as_bytes(dictionary));
  return writer.take();
}

constexpr std::string_view kGood = "{'descr': '<u4', 'fortran_order': False, 'shape': (3,), }\n";

testing::TemporaryFolder& folder() {
  static TemporaryFolder shared;
  return shared;
}

std::filesystem::path file_with(ByteView content) {
  const std::filesystem::path path = folder() / "array.npy";
  EXPECT_TRUE(write_file_atomically(path, content));
  return path;
}

// A file of three values behind the given header, padded so that they are aligned.
Bytes array_file(std::string dictionary, size_t value_bytes) {
  while ((dictionary.size() + 10) % 64 != 0) dictionary += ' ';
  Bytes file = npy_file(dictionary);
  file.resize(file.size() + value_bytes, 7);
  return file;
}

TEST(NpyHeader, IsReadInEveryVersion) {
  for (const uint8_t version : {1, 2, 3}) {
    const Result<NpyHeader> header = parse_npy_header(npy_file(kGood, version));
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(header->dtype, "<u4");
    EXPECT_THAT(header->shape, ElementsAre(3));
    EXPECT_EQ(header->count, 3);
    EXPECT_EQ(header->data_offset, kGood.size() + (version == 1 ? 10 : 12));
  }
}

TEST(NpyHeader, IsReadInEverySpellingThatNumpyWrites) {
  const auto shape_of = [](std::string_view dictionary) {
    return parse_npy_header(npy_file(dictionary)).value().shape;
  };
  EXPECT_THAT(shape_of("{'descr': '<u4', 'fortran_order': False, 'shape': (), }\n"), ElementsAre());
  EXPECT_THAT(shape_of("{'shape': (4, 5), 'fortran_order': False, 'descr': '<u4'}"), ElementsAre(4, 5));
  EXPECT_THAT(shape_of("{\"descr\": \"<u4\", 'fortran_order': False, 'shape': (4, 5,), }      \n"),
              ElementsAre(4, 5));
}

TEST(NpyHeader, IsRefusedWhereItIsMalformed) {
  const auto parse = [](std::string_view dictionary) { return parse_npy_header(npy_file(dictionary)); };
  EXPECT_TRUE(fails(parse(""), ErrorKind::kFatal, "not a dictionary"));
  EXPECT_TRUE(fails(parse("{'descr': '<u4', 'fortran_order': 1, 'shape': (3,), }"), ErrorKind::kFatal,
                    "neither True nor False"));
  EXPECT_TRUE(fails(parse("{'descr': '<u4', 'fortran_order': False}"), ErrorKind::kFatal, "missing"));
  EXPECT_TRUE(fails(parse("{'descr': '<u4', 'descr': '<u4', 'fortran_order': False, 'shape': (3,)}"),
                    ErrorKind::kFatal, "descr stands twice"));
  EXPECT_TRUE(fails(parse("{'descr': '<u4', 'fortran_order': False, 'shape': (3,), 'more': 1}"),
                    ErrorKind::kFatal, "unknown key more"));
  EXPECT_TRUE(
      fails(parse("{'descr': '<u4', 'fortran_order': False, 'shape': (3)}"), ErrorKind::kFatal, "tuple"));
  EXPECT_TRUE(
      fails(parse("{'descr': '<u4', 'fortran_order': False, 'shape': (-3,)}"), ErrorKind::kFatal, "number"));
  EXPECT_TRUE(fails(parse("{'descr': '<u4', 'fortran_order': False, 'shape': (3,)} x"), ErrorKind::kFatal,
                    "follows"));
  EXPECT_TRUE(
      fails(parse("{'descr': [('a', '<u4')], 'fortran_order': False, 'shape': (3,)}"), ErrorKind::kFatal));
  EXPECT_TRUE(fails(parse("{'descr': '<u4"), ErrorKind::kFatal, "not closed"));
  EXPECT_TRUE(fails(parse("{'descr': '<u4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}"),
                    ErrorKind::kFatal, "8 dimensions"));
  EXPECT_TRUE(fails(parse("{'descr': '<u4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}"),
                    ErrorKind::kFatal, "too large"));
  EXPECT_TRUE(fails(parse("{'descr': '<u4', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
                    ErrorKind::kFatal, "too large"));
}

TEST(NpyHeader, IsRefusedAtEveryTruncation) {
  const Bytes whole = npy_file(kGood);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(fails(parse_npy_header(ByteView(whole).first(size)), ErrorKind::kFatal)) << size;
  }
}

TEST(NpyHeader, IsRefusedWithAnotherMagicVersionOrAHugeLength) {
  EXPECT_TRUE(
      fails(parse_npy_header(as_bytes("PK\x03\x04 and so on")), ErrorKind::kFatal, "not a .npy file"));
  EXPECT_TRUE(fails(parse_npy_header(npy_file(kGood, 4)), ErrorKind::kFatal, "version 4.0"));
  EXPECT_TRUE(
      fails(parse_npy_header(npy_file(std::string(70000, ' '), 2)), ErrorKind::kFatal, "70000 bytes"));
}

TEST(NpyArray, IsReadFlatWhateverItsShape) {
  const auto array =
      open_npy_u32(file_with(array_file("{'descr': '<u4', 'fortran_order': False, 'shape': (3, 1)}", 12)));
  ASSERT_TRUE(array) << array.error().message;
  EXPECT_THAT(array->values, ElementsAre(0x07070707, 0x07070707, 0x07070707));
}

TEST(NpyArray, IsRefusedWhereTypeOrSizeIsWrong) {
  const std::string good(kGood);
  for (const char* dtype : {"<f4", "|b1", "<U4", "<u3", "u4"}) {
    const std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': (3,)}}", dtype);
    EXPECT_TRUE(fails(open_npy_u32(file_with(array_file(header, 12))), ErrorKind::kFatal,
                      fmt::format("holds {} values, no integers", dtype)));
    EXPECT_TRUE(fails(open_npy_u64(file_with(array_file(header, 12))), ErrorKind::kFatal, "astype('<u8')"));
  }
  EXPECT_TRUE(fails(open_npy_u32(file_with(array_file(good, 11))), ErrorKind::kFatal, "11 bytes of values"));
  EXPECT_TRUE(fails(open_npy_u32(file_with(array_file(good, 16))), ErrorKind::kFatal, "16 bytes of values"));
  EXPECT_TRUE(fails(open_npy_u32(file_with({})), ErrorKind::kFatal, "array.npy: not a .npy file"));
  EXPECT_TRUE(fails(open_npy_u32(folder() / "none.npy"), ErrorKind::kFatal, "none.npy"));
}

TEST(NpyArray, IsReadThoughItIsNotAligned) {
  const std::string good(kGood);
  for (const size_t more : {0, 1, 2, 3}) {
    Bytes bytes = npy_file(good + std::string(more, ' '));
    for (const uint8_t byte : {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0x80}) bytes.push_back(byte);
    const auto array = open_npy_u32(file_with(bytes));
    ASSERT_TRUE(array) << array.error().message;
    EXPECT_THAT(array->values, ElementsAre(1, 2, 0x80000003));
  }
}

// The values of a file whose data are these bytes.
template <typename T>
Result<std::vector<T>> values_of(std::string_view dtype, std::string_view shape, const Bytes& data,
                                 bool is_fortran_order = false) {
  Bytes bytes = npy_file(fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}}}", dtype,
                                     is_fortran_order ? "True" : "False", shape));
  bytes.insert(bytes.end(), data.begin(), data.end());
  const auto open = [&] {
    if constexpr (sizeof(T) == 4) {
      return open_npy_u32(file_with(bytes));
    } else {
      return open_npy_u64(file_with(bytes));
    }
  };
  auto array = open();
  if (!array) return std::unexpected(array.error());
  return std::vector<T>(array->values.begin(), array->values.end());
}

TEST(NpyArray, TakesIntegersOfEverySizeAndOrder) {
  EXPECT_THAT(values_of<uint32_t>("<u2", "(2,)", {1, 2, 0xff, 0xff}).value(), ElementsAre(0x201, 0xffff));
  EXPECT_THAT(values_of<uint32_t>(">u2", "(2,)", {1, 2, 0xff, 0xfe}).value(), ElementsAre(0x102, 0xfffe));
  EXPECT_THAT(values_of<uint32_t>(">u4", "(1,)", {1, 2, 3, 4}).value(), ElementsAre(0x1020304));
  EXPECT_THAT(values_of<uint32_t>("|u1", "(3,)", {1, 0xff, 3}).value(), ElementsAre(1, 255, 3));
  EXPECT_THAT(values_of<uint32_t>("<i8", "(1,)", {1, 0, 0, 0x80, 0, 0, 0, 0}).value(),
              ElementsAre(0x80000001));
  EXPECT_THAT(values_of<uint64_t>(">i4", "(1,)", {0x7f, 2, 3, 4}).value(), ElementsAre(0x7f020304));
  EXPECT_THAT(values_of<uint64_t>("<i8", "(1,)", Bytes(8, 0xff)).value(), ElementsAre(UINT64_MAX));
}

TEST(NpyArray, RefusesWhatIsNoTokenId) {
  EXPECT_TRUE(fails(values_of<uint32_t>("<i4", "(2,)", {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}),
                    ErrorKind::kFatal, "value 1 is -1, no token id"));
  EXPECT_TRUE(fails(values_of<uint32_t>("<u8", "(1,)", {0, 0, 0, 0, 1, 0, 0, 0}), ErrorKind::kFatal,
                    "value 0 is 4294967296"));
}

TEST(NpyArray, IsReadInCOrderWhereItIsInFortrans) {
  EXPECT_THAT(values_of<uint32_t>("|u1", "(2, 3)", {1, 4, 2, 5, 3, 6}, true).value(),
              ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(values_of<uint32_t>("|u1", "(2, 2, 2)", {1, 5, 3, 7, 2, 6, 4, 8}, true).value(),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(values_of<uint32_t>("<u4", "(1,)", {9, 0, 0, 0}, true).value(), ElementsAre(9));
  EXPECT_THAT(values_of<uint32_t>("|u1", "(0, 3)", {}, true).value(), ElementsAre());
}

TEST(NpyWriter, WritesWhatTheReaderReads) {
  const std::filesystem::path path = folder() / "written.npy";
  std::vector<uint64_t> values(300'000);
  std::iota(values.begin(), values.end(), uint64_t{1} << 40);
  auto writer = NpyWriter::create(path, NpyType::kU64);
  ASSERT_TRUE(writer) << writer.error().message;
  const std::span<const uint64_t> all = values;
  ASSERT_TRUE(writer->append(all.first(3)));
  ASSERT_TRUE(writer->append(all.subspan(3, 250'000)));  // more than its buffer
  ASSERT_TRUE(writer->append(all.subspan(250'003)));
  EXPECT_EQ(writer->count(), values.size());
  ASSERT_TRUE(writer->finish());
  const auto array = open_npy_u64(path);
  ASSERT_TRUE(array) << array.error().message;
  EXPECT_TRUE(std::ranges::equal(array->values, values));
}

TEST(NpyWriter, WritesAHeaderOfFixedSizeThatNumpyAligns) {
  EXPECT_EQ(make_npy_header("<u4", 0).size(), kNpyHeaderSize);
  EXPECT_EQ(make_npy_header("<u8", UINT64_MAX).size(), kNpyHeaderSize);
  EXPECT_EQ(as_text(make_npy_header("<u4", 5)).substr(10, 58),
            "{'descr': '<u4', 'fortran_order': False, 'shape': (5,), } ");
}

TEST(NpyWriter, LeavesNoReadableArrayWhenItIsNotFinished) {
  const std::filesystem::path path = folder() / "unfinished.npy";
  {
    auto writer = NpyWriter::create(path, NpyType::kU32);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->append(std::vector<uint32_t>(1'000'000, 3)));
  }
  EXPECT_TRUE(fails(open_npy_u32(path), ErrorKind::kFatal, "not a .npy file"));
}

TEST(NpyWriter, SaysWhereAndWhyItCannotWrite) {
  EXPECT_TRUE(
      fails(NpyWriter::create(folder() / "none" / "x.npy", NpyType::kU32), ErrorKind::kFatal, "none/x.npy"));
  const std::filesystem::path path = folder() / "full.npy";
  EXPECT_EQ(testing::run_in_child([&] {
              testing::limit_file_size(1 << 20, /*deadly=*/false);
              auto writer = NpyWriter::create(path, NpyType::kU32);
              if (!writer) return 1;
              const std::vector<uint32_t> values(1 << 16, 3);
              Status status;
              for (int i = 0; i < 10 && status; ++i) status = writer->append(values);
              if (status) return 2;
              return status.error().message.starts_with(path.string() + ": ") ? 0 : 3;
            }),
            0);
}

}  // namespace
}  // namespace templar
