#include "app/command_line/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "support/expect_failure.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<ConfigEntry> entries_of_text(const std::string& text) {
  auto entries = parse_config(text, "f");
  EXPECT_TRUE(entries) << entries.error().message;
  return entries ? *std::move(entries) : std::vector<ConfigEntry>();
}

std::string refusal_of(const std::string& text) {
  const auto entries = parse_config(text, "node.toml");
  EXPECT_FALSE(entries) << text;
  return entries ? "" : entries.error().message;
}

TEST(ParseConfig, GivesEachLineWithItsKindOfValue) {
  const std::vector<ConfigEntry> entries = entries_of_text(
      "\xef\xbb\xbf# a comment\n"
      "threads = 4\n"
      "\n"
      "stake = 2.5  # here too\r\n"
      "force = true\n"
      "store = 's3://b?endpoint=x&y=\\'\n"
      "tag = [\n  \"site=a \\u00e4\",\n  'rack=7',\n]\n"
      "\"log-file\" = \"\"\n");
  ASSERT_EQ(entries.size(), 6u);
  EXPECT_EQ(entries[0].name, "threads");
  EXPECT_EQ(entries[0].line, 2);
  EXPECT_THAT(entries[0].values, ElementsAre(ConfigValue(int64_t{4})));
  EXPECT_FALSE(entries[0].is_list);
  EXPECT_EQ(entries[1].line, 4);
  EXPECT_THAT(entries[1].values, ElementsAre(ConfigValue(2.5)));
  EXPECT_THAT(entries[2].values, ElementsAre(ConfigValue(true)));
  EXPECT_THAT(entries[3].values, ElementsAre(ConfigValue("s3://b?endpoint=x&y=\\")));
  EXPECT_TRUE(entries[4].is_list);
  EXPECT_EQ(entries[4].line, 7);
  EXPECT_THAT(entries[4].values, ElementsAre(ConfigValue("site=a \xc3\xa4"), ConfigValue("rack=7")));
  EXPECT_EQ(entries[5].name, "log-file");
  EXPECT_EQ(entries[5].line, 11);
}

TEST(ParseConfig, ReadsNumbersAsTomlDoes) {
  const auto value_of = [](const std::string& word) -> std::optional<ConfigValue> {
    const auto entries = parse_config("a = " + word, "f");
    return entries ? std::optional(entries->at(0).values.at(0)) : std::nullopt;
  };
  for (const auto& [word, number] :
       std::vector<std::pair<std::string, int64_t>>{{"0", 0},
                                                    {"-0", 0},
                                                    {"+5", 5},
                                                    {"-17", -17},
                                                    {"1_000_000", 1'000'000},
                                                    {"9223372036854775807", INT64_MAX},
                                                    {"-9223372036854775808", INT64_MIN}})
    EXPECT_EQ(value_of(word), ConfigValue(number)) << word;
  for (const auto& [word, number] : std::vector<std::pair<std::string, double>>{{"0.5", 0.5},
                                                                                {"-3.25", -3.25},
                                                                                {"1e6", 1e6},
                                                                                {"+1.5E-3", 0.0015},
                                                                                {"6e+08", 6e8},
                                                                                {"1_0.2_5", 10.25}})
    EXPECT_EQ(value_of(word), ConfigValue(number)) << word;
  for (const char* word : {"007",   "-01",      "1.",   ".5",  "1_",
                           "_1",    "1__0",     "1._5", "1e",  "1e+",
                           "e5",    "1.e5",     "+",    "--5", "9223372036854775808",
                           "1e999", "0x10",     "nan",  "inf", "1,5",
                           "5 5",   "1\xc2\xa0"})
    EXPECT_EQ(value_of(word), std::nullopt) << word;
}

TEST(ParseConfig, TakesAnEmptyFile) {
  EXPECT_THAT(entries_of_text(""), IsEmpty());
  EXPECT_THAT(entries_of_text("# nothing\n"), IsEmpty());
}

