// Options of a verb from flags, the environment, a configuration file and by default, read by the command
// line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "app/command_line/command_line.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct SettableValues {
  int count = 1;
  bool flag = false;
  bool loud = false;
  std::string text = "default";
  std::vector<std::string> list;
  std::vector<int64_t> numbers;
  uint64_t size = 7;
  double share = 0.5;
  std::optional<uint64_t> seed;
  std::filesystem::path place;
  size_t colour = 0;
  bool worked = false;

  OptionTable table(bool required) {
    return {{"--count", &count, "A number", {.allowed = IntegerRange{1, 9}, .required = required}},
            {"--flag", &flag, "A flag"},
            {"--loud", &loud, "A flag", {.excludes = "--flag"}},
            {"--text", &text, "A text"},
            {"--list", &list, "A list"},
            {"--number", &numbers, "Numbers", {.allowed = IntegerRange{1, 9}}},
            {"--size", &size, "Bytes", {.allowed = AboveZero{}, .is_size = true}},
            {"--share", &share, "A share", {.allowed = ZeroOrMore{}}},
            {"--seed", &seed, "A seed"},
            {"--place", &place, "A folder", {.allowed = ExistingFolder{}}},
            {"--colour",
             NamedChoice{.names = {"red", "blue"},
                         .chosen = [this] { return colour; },
                         .choose = [this](size_t chosen) { colour = chosen; }},
             "A colour"}};
  }
};

class SettingsOfVerbs : public ::testing::Test {
 protected:
  struct Outcome {
    int exit_code = -1;
    SettableValues values;
    std::string output, errors;
  };
  Outcome run(std::vector<std::string> arguments, const Environment& environment = {}) const {
    Outcome outcome;
    CommandLine command_line("program", "", "");
    Verb verb = command_line.root().add_verb("verb", "Does it", "In detail.");
    verb.add_options(outcome.values.table(required_));
    verb.takes_settings();
    verb.runs([&outcome] {
      outcome.values.worked = true;
      return 5;
    });
    Verb other = command_line.root().add_verb("other", "Has none");
    bool only = false;
    other.add_options({{"--only", &only, "Of this verb"}});
    other.runs([] { return 6; });
    arguments.insert(arguments.begin(), "verb");
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    outcome.exit_code = command_line.run(arguments, environment);
    std::fflush(nullptr);
    outcome.output = ::testing::internal::GetCapturedStdout();
    outcome.errors = ::testing::internal::GetCapturedStderr();
    return outcome;
  }
  [[nodiscard]] std::string file(const std::string& text) const {
    std::ofstream(folder_ / "f.toml", std::ios::trunc) << text;
    return (folder_ / "f.toml").string();
  }

  const TemporaryFolder folder_;
  bool required_ = false;
};

TEST_F(SettingsOfVerbs, FlagsGoBeforeVariablesAndTheseBeforeTheFile) {
  const std::string config = file("text = 'file'\n");
  const Environment variable = {{"TEMPLAR_TEXT", "variable"}};
  const std::vector<std::string> flag = {"--text", "flag"};
  const auto text = [&](bool has_flag, bool has_variable, bool has_file) {
    std::vector<std::string> arguments = has_flag ? flag : std::vector<std::string>();
    if (has_file) arguments.insert(arguments.end(), {"--config", config});
    return run(arguments, has_variable ? variable : Environment()).values.text;
  };
  EXPECT_EQ(text(false, false, false), "default");
  EXPECT_EQ(text(false, false, true), "file");
  EXPECT_EQ(text(false, true, false), "variable");
  EXPECT_EQ(text(true, false, false), "flag");
  EXPECT_EQ(text(false, true, true), "variable");
  EXPECT_EQ(text(true, false, true), "flag");
  EXPECT_EQ(text(true, true, false), "flag");
  EXPECT_EQ(text(true, true, true), "flag");
}

TEST_F(SettingsOfVerbs, AListComesFromOnePlaceAlone) {
  const std::string config = file("list = ['a', 'b']\nnumber = [1, 2]\n");
  EXPECT_THAT(run({"--config", config}).values.list, ElementsAre("a", "b"));
  EXPECT_THAT(run({"--config", config}).values.numbers, ElementsAre(1, 2));
  EXPECT_THAT(run({"--config", config}, {{"TEMPLAR_LIST", "c,d"}}).values.list, ElementsAre("c", "d"));
  EXPECT_THAT(run({"--config", config, "--list", "e"}, {{"TEMPLAR_LIST", "c"}}).values.list,
              ElementsAre("e"));
}

