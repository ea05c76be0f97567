#include "adapters/influx/line_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string line_of(const Measurement& measurement) {
  std::string line;
  LineFaults faults;
  EXPECT_TRUE(append_line_protocol(line, measurement, faults));
  return line;
}

std::string line_with_name(const std::string& name) {
  return line_of({.name = name, .tags = {}, .fields = {{"f", int64_t{1}}}, .time_ns = 7});
}

std::string line_with_tag(const std::string& key, const std::string& value) {
  return line_of({.name = "m", .tags = {{key, value}}, .fields = {{"f", int64_t{1}}}, .time_ns = 7});
}

std::string line_with_field(const std::string& key, const MetricValue& value) {
  return line_of({.name = "m", .tags = {}, .fields = {{key, value}}, .time_ns = 7});
}

}  // namespace

TEST(LineProtocol, WritesAMeasurementAsALine) {
  EXPECT_EQ(
      line_of({.name = "training_step_v2",
               .tags = {{"uid", "3"}, {"role", "miner"}},
               .fields = {{"window", int64_t{12}}, {"loss", 3.5}, {"state_root", std::string("ab12")}},
               .time_ns = 1784800000123456789}),
      "training_step_v2,role=miner,uid=3 loss=3.5,state_root=\"ab12\",window=12i 1784800000123456789\n");
}

TEST(LineProtocol, WritesEachKindOfNumberSoThatItComesBack) {
  EXPECT_EQ(line_with_field("f", std::numeric_limits<int64_t>::min()), "m f=-9223372036854775808i 7\n");
  EXPECT_EQ(line_with_field("f", 5.0), "m f=5 7\n");  // without an i it is a float
  for (const double value :
       {0.1, -1.0 / 3, 5e-324, std::numeric_limits<double>::max(), 1e22, 123456789.125}) {
    const std::string line = line_with_field("f", value);
    EXPECT_EQ(std::strtod(line.c_str() + 4, nullptr), value) << line;
  }
}

TEST(LineProtocol, EscapesWhatSeparates) {
  EXPECT_EQ(line_with_name("a b,c=d\"e"), "a\\ b\\,c=d\"e f=1i 7\n");
  EXPECT_EQ(line_with_tag("a b,c=d\"e", "a b,c=d\"e"), "m,a\\ b\\,c\\=d\"e=a\\ b\\,c\\=d\"e f=1i 7\n");
  EXPECT_EQ(line_with_field("a b,c=d\"e", int64_t{1}), "m a\\ b\\,c\\=d\"e=1i 7\n");
  EXPECT_EQ(line_with_field("f", std::string("a b,c=d\"e\\\n\t")), "m f=\"a b,c=d\\\"e\\\\\n\t\" 7\n");
}

TEST(LineProtocol, KeepsCharactersOfEveryLengthAndReplacesBytesThatAreNone) {
  const std::string text = "\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x80";
  EXPECT_EQ(line_with_name(text), text + " f=1i 7\n");
  EXPECT_EQ(line_with_field("f", text), "m f=\"" + text + "\" 7\n");
  const std::string replacement = "\xef\xbf\xbd";
  for (const char* wrong :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf0\x9f\xa6"}) {
    const std::string line = line_with_field("f", std::string("a") + wrong + "b");
    EXPECT_THAT(line, ::testing::StartsWith("m f=\"a" + replacement)) << wrong;
    EXPECT_THAT(line, ::testing::EndsWith("b\" 7\n")) << wrong;
  }
}

TEST(LineProtocol, ShowsInNamesWhatNoNameCanHold) {
  EXPECT_EQ(line_with_tag("t", std::string("a\nb\rc\td\0e", 9)), "m,t=a\\nb\\rc\\td\\0e f=1i 7\n");
  EXPECT_EQ(line_with_name("a\nb"), "a\\nb f=1i 7\n");
  EXPECT_EQ(line_with_field("f", std::string("a\0b", 3)), "m f=\"a\\\\0b\" 7\n");
}

TEST(LineProtocol, LetsNoBackslashStandBeforeWhatItWouldEscape) {
  EXPECT_EQ(line_with_tag("t", "C:\\Users\\"), "m,t=C:\\Users/ f=1i 7\n");
  EXPECT_EQ(line_with_tag("t", "a\\,b\\\\ c\\=d"), "m,t=a/\\,b//\\ c/\\=d f=1i 7\n");
  EXPECT_EQ(line_with_field("a\\\"b", int64_t{1}), "m a/\"b=1i 7\n");
}

TEST(LineProtocol, RenamesWhatTheServerKeepsForItself) {
  EXPECT_EQ(line_with_name("#x"), "\\#x f=1i 7\n");
  EXPECT_EQ(line_with_tag("time", "now"), "m,time_=now f=1i 7\n");
  EXPECT_EQ(line_with_field("time", 1.0), "m time_=1 7\n");
}

TEST(LineProtocol, LeavesOutEmptyTagsAndFieldsThatAreNoNumbers) {
  std::string line;
  LineFaults faults;
  ASSERT_TRUE(
      append_line_protocol(line,
                           {.name = "m",
                            .tags = {{"a", ""}, {"", "b"}, {"c", "d"}},
                            .fields = {{"", 1.0}, {"inf", HUGE_VAL}, {"nan", std::nan("")}, {"x", 1.0}},
                            .time_ns = -1},
                           faults));
  EXPECT_EQ(line, "m,c=d x=1 -1\n");
  EXPECT_THAT(faults.fields, ElementsAre("", "inf", "nan"));
  EXPECT_FALSE(faults.no_field);
}

TEST(LineProtocol, WritesNothingWithoutANameOrAField) {
  std::string line = "before";
  LineFaults faults;
  EXPECT_FALSE(append_line_protocol(line, {.name = "", .fields = {{"f", 1.0}}}, faults));
  EXPECT_FALSE(append_line_protocol(line, {.name = "m", .fields = {{"f", std::nan("")}}}, faults));
  EXPECT_TRUE(faults.no_field);
  EXPECT_FALSE(append_line_protocol(line, {.name = "m"}, faults));
  EXPECT_THAT(faults.fields, IsEmpty());
  EXPECT_EQ(line, "before");
}

TEST(LineEnds, FindsWhatWasWritten) {
  std::string lines;
  std::vector<size_t> expected;
  LineFaults faults;
  for (const std::string& text :
       {std::string("two\nlines"), std::string("\"\n\\"), std::string(), std::string("=\n\"=\"\n,")}) {
    const Measurement measurement{.name = "a\"b \\" + text,
                                  .tags = {{"t\"=\"", "v" + text}},
                                  .fields = {{"f\"=" + text, text}, {"g", text}, {"h", 1.0}},
                                  .time_ns = 7};
    ASSERT_TRUE(append_line_protocol(lines, measurement, faults));
    expected.push_back(lines.size());
  }
  EXPECT_EQ(line_ends(lines), expected);
}

TEST(LineEnds, EndsWithTheText) {
  EXPECT_THAT(line_ends(""), IsEmpty());
  EXPECT_THAT(line_ends("m f=1 7"), ElementsAre(7u));
  EXPECT_THAT(line_ends("m f=\"never closed\n\n"), ElementsAre(19u));
  EXPECT_THAT(line_ends("\\"), ElementsAre(1u));
}

}  // namespace templar::testing
