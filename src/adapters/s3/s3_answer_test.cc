#include "adapters/s3/s3_answer.h"

#include <gtest/gtest.h>

#include "adapters/s3/xml_element.h"
#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"

namespace templar::testing {
namespace {

constexpr const char* kPage =
    R"(<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Name>bucket</Name><Prefix>a/</Prefix><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>
<NextContinuationToken>tok&amp;en</NextContinuationToken>
<Contents><Key>a/1%2B2</Key><LastModified>2013-05-24T00:00:00.123Z</LastModified><ETag>&quot;d41d8-2&quot;</ETag><Size>5</Size></Contents>
<Contents><Key>a/b+c</Key><LastModified>2013-05-24T00:00:01Z</LastModified><ETag>"x"</ETag><Size>0</Size></Contents>
</ListBucketResult>)";

std::string with(std::string text, const std::string& old_part, const std::string& new_part) {
  return text.replace(text.find(old_part), old_part.size(), new_part);
}

TEST(S3Answer, GivesAPageOfAList) {
  const ListPage page = parse_list_page(kPage).value();
  ASSERT_EQ(page.objects.size(), 2u);
  EXPECT_EQ(page.objects[0].key, "a/1+2");
  EXPECT_EQ(page.objects[0].size_bytes, 5u);
  EXPECT_EQ(page.objects[0].stored_at_ms, 1'369'353'600'123);
  EXPECT_EQ(page.objects[0].version, "d41d8-2");
  EXPECT_EQ(page.objects[1].key, "a/b c");
  EXPECT_EQ(page.objects[1].stored_at_ms, 1'369'353'601'000);
  EXPECT_EQ(page.next, "tok&en");
  EXPECT_EQ(parse_list_page(with(kPage, ">true<", ">false<")).value().next, "");
}

TEST(S3Answer, RefusesAListWithAWrongField) {
  EXPECT_TRUE(fails(parse_list_page(with(kPage, ">5<", ">5x<")), ErrorKind::kSkip, "size"));
  EXPECT_TRUE(fails(parse_list_page(with(kPage, ">5<", ">-5<")), ErrorKind::kSkip, "size"));
  EXPECT_TRUE(fails(parse_list_page(with(kPage, "05-24T", "13-24T")), ErrorKind::kSkip, "time"));
  EXPECT_TRUE(fails(parse_list_page(with(kPage, "%2B", "%2x")), ErrorKind::kSkip, "encoded"));
  EXPECT_TRUE(fails(parse_list_page(with(kPage, "<Size>5</Size>", "")), ErrorKind::kSkip, "entry"));
  EXPECT_TRUE(fails(parse_list_page(with(kPage, "tok&amp;en", "")), ErrorKind::kSkip, "token"));
  EXPECT_TRUE(fails(parse_list_page("<Error/>"), ErrorKind::kSkip, "'Error' where ListBucketResult"));
  EXPECT_TRUE(fails(parse_list_page("<html>"), ErrorKind::kSkip, "no XML"));
  EXPECT_TRUE(fails(parse_list_page(""), ErrorKind::kSkip, "no XML"));
}

TEST(S3Answer, GivesAnErrorsWordsOnOneLine) {
  const S3Refusal refusal =
      parse_refusal("<Error><Code>SlowDown</Code><Message>Please\nreduce\x7f it</Message></Error>");
  EXPECT_EQ(refusal.code, "SlowDown");
  EXPECT_EQ(refusal.message, "Please reduce  it");
  EXPECT_EQ(parse_refusal("<html>no</html>").code, "");
  EXPECT_EQ(parse_refusal("").message, "");
  const std::string long_message(5000, 'm');
  EXPECT_LE(parse_refusal("<Error><Message>" + long_message + "</Message></Error>").message.size(), 300u);
}

TEST(S3Answer, TellsACompletedUploadFromAnErrorThatSays200) {
  EXPECT_EQ(parse_upload_id("<InitiateMultipartUploadResult><UploadId>id~1</UploadId>"
                            "</InitiateMultipartUploadResult>")
                .value(),
            "id~1");
  EXPECT_FALSE(parse_upload_id("<InitiateMultipartUploadResult/>"));
  EXPECT_FALSE(parse_completion("<CompleteMultipartUploadResult/>").value().has_value());
  EXPECT_EQ(parse_completion("<Error><Code>InternalError</Code></Error>").value()->code, "InternalError");
  EXPECT_TRUE(fails(parse_completion("<Other/>"), ErrorKind::kSkip));
  EXPECT_EQ(completion_request({"a", "b-1"}),
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>&quot;b-1&quot;</ETag></Part></CompleteMultipartUpload>");
}

TEST(S3Answer, KeepsTheFuzzersSeeds) {
  const auto seed = [](const std::string& text) { return Bytes(text.begin(), text.end()); };
  expect_fuzz_corpus(
      "s3_answer_fuzz",
      {{"list", seed(kPage)},
       {"error", seed("<Error><Code>SlowDown</Code><Message>Please &lt;reduce&gt;</Message></Error>")},
       {"upload",
        seed("<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>")},
       {"completed",
        seed("<CompleteMultipartUploadResult><ETag>\"a-2\"</ETag></CompleteMultipartUploadResult>")},
       {"document-type", seed("<!DOCTYPE a [<!ENTITY e \"eeee\">]><a>&e;</a>")}});
}

TEST(XmlElement, RefusesWhatGrowsWithoutEnd) {
  EXPECT_TRUE(fails(parse_xml("<!DOCTYPE a [<!ENTITY e \"eeee\">]><a>&e;</a>"), ErrorKind::kSkip,
                    "declares a document type"));
  std::string deep;
  for (int i = 0; i < 9; ++i) deep += "<a>";
  EXPECT_TRUE(fails(parse_xml(deep), ErrorKind::kSkip, "more than 8 levels"));
  std::string wide = "<a>";
  for (int i = 0; i < 20'000; ++i) wide += "<b/>";
  EXPECT_TRUE(fails(parse_xml(wide + "</a>"), ErrorKind::kSkip, "more than 20000 elements"));
}

TEST(XmlElement, GivesTextAndChildren) {
  const XmlElement root = parse_xml("<s:a xmlns:s='x'>1<b>&lt;2</b><b>3</b></s:a>").value();
  EXPECT_EQ(root.name, "a");
  EXPECT_EQ(root.text, "1");
  EXPECT_EQ(root.child_text("b"), "<2");
  EXPECT_EQ(root.children.size(), 2u);
  EXPECT_EQ(root.child("c"), nullptr);
}

}  // namespace
}  // namespace templar::testing