TEST_F(SettingsOfVerbs, HaveEachKindFromVariablesAndFromTheFile) {
  const Environment variables = {{"TEMPLAR_COUNT", "3"},    {"TEMPLAR_FLAG", "on"},
                                 {"TEMPLAR_SIZE", "2KB"},   {"TEMPLAR_SHARE", "0.25"},
                                 {"TEMPLAR_SEED", "12"},    {"TEMPLAR_COLOUR", "blue"},
                                 {"TEMPLAR_NUMBER", "4,5"}, {"TEMPLAR_PLACE", folder_.path().string()}};
  const std::string config = file(
      "count = 3\nflag = true\nsize = '2KB'\nshare = 0.25\nseed = 12\ncolour = 'blue'\n"
      "number = [4, 5]\nplace = '" +
      folder_.path().string() + "'\n");
  for (const Outcome& outcome : {run({}, variables), run({"--config", config})}) {
    EXPECT_EQ(outcome.exit_code, 5) << outcome.errors;
    EXPECT_THAT(outcome.errors, IsEmpty());
    const SettableValues& values = outcome.values;
    EXPECT_EQ(values.count, 3);
    EXPECT_TRUE(values.flag);
    EXPECT_EQ(values.size, 2000u);
    EXPECT_EQ(values.share, 0.25);
    EXPECT_EQ(values.seed, 12u);
    EXPECT_EQ(values.colour, 1u);
    EXPECT_THAT(values.numbers, ElementsAre(4, 5));
    EXPECT_EQ(values.place, folder_.path());
  }
}

TEST_F(SettingsOfVerbs, MayGiveRequiredOptions) {
  required_ = true;
  EXPECT_EQ(run({"--count", "2"}).exit_code, 5);
  EXPECT_EQ(run({}, {{"TEMPLAR_COUNT", "2"}}).exit_code, 5);
  EXPECT_EQ(run({"--config", file("count = 2\n")}).exit_code, 5);
  const Outcome without = run({"--config", file("size = 2\n")});
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_FALSE(without.values.worked);
  EXPECT_THAT(without.errors,
              HasSubstr("--count is required: as a flag, as TEMPLAR_COUNT, or as count in a file"));
  EXPECT_THAT(run({"--help"}).output, HasSubstr("--count INT:INT in [1 - 9] REQUIRED"));
}

TEST_F(SettingsOfVerbs, AreCheckedAsFlagsAreAndNameTheirSource) {
  for (const auto& [name, value, in_file, said] :
       std::vector<std::tuple<std::string, std::string, std::string, std::string>>{
           {"count", "10", "10", "count: Value 10 not in range 1 to 9"},
           {"count", "99999999999", "99999999999", "count: Value 99999999999 is not a whole number from "},
           {"number", "1,10", "[1, 10]", "number: Value 10 not in range 1 to 9"},
           {"size", "0", "0", "size: Value 0 is not above 0"},
           {"size", "2XB", "'2XB'", "size: Value 2XB is not a size, such as 512KiB or 16MB"},
           {"share", "-1", "-1", "share: Value -1 is not 0 or more"},
           {"seed", "-1", "-1", "seed: Value -1 is not a whole number"},
           {"colour", "green", "'green'", "colour: green not in {red,blue}"},
           {"place", "/no/such", "'/no/such'", "place: Directory does not exist: /no/such"}}) {
    const std::string config = file("\n" + name + " = " + in_file + "\n");
    const Outcome by_file = run({"--config", config});
    EXPECT_EQ(by_file.exit_code, 2);
    EXPECT_FALSE(by_file.values.worked);
    EXPECT_THAT(by_file.errors, HasSubstr(config + ":2: " + said));
    std::string variable = "TEMPLAR_" + name;
    std::ranges::transform(variable, variable.begin(), [](unsigned char c) { return std::toupper(c); });
    const Outcome by_variable = run({}, {{variable, value}});
    EXPECT_EQ(by_variable.exit_code, 2);
    EXPECT_FALSE(by_variable.values.worked);
    EXPECT_THAT(by_variable.errors, HasSubstr(variable + ": " + said));
  }
  EXPECT_THAT(run({}, {{"TEMPLAR_FLAG", "2"}}).errors, HasSubstr("TEMPLAR_FLAG: '2' is neither true"));
}

TEST_F(SettingsOfVerbs, RefuseAFileThatCanNotBeUsed) {
  EXPECT_THAT(run({"--config", (folder_ / "none").string()}).errors, HasSubstr("none: No such file"));
  EXPECT_THAT(run({"--config", ""}).errors, HasSubstr("An empty name is no path"));
  EXPECT_THAT(run({}, {{"TEMPLAR_CONFIG", (folder_ / "none").string()}}).errors,
              HasSubstr("none: No such file"));
  for (const char* text : {"config = 'x'\n", "show-config = true\n", "only = true\n", "help = true\n"}) {
    const Outcome outcome = run({"--config", file(text)});
    EXPECT_EQ(outcome.exit_code, 2) << text;
    EXPECT_THAT(outcome.errors, HasSubstr("f.toml:1: there is no option ")) << text;
  }
  const Outcome broken = run({"--count", "2", "--config", file("count = \n")});
  EXPECT_EQ(broken.exit_code, 2) << "also where a flag has it";
  EXPECT_THAT(broken.errors, HasSubstr("f.toml:1: "));
}

