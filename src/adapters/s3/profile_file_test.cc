#include "adapters/s3/profile_file.h"

#include <gtest/gtest.h>

#include "support/fuzz_corpus.h"

namespace templar {
namespace {

TEST(ProfileFile, HasSectionsWithSettings) {
  const ProfileFile file = parse_profile_file(
      "ignored = before\n# a comment\n[default]\naws_access_key_id = "
      "AKIA\r\naws_secret_access_key=a/b+c=#;d\n"
      "\n[ profile\tother ]\nREGION = eu # a comment\nno setting\n; another\n");
  EXPECT_EQ(file.at("default"),
            (ProfileSection{{"aws_access_key_id", "AKIA"}, {"aws_secret_access_key", "a/b+c=#;d"}}));
  EXPECT_EQ(file.at("profile other"), (ProfileSection{{"region", "eu"}}));
  EXPECT_EQ(file.size(), 2u);
}

TEST(ProfileFile, HasNestedSettings) {
  const ProfileFile file = parse_profile_file(
      "[services mine]\ns3 =\n  endpoint_url = https://a\n  addressing_style = path\nec2 =\n  endpoint_url = "
      "https://b\nregion = x\n  odd = y\n");
  EXPECT_EQ(file.at("services mine"), (ProfileSection{{"s3.endpoint_url", "https://a"},
                                                      {"s3.addressing_style", "path"},
                                                      {"ec2.endpoint_url", "https://b"},
                                                      {"region", "x"},
                                                      {"odd", "y"}}));
}

TEST(ProfileFile, KeepsTheFuzzersSeeds) {
  const auto seed = [](std::string_view text) { return Bytes(text.begin(), text.end()); };
  testing::expect_fuzz_corpus(
      "profile_file_fuzz",
      {{"keys", seed("[default]\naws_access_key_id = a\naws_secret_access_key=b # c\n")},
       {"services", seed("[profile x]\nservices = y\n[services y]\ns3 =\n  endpoint_url = https://a\n")}});
}

TEST(ProfileFile, IsEmptyWhereThereIsNothing) {
  EXPECT_TRUE(parse_profile_file("").empty());
  EXPECT_TRUE(parse_profile_file("[\n]\n=\n").empty());
}

}  // namespace
}  // namespace templar
