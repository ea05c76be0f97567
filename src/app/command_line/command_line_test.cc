#include "app/command_line/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One value of each kind.
struct Values {
  bool flag = false;
  bool both = true;
  int count = 1;
  uint64_t size = 7;
  double share = 0.5;
  std::string text = "a";
  std::filesystem::path path;
  std::vector<std::string> list;
  std::vector<int64_t> numbers = {1, 2};
  std::optional<uint64_t> seed;
  size_t colour = 0;

  OptionTable table() {
    return {{"--flag", &flag, "A flag"},
            {"--both,!--neither", &both, "A flag of two names"},
            {"--count", &count, "A number", {.allowed = IntegerRange{1, 9}, .shows_default = true}},
            {"--size", &size, "Bytes", {.allowed = AboveZero{}, .is_size = true}},
            {"--share", &share, "A share", {.allowed = ZeroOrMore{}}},
            {"--text", &text, "A text", {.allowed = OneOf{{"a", "b"}}, .excludes = "--flag"}},
            {"--path", &path, "A path", {.group = "Places"}},
            {"--list", &list, "A list", {.is_comma_separated = true, .takes_next_only = true}},
            {"--number", &numbers, "Numbers", {.allowed = IntegerRange{1, 9}}},
            {"--seed", &seed, "A seed"},
            {"--colour",
             NamedChoice{.names = {"red", "blue"},
                         .chosen = [this] { return colour; },
                         .choose = [this](size_t chosen) { colour = chosen; }},
             "A colour",
             {.shows_default = true}},
            {"REST", &rest, "What is left"}};
  }
  std::vector<std::string> rest;
};

struct Outcome {
  int exit_code = -1;
  Values values;
  std::string output, errors;
};

Outcome run(const std::vector<std::string>& arguments, const std::function<int()>& work = [] { return 0; }) {
  Outcome outcome;
  CommandLine command_line("program", "What it is.", "1.2.3");
  Verb group = command_line.root().add_verb("group", "Some verbs");
  Verb verb = group.add_verb("verb", "Does it", "In detail.");
  verb.add_options(outcome.values.table());
  verb.runs(work);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  outcome.exit_code = command_line.run(arguments);
  std::fflush(nullptr);
  outcome.output = ::testing::internal::GetCapturedStdout();
  outcome.errors = ::testing::internal::GetCapturedStderr();
  return outcome;
}

Outcome run_verb_with(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"group", "verb"});
  return run(arguments);
}

}  // namespace

TEST(CommandLine, ReadsEachKindOfValue) {
  const Outcome outcome =
      run_verb_with({"--flag",   "--neither", "--count", "3",      "--size", "2KB",      "--share", "0.25",
                     "--path",   "/p",        "--list",  "x,y",    "r1",     "--list",   "z",       "r2",
                     "--number", "4",         "5",       "--seed", "12",     "--colour", "blue"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Values& values = outcome.values;
  EXPECT_TRUE(values.flag);
  EXPECT_FALSE(values.both);
  EXPECT_EQ(values.count, 3);
  EXPECT_EQ(values.size, 2000u);
  EXPECT_EQ(values.share, 0.25);
  EXPECT_EQ(values.text, "a") << "as it was";
  EXPECT_EQ(values.path, "/p");
  EXPECT_THAT(values.list, ElementsAre("x", "y", "z"));
  EXPECT_THAT(values.rest, ElementsAre("r1", "r2"));
  EXPECT_THAT(values.numbers, ElementsAre(4, 5));
  EXPECT_EQ(values.seed, 12u);
  EXPECT_EQ(values.colour, 1u);
}

TEST(CommandLine, RefusesValuesThatAreNotAllowed) {
  for (const auto& [arguments, said] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--count", "0"}, "--count: Value 0 not in range 1 to 9"},
           {{"--count", "x"}, "--count: Value x is not a whole number from "},
           {{"--count"}, "--count: 1 required INT"},
           {{"--size", "0"}, "--size: Value 0 is not above 0"},
           {{"--size", "2XB"}, "--size: Value 2XB is not a size, such as 512KiB or 16MB"},
           {{"--share", "-1"}, "--share: Value -1 is not 0 or more"},
           {{"--text", "c"}, "--text: c not in {a,b}"},
           {{"--flag", "--text", "b"}, "--flag excludes --text"},
           {{"--number", "4", "10"}, "--number: Value 10 not in range 1 to 9"},
           {{"--seed", "x"}, "--seed"},
           {{"--colour", "green"}, "--colour: green not in {red,blue}"},
           {{"--what"}, "--what"}}) {
    const Outcome outcome = run_verb_with(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << said;
    EXPECT_THAT(outcome.errors, HasSubstr(said));
  }
}

TEST(CommandLine, RefusesNumbersThatWouldBecomeOthers) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--seed", "-1"},
                                             {"--seed", "18446744073709551616"},
                                             {"--seed", "1.5"},
                                             {"--seed", "0x10"},
                                             {"--seed", ""},
                                             {"--seed", " 1"},
                                             {"--count", "2147483648"},
                                             {"--share", "nan"},
                                             {"--share", "inf"},
                                             {"--share", "1e999"},
                                             {"--share", "1,5"},
                                             {"--size", "-1"},
                                             {"--size", "1XB"},
                                             {"--size", "16EB16"},
                                             {"--size", "99999999999999999999"},
                                             {"--size", "nan"},
                                             {"--size", "17EiB"},
                                             {"--path", ""}}) {
    const Outcome outcome = run_verb_with(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments[0] << " " << arguments[1];
    EXPECT_LT(outcome.errors.size(), 300u) << outcome.errors;
  }
}