TEST_F(SettingsOfVerbs, ReadTheFileThatTheFlagNamesBeforeTheVariables) {
  const std::string config = file("text = 'of the variable'\n");
  EXPECT_EQ(run({}, {{"TEMPLAR_CONFIG", config}}).values.text, "of the variable");
  std::ofstream(folder_ / "other.toml") << "text = 'of the flag'\n";
  EXPECT_EQ(run({"--config", (folder_ / "other.toml").string()}, {{"TEMPLAR_CONFIG", config}}).values.text,
            "of the flag");
}

TEST_F(SettingsOfVerbs, KeepOptionsApartThatExcludeEachOther) {
  EXPECT_EQ(run({"--loud"}).exit_code, 5);
  const Outcome outcome = run({"--loud"}, {{"TEMPLAR_FLAG", "1"}});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.errors, HasSubstr("--loud excludes --flag"));
}

TEST_F(SettingsOfVerbs, WarnOfVariablesThatNoVerbKnows) {
  const Outcome outcome =
      run({}, {{"TEMPLAR_CUONT", "2"}, {"TEMPLAR_INFLUX_TOKEN", "t"}, {"TEMPLAR_CONFIG", file("")}});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_EQ(
      outcome.errors,
      "warning: TEMPLAR_CUONT is set, but is no variable of this program; did you mean TEMPLAR_COUNT?\n");
}

TEST_F(SettingsOfVerbs, AreShownInsteadOfWhatTheVerbDoes) {
  const Outcome outcome = run({"--show-config", "--text", "a", "--config", file("\nsize = '2KB'\n")},
                              {{"TEMPLAR_SHARE", "0.25"}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_FALSE(outcome.values.worked);
  for (const char* line : {"\ntext = \"a\" ", "  # --text\n", "\nsize = 2000 ", "f.toml:2\n",
                           "\nshare = 0.25 ", "  # TEMPLAR_SHARE\n", "# count = 1 ", "  # default\n"})
    EXPECT_THAT(outcome.output, HasSubstr(line));
  required_ = true;
  const Outcome lacking = run({"--show-config"});
  EXPECT_EQ(lacking.exit_code, 2);
  EXPECT_THAT(lacking.output, HasSubstr("  # missing, required\n"));
  EXPECT_THAT(lacking.errors, HasSubstr("--count is required"));
}

TEST_F(SettingsOfVerbs, AreTaughtByHelpAlsoWhereTheyCanNotBeRead) {
  const Outcome outcome = run({"--help"}, {{"TEMPLAR_COUNT", "x"}, {"TEMPLAR_CONFIG", "/none"}});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* part :
       {"In detail.", "--config", "--show-config", "TEMPLAR_CONFIG", "TOML", "A flag goes before a variable"})
    EXPECT_THAT(outcome.output, HasSubstr(part));
}

TEST(ErrorsOfVerbs, NameTheVariableThatTheirOptionCameFrom) {
  const auto errors_of = [](std::vector<std::string> arguments) {
    std::string store;
    CommandLine command_line("program", "", "");
    Verb verb = command_line.root().add_verb("verb", "Does it");
    verb.add_options({{"--store", &store, "A text"}, {"--store-profile", &store, "Another"}});
    verb.takes_settings();
    verb.runs([]() -> Status { return fatal_error("--store: an s3:// address, see --store-profile"); });
    arguments.insert(arguments.begin(), "verb");
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(command_line.run(arguments, {{"TEMPLAR_STORE", "/folder"}}), 1);
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(errors_of({}),
              HasSubstr("--store (from TEMPLAR_STORE): an s3:// address, see --store-profile\n"));
  EXPECT_THAT(errors_of({"--store", "/folder"}), HasSubstr("--store: an s3:// address"));
}

TEST(VerbsWithoutSettings, ReadNeitherVariablesNorAFile) {
  CommandLine command_line("program", "", "");
  Verb verb = command_line.root().add_verb("verb", "Does it");
  int count = 1;
  verb.add_options({{"--count", &count, "A number"}});
  verb.runs([] { return 5; });
  EXPECT_EQ(command_line.run({"verb"}, {{"TEMPLAR_COUNT", "x"}, {"TEMPLAR_CONFIG", "/none"}}), 5);
  EXPECT_EQ(count, 1);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(command_line.run({"verb", "--config", "x"}), 2);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(IsEmpty()));
}

}  // namespace
}  // namespace templar::testing
