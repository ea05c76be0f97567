#include "formats/safetensors/safetensors.h"

#include <gtest/gtest.h>

#include "base/files/large_read.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/test_run.h"
#include "support/vectors.h"

namespace templar::testing {
namespace {

Bytes file_with(std::string_view header, size_t data_bytes) {
  ByteWriter writer;
  writer.put(static_cast<uint64_t>(header.size()));
  writer.put_bytes(as_bytes(header));
  writer.put_bytes(Bytes(data_bytes));
  return writer.take();
}

Result<SafetensorsHeader> parse(ByteView file, uint64_t max_header_bytes = kMaxSafetensorsHeaderBytes) {
  TRY_ASSIGN(const uint64_t bytes, safetensors_header_bytes(file.first(std::min<size_t>(file.size(), 8)),
                                                            file.size(), max_header_bytes));
  return parse_safetensors_header(file.subspan(8, bytes), file.size());
}

Bytes whole_file(const ParameterLayout& layout, ConstParameterSpans values) {
  Bytes file;
  EXPECT_TRUE(write_safetensors(layout, values, [&](ByteView piece) {
    file.insert(file.end(), piece.begin(), piece.end());
    return Status();
  }));
  return file;
}

constexpr std::string_view kTwo =
    R"({"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},)"
    R"("__metadata__":{"format":"pt"}}  )";

}  // namespace

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirBytes) {
  const auto header = parse(file_with(kTwo, 28));
  ASSERT_TRUE(header) << header.error().message;
  ASSERT_EQ(header->tensors.size(), 2u);
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[0].dtype, "BF16");
  EXPECT_EQ(header->tensors[1].name, "b");
  EXPECT_EQ(header->tensors[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(header->tensors[1].begin, 4u);
  EXPECT_EQ(header->data_begin, 8 + kTwo.size());
  EXPECT_EQ(header->metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
}

TEST(Safetensors, ReadsTensorsWithoutElementsOrDimensions) {
  const auto header = parse(file_with(
      R"({"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})",
      8));
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->tensors[0].name, "e");
  EXPECT_TRUE(parse(file_with("{}", 0)));
}

TEST(Safetensors, RefusesAHeaderThatTheFormatForbids) {
  const auto expect_refused = [](const std::string& header, size_t data_bytes, std::string_view reason) {
    EXPECT_TRUE(fails(parse(file_with(header, data_bytes)), ErrorKind::kSkip, reason)) << header;
  };
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"("t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  const std::string good = tensor("F32", "[1]", "[0,4]");
  expect_refused("", 4, "does not begin with '{'");
  expect_refused("[]", 0, "does not begin with '{'");
  expect_refused(" {}", 0, "does not begin with '{'");
  expect_refused("{", 0, "not JSON");
  expect_refused("{}x", 0, "not JSON");
  expect_refused("{} {}", 0, "not JSON");
  expect_refused("{\"\xff\":{}}", 0, "not JSON");
  expect_refused("{" + good + "," + good + "}", 4, "'t': there are two tensors of this name");
  expect_refused(R"({"__metadata__":{"a":"b"},"__metadata__":{}})", 0, "'__metadata__': it occurs twice");
  expect_refused(R"({"__metadata__":{"a":"b","a":"c"}})", 0, "the key 'a' occurs twice");
  expect_refused(R"({"__metadata__":{"a":1}})", 0, "a number where none belongs");
  expect_refused(R"({"__metadata__":{"a":{}}})", 0, "an object where none belongs");
  expect_refused(R"({"__metadata__":"x"})", 0, "text where none belongs");
  expect_refused(R"({"t":null})", 0, "no integer from 0");
  expect_refused(R"({"t":[]})", 0, "a list where none belongs");
  expect_refused(R"({"t":1})", 0, "a number where none belongs");
  expect_refused(R"({"t":{"dtype":"F32","shape":[1]}})", 4, "dtype, shape or data_offsets is missing");
  expect_refused(R"({"t":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", 4,
                 "the key 'shape' occurs twice");
  expect_refused(R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4, "unknown key 'x'");
  expect_refused("{" + tensor("F33", "[1]", "[0,4]") + "}", 4, "unknown type 'F33'");
  expect_refused("{" + tensor("F32", "[-1]", "[0,4]") + "}", 4, "no integer from 0");
  expect_refused("{" + tensor("F32", "[1.0]", "[0,4]") + "}", 4, "no integer from 0");
  expect_refused("{" + tensor("F32", "[[1]]", "[0,4]") + "}", 4, "a list where none belongs");
  expect_refused("{" + tensor("F32", "[true]", "[0,4]") + "}", 4, "no integer from 0");
  expect_refused("{" + tensor("F32", "[\"1\"]", "[0,4]") + "}", 4, "text where none belongs");
  expect_refused("{" + tensor("F32", "[1]", "[0]") + "}", 4, "data_offsets are not two numbers");
  expect_refused("{" + tensor("F32", "[1]", "[0,4,8]") + "}", 4, "a number where none belongs");
  expect_refused("{" + tensor("F32", "[9223372036854775808]", "[0,4]") + "}", 4, "no integer from 0");
  expect_refused("{" + tensor("F32", "[4611686018427387904,4]", "[0,0]") + "}", 0, "too large");
  expect_refused("{" + tensor("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]") + "}", 4,
                 "more than 16 dimensions");
  expect_refused("{" + tensor("F32", "[2]", "[0,4]") + "}", 4, "'t': 4 bytes, type and shape make 8");
  expect_refused("{" + tensor("F32", "[1]", "[4,0]") + "}", 4, "backwards");
  expect_refused("{" + tensor("F32", "[1]", "[4,8]") + "}", 8,
                 "begins at byte 4 of the data, the one before it ends at 0");
  expect_refused("{" + good + R"(,"u":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", 6,
                 "'u': begins at byte 2");
  expect_refused("{" + good + R"(,"u":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})", 12,
                 "'u': begins at byte 8");
  expect_refused("{" + good + "}", 3, "3 bytes of data, the header says 4");
  expect_refused("{" + good + "}", 5, "5 bytes of data, the header says 4");
}