TEST(CommandLine, ReadsSizesWithUnits) {
  for (const auto& [text, bytes] : std::map<std::string, uint64_t>{{"7", 7},
                                                                   {"7B", 7},
                                                                   {"1.5k", 1500},
                                                                   {"16MB", 16'000'000},
                                                                   {"512KiB", 524'288},
                                                                   {"64Mi", 67'108'864},
                                                                   {"16mb", 16'000'000},
                                                                   {"2 gib", uint64_t{2} << 30},
                                                                   {"18446744073709551615", UINT64_MAX}}) {
    const Outcome outcome = run_verb_with({"--size", text});
    EXPECT_EQ(outcome.exit_code, 0) << text << outcome.errors;
    EXPECT_EQ(outcome.values.size, bytes) << text;
  }
}

TEST(CommandLine, NamesTheVerbsWhereOneIsUnknownOrMissing) {
  EXPECT_EQ(run({"grope"}).errors, "program has no verb 'grope'; it has group\n");
  EXPECT_EQ(run({"group", "x"}).errors, "program group has no verb 'x'; it has verb\n");
  EXPECT_EQ(run({"group", "x"}).exit_code, 2);
  EXPECT_EQ(run({"group"}).exit_code, 2);
  const Outcome nothing = run({});
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_THAT(nothing.errors, HasSubstr("What it is."));
}

TEST(CommandLine, ShowsHelpWithDefaultsAndDetails) {
  const Outcome outcome = run_verb_with({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* part : {"Does it", "In detail.", "--count INT:INT in [1 - 9]=1",
                           "--colour TEXT:{red,blue}=red", "Places:", "--size UINT:SIZE"})
    EXPECT_THAT(outcome.output, HasSubstr(part));
  EXPECT_EQ(run({"--version"}).output, "1.2.3\n");
}

TEST(CommandLine, EndsWithTheCodeOfTheWork) {
  EXPECT_EQ(run({"group", "verb"}, [] { return 5; }).exit_code, 5);
  const Outcome failed =
      run({"group", "verb"}, [] { return exit_code_of([]() -> Status { return fatal_error("why"); }); });
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(failed.errors, "error: why\n");
}

TEST(CommandLine, EndsWithACodeOfItsOwnWhereAnAlarmStands) {
  const auto code_of = [](Result<Ending> ending) {
    CommandLine command_line("program", "", "");
    command_line.root().add_verb("verb", "Does it").runs([ending] { return ending; });
    ::testing::internal::CaptureStderr();
    const int code = command_line.run({"verb"});
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), ending ? "" : "error: why\n");
    return code;
  };
  EXPECT_EQ(code_of(Ending::kDone), 0);
  EXPECT_EQ(code_of(Ending::kAlarmStands), 3);
  EXPECT_EQ(code_of(fatal_error("why")), 1);
}

TEST(ArgumentsOf, SayWhatIsNotTheDefault) {
  Values defaults;
  Values wanted;
  const auto arguments = [&] {
    OptionTable some = wanted.table();
    OptionTable others = defaults.table();
    some.pop_back();  // positional
    others.pop_back();
    return arguments_of(some, others);
  };
  EXPECT_THAT(arguments(), IsEmpty());
  wanted.flag = true;
  wanted.share = 0.1;
  wanted.list = {"x", "y z"};
  wanted.seed = 3;
  wanted.colour = 1;
  EXPECT_THAT(arguments(), ElementsAre("--flag", "--share", "0.1", "--list", "x", "--list", "y z", "--seed",
                                       "3", "--colour", "blue"));
}

}  // namespace templar::testing
