#include "ports/store_address.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"

namespace templar::testing {
namespace {

S3Address s3(std::string_view text) {
  return std::get<S3Address>(parse_store_address(text).value());
}

TEST(StoreAddress, NamesAFolder) {
  EXPECT_EQ(std::get<FileAddress>(parse_store_address("file:/a folder/b").value()).folder, "/a folder/b");
  EXPECT_EQ(to_text(FileAddress{"x"}), "file:x");
}

TEST(StoreAddress, NamesABucketAndHowToReachIt) {
  const S3Address full =
      s3("s3://bucket/a/b?endpoint=https://S3.Example.com:9000/&region=auto&style=virtual&access=public");
  EXPECT_EQ(full.bucket, "bucket");
  EXPECT_EQ(full.prefix, "a/b");
  EXPECT_EQ(full.endpoint, (S3Endpoint{true, "s3.example.com", 9000}));
  EXPECT_EQ(full.region, "auto");
  EXPECT_EQ(full.style, BucketStyle::kVirtualHost);
  EXPECT_TRUE(full.is_public);
  EXPECT_EQ(full.place(), "s3://bucket/a/b");
  EXPECT_EQ(to_text(full),
            "s3://bucket/a/b?endpoint=https://s3.example.com:9000&region=auto&style=virtual&access=public");
  const S3Address plain = s3("s3://bucket/");
  EXPECT_EQ(plain.prefix, "");
  EXPECT_EQ(plain.endpoint.host, "");
  EXPECT_EQ(plain.style, BucketStyle::kPath);
  EXPECT_EQ(to_text(plain), "s3://bucket");
  EXPECT_EQ(s3("s3://bucket?endpoint=http://[::1]:80").endpoint, (S3Endpoint{false, "[::1]", 80}));
  EXPECT_EQ(s3("s3://bucket?endpoint=http://127.0.0.1").endpoint.text(), "http://127.0.0.1");
}

TEST(StoreAddress, CarriesAKeyThatMayRead) {
  const std::string text = "s3://bucket?endpoint=https://h.x&read-key=AKIA1:se/cr+et==";
  const S3Address address = s3(text);
  EXPECT_EQ(address.read_key, (ReadKey{"AKIA1", "se/cr+et=="}));
  EXPECT_EQ(to_text(address), text);
  EXPECT_EQ(address.place(), "s3://bucket");
  for (const std::string bad : {"AKIA", "AKIA:", ":secret", "AK IA:secret", "AKIA:se:cret", "AKIA:se%20"}) {
    EXPECT_TRUE(fails(parse_store_address("s3://bucket?read-key=" + bad), ErrorKind::kFatal, "ID:SECRET"))
        << bad;
  }
  EXPECT_TRUE(fails(parse_store_address("s3://bucket?read-key=" + std::string(129, 'a') + ":b"),
                    ErrorKind::kFatal, "at most 128"));
  EXPECT_TRUE(fails(parse_store_address("s3://bucket?access=public&read-key=a:b"), ErrorKind::kFatal,
                    "what is public needs no key"));
}

TEST(StoreAddress, KeepsTheFuzzersSeeds) {
  const auto seed = [](std::string_view text) { return Bytes(text.begin(), text.end()); };
  expect_fuzz_corpus(
      "store_address_fuzz",
      {{"folder", seed("file:/a/b")},
       {"bucket", seed("s3://bucket/a?endpoint=https://h.x:9000&region=r&style=virtual&access=public")},
       {"ipv6", seed("s3://bucket?endpoint=http://[::1]:80")}});
}

TEST(StoreAddress, SaysWhatIsWrongWithAText) {
  for (const auto& [text, said] : std::vector<std::pair<std::string, std::string>>{
           {"", "neither file: nor s3://"},
           {"/a/folder", "neither file: nor s3://"},
           {"file:", "names no folder"},
           {"S3://bucket", "neither"},
           {"s3://", "bucket name"},
           {"s3://Bucket", "bucket name"},
           {"s3://user:secret@bucket", "bucket name"},
           {"s3://bucket//a", "object key"},
           {"s3://bucket/../a", "object key"},
           {"s3://bucket?endpoint=ftp://a", "https:// or http://"},
           {"s3://bucket?endpoint=https://", "HOST"},
           {"s3://bucket?endpoint=https://user@host", "without user"},
           {"s3://bucket?endpoint=https://host/path", "without user, path"},
           {"s3://bucket?endpoint=https://a..b", "HOST"},
           {"s3://bucket?endpoint=https://[::1", "HOST"},
           {"s3://bucket?endpoint=https://host:0", "port"},
           {"s3://bucket?endpoint=https://host:65536", "port"},
           {"s3://bucket?endpoint=https://host:", "port"},
           {"s3://bucket?region=", "region"},
           {"s3://bucket?region=a%20b", "region"},
           {"s3://bucket?style=other", "style"},
           {"s3://bucket?access=secret", "access"},
           {"s3://bucket?endpoint=https://[2606::1]&style=virtual", "needs an endpoint with a name"},
           {"s3://bucket?secret_key=abcdef", "keys that may write are never part of it"},
           {"s3://bucket?region=a&region=b", "twice"},
           {"s3://bucket/" + std::string(1100, 'a'), "1024"}}) {
    const auto address = parse_store_address(text);
    EXPECT_TRUE(fails(address, ErrorKind::kFatal, said)) << text;
    EXPECT_TRUE(fails(address, ErrorKind::kFatal, "an address is file:FOLDER or s3://BUCKET")) << text;
    if (!address) EXPECT_EQ(address.error().message.find("abcdef"), std::string::npos);
  }
}

}  // namespace
}  // namespace templar::testing