TEST(Safetensors, RefusesALengthBeyondTheFileOrTheLimit) {
  const auto with_length = [](uint64_t length) {
    ByteWriter writer;
    writer.put(length);
    writer.put_bytes(as_bytes("{}"));
    return parse(writer.view());
  };
  EXPECT_TRUE(with_length(2));
  EXPECT_TRUE(fails(with_length(3), ErrorKind::kSkip, "header of 3 bytes in a file of 10"));
  EXPECT_TRUE(
      fails(with_length(100'000'001), ErrorKind::kSkip, "header of 100000001 bytes, at most 100000000"));
  EXPECT_TRUE(fails(with_length(~uint64_t{0}), ErrorKind::kSkip, "at most 100000000"));
  EXPECT_TRUE(fails(parse(file_with(kTwo, 28), 10), ErrorKind::kSkip, "at most 10"));
  EXPECT_TRUE(fails(parse(Bytes(7)), ErrorKind::kSkip, "header length"));
}

TEST(Safetensors, GivesBackTheParametersThatWereWritten) {
  const TestRun run;
  const TemporaryFolder folder;
  const ParameterBuffers values = random_values(run.layout, 3);
  const Bytes file = whole_file(run.layout, values.spans());
  ASSERT_TRUE(write_file_atomically(folder / "model.safetensors", file));
  const auto mapped = MappedSafetensors::open(folder / "model.safetensors");
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_EQ(mapped->header().metadata.at("format"), "pt");
  EXPECT_EQ(mapped->header().data_begin % kLargeReadAlignment, 0u);
  ASSERT_TRUE(match_layout(mapped->header(), run.layout));
  ParameterBuffers read(run.layout);
  for (size_t i = 0; i < run.layout.size(); ++i) {
    EXPECT_EQ(mapped->header().tensors[i].name, run.layout[i].name);
    ASSERT_TRUE(mapped->copy_f32(run.layout[i], read.spans()[i]));
    EXPECT_TRUE(std::ranges::equal(read.spans()[i], values.spans()[i]));
  }
}

TEST(Safetensors, SaysWhichTensorIsNotTheModels) {
  const ParameterLayout layout = {{"a", {2, 3}}, {"b", {4}}};
  const auto match = [&](const ParameterLayout& other) {
    return match_layout(
        parse(whole_file(layout, std::as_const(*std::make_unique<ParameterBuffers>(layout)).spans())).value(),
        other);
  };
  EXPECT_TRUE(match(layout));
  EXPECT_TRUE(match({{"b", {4}}, {"a", {2, 3}}}));
  EXPECT_TRUE(fails(match({{"a", {2, 3}}}), ErrorKind::kSkip, "tensor 'b': the model has none"));
  EXPECT_TRUE(fails(match({{"a", {2, 3}}, {"b", {4}}, {"c", {1}}}), ErrorKind::kSkip, "tensor 'c': missing"));
  EXPECT_TRUE(fails(match({{"a", {3, 2}}, {"b", {4}}}), ErrorKind::kSkip,
                    "tensor 'a': shape [2, 3], the model's is [3, 2]"));
  const auto half = parse(file_with(R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4)).value();
  EXPECT_TRUE(fails(match_layout(half, {{"a", {2}}}), ErrorKind::kSkip, "tensor 'a': type F16"));
}

TEST(Safetensors, RefusesEveryCutFile) {
  const ParameterLayout layout = {{"a", {2, 3}}, {"b", {4}}};
  ParameterBuffers values(layout);
  const Bytes file = whole_file(layout, std::as_const(values).spans());
  ASSERT_TRUE(parse(file));
  for (size_t size = 0; size < file.size(); ++size) EXPECT_FALSE(parse(ByteView(file).first(size))) << size;
}

TEST(Safetensors, NamesTheFileThatItCannotOpen) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(MappedSafetensors::open(folder / "none"), ErrorKind::kFatal, "none: No such file"));
  ASSERT_TRUE(write_file_atomically(folder / "bad", "123456789"));
  EXPECT_TRUE(fails(MappedSafetensors::open(folder / "bad"), ErrorKind::kSkip, "bad: header of"));
  ASSERT_TRUE(write_file_atomically(folder / "empty", ""));
  EXPECT_TRUE(fails(MappedSafetensors::open(folder / "empty"), ErrorKind::kSkip, "empty: "));
}

TEST(SafetensorsVectors, OpensFilesThatAnotherProgramWrote) {
  for (const char* name : {"model/llama_mha_tied.safetensors", "model/llama_gqa_untied.safetensors"}) {
    const auto mapped = MappedSafetensors::open(vector_path(name));
    ASSERT_TRUE(mapped) << mapped.error().message;
    EXPECT_TRUE(mapped->header().metadata.contains("hidden_size"));
    const int64_t hidden = std::stoll(mapped->header().metadata.at("hidden_size"));
    const int64_t vocab = std::stoll(mapped->header().metadata.at("vocab_size"));
    std::vector<float> embedding(static_cast<size_t>(hidden * vocab));
    EXPECT_TRUE(mapped->copy_f32({"param.model.embed_tokens.weight", {vocab, hidden}}, embedding));
    EXPECT_NE(embedding.front(), embedding.back());
  }
}

}  // namespace templar::testing
