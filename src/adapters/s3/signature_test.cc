#include "adapters/s3/signature.h"

#include <gtest/gtest.h>

#include "base/sha256.h"

namespace templar {
namespace {

// The keys and times of the examples that AWS publishes.
const S3Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
constexpr TimestampMs kExampleTime = 1'369'353'600'000;  // 2013-05-24 00:00:00
constexpr TimestampMs kSuiteTime = 1'440'938'160'000;    // 2015-08-30 12:36:00

std::string signature_in(const std::string& value) {
  return value.substr(value.find("Signature=") + 10);
}

RequestToSign example(std::string method, std::string path, TextPairs query = {},
                      std::string_view content = "") {
  const std::string hash = sha256(as_bytes(content)).hex();
  return {.method = std::move(method),
          .path = std::move(path),
          .query = std::move(query),
          .headers = {{"x-amz-date", "20130524T000000Z"},
                      {"x-amz-content-sha256", hash},
                      {"host", "examplebucket.s3.amazonaws.com"}},
          .payload_hash = hash};
}

std::string signed_example(const RequestToSign& request) {
  return signature_in(authorization(request, kExample, {kExampleTime, "us-east-1", "s3"}));
}

TEST(Signature, IsThatOfAwsExamplesOfS3) {
  RequestToSign get = example("GET", "/test.txt");
  get.headers.emplace_back("range", "bytes=0-9");
  EXPECT_EQ(authorization(get, kExample, {kExampleTime, "us-east-1", "s3"}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  RequestToSign put = example("PUT", "/test%24file.text", {}, "Welcome to Amazon S3.");
  put.headers.emplace_back("date", "Fri, 24 May 2013 00:00:00 GMT");
  put.headers.emplace_back("x-amz-storage-class", "REDUCED_REDUNDANCY");
  EXPECT_EQ(signed_example(put), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_EQ(signed_example(example("GET", "/", {{"lifecycle", ""}})),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(signed_example(example("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}})),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

std::string signed_suite(const std::string& method, TextPairs query, TextPairs headers = {}) {
  headers.emplace_back("host", "example.amazonaws.com");
  headers.emplace_back("x-amz-date", "20150830T123600Z");
  const RequestToSign request{.method = method,
                              .path = "/",
                              .query = std::move(query),
                              .headers = std::move(headers),
                              .payload_hash = sha256({}).hex()};
  const S3Credentials keys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  return signature_in(authorization(request, keys, {kSuiteTime, "us-east-1", "service"}));
}

TEST(Signature, IsThatOfAwsTestSuite) {
  EXPECT_EQ(signed_suite("GET", {}), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(signed_suite("POST", {}), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  EXPECT_EQ(signed_suite("GET", {{"Param2", "value2"}, {"Param1", "value1"}}),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  EXPECT_EQ(signed_suite("GET", {}, {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}}),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST(Signature, EncodesEachByteThatIsNotPlain) {
  EXPECT_EQ(percent_encoded("a b/c+\xc3\xa4~", EncodedPart::kPath), "a%20b/c%2B%C3%A4~");
  EXPECT_EQ(percent_encoded("a/b=", EncodedPart::kQuery), "a%2Fb%3D");
  EXPECT_EQ(encoded_query({{"b", "2 3"}, {"uploads", ""}, {"a", "/"}}), "a=%2F&b=2%203&uploads=");
}

TEST(Signature, KnowsTheDayOfALeapYear) {
  EXPECT_EQ(signing_time(1'709'251'199'999), "20240229T235959Z");
  EXPECT_EQ(signing_time(0), "19700101T000000Z");
}

}  // namespace
}  // namespace templar