TEST(ParseConfig, NamesFileAndLineOfWhatIsWrong) {
  for (const auto& [text, said] : std::vector<std::pair<std::string, std::string>>{
           {"a = 1\nb = \n", "node.toml:2: b has no value"},
           {"a = 1\nb =", "node.toml:2: b has no value"},
           {"a = 1\nthreads 4\n", "node.toml:2: has no = behind threads"},
           {"a = 1\n= 4\n", "node.toml:2: begins with no option's name"},
           {"\xc3\xa4 = 4\n", "node.toml:1: begins with no option's name"},
           {"a = 1\n\na = 2\n", "node.toml:3: a is there already, in line 1"},
           {"a = 1\n'a' = 2\n", "node.toml:2: a is there already, in line 1"},
           {"a = 1 2\n", "node.toml:1: has more behind the value of a"},
           {"a = 'x' y\n", "node.toml:1: has more behind the value of a"},
           {"a = 1 b = 2\n", "node.toml:1: has more behind the value of a"},
           {"a = [1] 2\n", "node.toml:1: has more behind the value of a"},
           {"a = tiny\n", "node.toml:1: a = tiny: a text stands in quotes"},
           {"a = True\n", "node.toml:1: a = True: a text stands in quotes"},
           {"a = \"b\n", "node.toml:1: the text of a has no end: \" is missing"},
           {"a = 'b", "node.toml:1: the text of a has no end: ' is missing"},
           {"a = \"b\\\"\n", "node.toml:1: the text of a has no end"},
           {"a = \"C:\\dir\"\n", "node.toml:1: a has a \\ that stands for nothing"},
           {"a = \"\\", "node.toml:1: a has a \\ that stands for nothing"},
           {"a = \"\\u00e\"\n", "node.toml:1: a has a \\ that stands for nothing"},
           {"a = \"\\ud800\"\n", "node.toml:1: a has a \\ that stands for nothing"},
           {"a = \"\\U00110000\"\n", "node.toml:1: a has a \\ that stands for nothing"},
           {"a = \"\\u-001\"\n", "node.toml:1: a has a \\ that stands for nothing"},
           {"a = \"\"\"b\"\"\"\n", "node.toml:1: a is a text over several lines"},
           {"a = '''b'''\n", "node.toml:1: a is a text over several lines"},
           {"a = 1\n[miner]\nthreads = 2\n", "node.toml:2: is a section"},
           {"miner.threads = 2\n", "node.toml:1: miner. is a section's name"},
           {"a = {b = 1}\n", "node.toml:1: a is a section"},
           {"[[a]]\n", "node.toml:1: is a section"},
           {"a = [[1], 2]\n", "node.toml:1: a is a list in a list"},
           {"a = [\n1,\n[2]]\n", "node.toml:3: a is a list in a list"},
           {"b = 1\na = [\n1,\n", "node.toml:2: the list of a has no end"},
           {"a = [", "node.toml:1: the list of a has no end"},
           {"a = [1 2]\n", "node.toml:1: the values of a stand between commas"},
           {"a = [,]\n", "node.toml:1: a has no value"},
           {"a = [1,,2]\n", "node.toml:1: a has no value"},
           {"a = [1,\nx]\n", "node.toml:2: a = x: a text stands in quotes"},
           {"a = 2026-11-28\n", "node.toml:1: a = 2026-11-28: a text stands in quotes"},
           {"a = \"\xff\"\n", "node.toml:1: is no text in UTF-8"},
           {"a = 1\n# \x1b\n", "node.toml:2: has the control character 0x1b"},
           {"a = 1\rb = 2\n", "node.toml:1: has the control character 0x0d"},
           {std::string("a = 1\n\0", 7), "node.toml:2: has the control character 0x00"},
           {"a = " + std::string(100'000, '['), "node.toml:1: a is a list in a list"}}) {
    EXPECT_THAT(refusal_of(text), HasSubstr(said)) << text.substr(0, 100);
    EXPECT_LT(refusal_of(text).size(), 300u) << text.substr(0, 100);
  }
}

TEST(ReadConfigFile, FailsWhereThereIsNoReadableFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(read_config_file(folder / "none.toml"), ErrorKind::kFatal, "none.toml"));
  EXPECT_TRUE(fails(read_config_file(folder.path()), ErrorKind::kFatal, folder.path().string()));
  std::ofstream(folder / "large.toml") << "#" << std::string(kMaxConfigBytes, ' ');
  EXPECT_TRUE(fails(read_config_file(folder / "large.toml"), ErrorKind::kFatal, "large.toml"));
}

TEST(ConfigLine, IsReadAsItWasWritten) {
  for (const std::string value :
       {"plain", "", "a \"quoted\" \\ word", "tab\tline\nend", "\x1f\x7f", "na\u00efve"}) {
    const auto entries = parse_config(config_line("store", value) + config_line("data", "x"), "f");
    ASSERT_TRUE(entries) << entries.error().message;
    ASSERT_EQ(entries->size(), 2u);
    EXPECT_EQ((*entries)[0].values.at(0), ConfigValue(value));
  }
}

}  // namespace
}  // namespace templar::testing
