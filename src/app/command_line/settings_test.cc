#include "app/command_line/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/expect_failure.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// One option of each kind.
class ReadSettings : public ::testing::Test {
 protected:
  OptionTable table() {
    return {{"--flag", &flag_, ""},
            {"--growth,!--no-growth", &growth_, ""},
            {"--count", &count_, "", {.allowed = IntegerRange{0, 9}}},
            {"--seed", &seed_, ""},
            {"--size", &size_, "", {.is_size = true}},
            {"--share", &share_, "", {.required = true}},
            {"--text", &text_, ""},
            {"--log-file", &path_, ""},
            {"--tag", &list_, ""},
            {"--number", &numbers_, ""},
            {"--until", &until_, ""},
            {"--password-file", &secret_, "", {.is_secret = true}},
            {"--colour",
             NamedChoice{.names = {"red", "blue"},
                         .chosen = [this] { return colour_; },
                         .choose = [this](size_t chosen) { colour_ = chosen; }},
             ""}};
  }
  Result<SettingsByName> read(const std::string& file, const Environment& environment = {}) {
    std::ofstream(folder_ / "f.toml", std::ios::trunc) << file;
    return read_settings(table(), environment, folder_ / "f.toml");
  }
  std::vector<std::string> texts(const std::string& file, const std::string& name,
                                 const Environment& environment = {}) {
    const auto settings = read(file, environment);
    if (!settings) return {"failed: " + settings.error().message};
    const auto found = settings->find(name);
    return found == settings->end() ? std::vector<std::string>() : found->second.texts;
  }
  std::string shown() { return shown_options(table(), {}); }

  bool flag_ = false;
  bool growth_ = true;
  int count_ = -1;
  std::optional<uint64_t> seed_;
  uint64_t size_ = 7;
  double share_ = 0.5;
  std::string text_;
  std::filesystem::path path_;
  std::vector<std::string> list_;
  std::vector<int64_t> numbers_;
  std::optional<int64_t> until_;
  std::filesystem::path secret_;
  size_t colour_ = 0;
  const TemporaryFolder folder_;
};

TEST_F(ReadSettings, GiveTheTextsOfEachKindInAFile) {
  for (const auto& [line, name, expected] :
       std::vector<std::tuple<std::string, std::string, std::vector<std::string>>>{
           {"flag = true", "flag", {"true"}},
           {"growth = false", "growth", {"false"}},
           {"count = -4", "count", {"-4"}},
           {"seed = 16", "seed", {"16"}},
           {"seed = '18446744073709551615'", "seed", {"18446744073709551615"}},
           {"size = 512", "size", {"512"}},
           {"size = '64MB'", "size", {"64MB"}},
           {"share = 0.25", "share", {"0.25"}},
           {"share = 1e300", "share", {"1e+300"}},
           {"share = 2", "share", {"2"}},
           {"text = 'a \"b\"'", "text", {"a \"b\""}},
           {"log-file = '/l'", "log-file", {"/l"}},
           {"tag = ['a=b,c', 'd']", "tag", {"a=b,c", "d"}},
           {"tag = 'one'", "tag", {"one"}},
           {"number = [1, 2]", "number", {"1", "2"}},
           {"until = 3", "until", {"3"}},
           {"colour = 'blue'", "colour", {"blue"}}}) {
    EXPECT_EQ(texts(line, name), expected) << line;
  }
}

TEST_F(ReadSettings, GiveTheTextsOfEachKindOfVariable) {
  for (const auto& [variable, value, name, expected] :
       std::vector<std::tuple<std::string, std::string, std::string, std::vector<std::string>>>{
           {"TEMPLAR_FLAG", "1", "flag", {"true"}},
           {"TEMPLAR_FLAG", "Yes", "flag", {"true"}},
           {"TEMPLAR_FLAG", "off", "flag", {"false"}},
           {"TEMPLAR_GROWTH", "false", "growth", {"false"}},
           {"TEMPLAR_COUNT", "x", "count", {"x"}},
           {"TEMPLAR_LOG_FILE", "/a,b", "log-file", {"/a,b"}},
           {"TEMPLAR_TAG", "a=b,c=d e", "tag", {"a=b", "c=d e"}},
           {"TEMPLAR_TAG", "a,", "tag", {"a", ""}},
           {"TEMPLAR_NUMBER", "4", "number", {"4"}},
           {"TEMPLAR_COLOUR", "blue", "colour", {"blue"}}}) {
    EXPECT_EQ(texts("", name, {{variable, value}}), expected) << variable << "=" << value;
  }
}

TEST_F(ReadSettings, PreferAVariableToTheFile) {
  const auto settings =
      read("text = 'file'\ntag = ['f']\n\ncount = 1", {{"TEMPLAR_TEXT", "variable"}, {"TEMPLAR_TAG", "v"}});
  ASSERT_TRUE(settings);
  EXPECT_THAT(*settings, SizeIs(3));
  EXPECT_EQ(settings->at("text").source, "TEMPLAR_TEXT");
  EXPECT_THAT(settings->at("text").texts, ElementsAre("variable"));
  EXPECT_THAT(settings->at("tag").texts, ElementsAre("v"));
  EXPECT_EQ(settings->at("count").source, (folder_ / "f.toml").string() + ":4");
}

TEST_F(ReadSettings, AreNoneWithoutFileAndVariables) {
  const auto settings = read_settings(table(), {{"TEMPLAR_OTHER", "x"}, {"TEXT", "x"}}, "");
  ASSERT_TRUE(settings);
  EXPECT_THAT(*settings, IsEmpty());
}

TEST_F(ReadSettings, RefuseNamesThatAreNoOptionsAndSayTheNearest) {
  EXPECT_TRUE(fails(read("\nclour = 'red'"), ErrorKind::kFatal,
                    "f.toml:2: there is no option clour; did you mean colour?"));
  EXPECT_TRUE(fails(read("log_file = 'x'"), ErrorKind::kFatal, "did you mean log-file?"));
  EXPECT_TRUE(fails(read("no-growth = true"), ErrorKind::kFatal, "there is no option no-growth"));
  const auto far = read("somethingelse = 1");
  EXPECT_TRUE(fails(far, ErrorKind::kFatal, "there is no option somethingelse"));
  EXPECT_FALSE(fails(far, ErrorKind::kFatal, "mean"));
}

TEST_F(ReadSettings, RefuseValuesOfAnotherKind) {
  for (const auto& [line, said] : std::vector<std::pair<std::string, std::string>>{
           {"flag = 1", "flag must be true or false"},
           {"flag = 'true'", "flag must be true or false"},
           {"count = '4'", "count must be a whole number"},
           {"count = 4.0", "count must be a whole number"},
           {"count = true", "count must be a whole number"},
           {"seed = 1.0", "seed must be a whole number"},
           {"size = 1.5", "size must be a size: a whole number of bytes, or a text such as \"64MB\""},
           {"share = '0.5'", "share must be a number"},
           {"text = 1", "text must be a text in quotes"},
           {"text = ['a']", "text has one value and no list"},
           {"log-file = true", "log-file must be a text in quotes"},
           {"tag = [1]", "tag must be a list, each value a text in quotes"},
           {"tag = ['a', 1]", "tag must be a list, each value a text in quotes"},
           {"tag = []", "tag is an empty list"},
           {"number = ['1']", "number must be a list, each value a whole number"},
           {"until = ''", "until must be a whole number"},
           {"colour = 1", "colour must be a text in quotes"}}) {
    EXPECT_TRUE(fails(read(line), ErrorKind::kFatal, "f.toml:1: " + said)) << line;
  }
  EXPECT_TRUE(fails(read("", {{"TEMPLAR_FLAG", "maybe"}}), ErrorKind::kFatal,
                    "TEMPLAR_FLAG: 'maybe' is neither true"));
}

TEST_F(ReadSettings, FailWithAFileThatIsNotThere) {
  EXPECT_TRUE(fails(read_settings(table(), {}, folder_ / "none.toml"), ErrorKind::kFatal, "none.toml"));
}

TEST(UnknownVariables, AreSaidWithTheNearest) {
  EXPECT_THAT(
      unknown_variables({{"TEMPLAR_THREDS", "1"}, {"TEMPLAR_STATE", "s"}, {"TEMPLAR_SERVICE_HOST", "h"}},
                        {"TEMPLAR_STATE", "TEMPLAR_THREADS"}),
      ElementsAre(
          "TEMPLAR_SERVICE_HOST is set, but is no variable of this program",
          "TEMPLAR_THREDS is set, but is no variable of this program; did you mean TEMPLAR_THREADS?"));
}

TEST_F(ReadSettings, AreShownAsAFileThatReadsTheSameAgain) {
  count_ = 4;
  seed_ = UINT64_MAX;
  text_ = "a \"b\" \\ \xc3\xa4\x1b[31m";
  list_ = {"x=1", "y, z"};
  flag_ = true;
  growth_ = false;
  colour_ = 1;
  std::map<std::string, std::string, std::less<>> sources;
  for (const Option& option : table()) sources[file_name_of(option)] = "--x";
  for (const char* unset : {"log-file", "number", "until", "password-file"}) sources.erase(unset);
  const std::string shown = shown_options(table(), sources);
  EXPECT_THAT(shown, ::testing::Not(HasSubstr("\x1b")));
  const auto settings = read(shown);
  ASSERT_TRUE(settings) << settings.error().message << "\n" << shown;
  EXPECT_THAT(*settings, SizeIs(sources.size()));
  EXPECT_THAT(settings->at("count").texts, ElementsAre("4"));
  EXPECT_THAT(settings->at("seed").texts, ElementsAre("18446744073709551615"));
  EXPECT_THAT(settings->at("text").texts, ElementsAre("a \"b\" \\ \xc3\xa4\\x1b[31m"));
  EXPECT_THAT(settings->at("tag").texts, ElementsAre("x=1", "y, z"));
  EXPECT_THAT(settings->at("flag").texts, ElementsAre("true"));
  EXPECT_THAT(settings->at("growth").texts, ElementsAre("false"));
  EXPECT_THAT(settings->at("colour").texts, ElementsAre("blue"));
}

TEST_F(ReadSettings, AreShownWithWhereTheyCameFrom) {
  text_ = "t";
  const std::string shown = shown_options(table(), {{"text", "TEMPLAR_TEXT"}, {"size", "f.toml:3"}});
  const auto line_of = [&](const std::string& name) {
    const size_t begin = shown.find("\n" + name) + 1;
    return shown.substr(begin, shown.find('\n', begin) - begin);
  };
  EXPECT_THAT(line_of("text = \"t\""), ::testing::EndsWith("  # TEMPLAR_TEXT"));
  EXPECT_THAT(line_of("size = 7"), ::testing::EndsWith("  # f.toml:3"));
  EXPECT_THAT(line_of("# colour = \"red\""), ::testing::EndsWith("  # default"));
  EXPECT_THAT(line_of("# share "), ::testing::EndsWith("  # missing, required"));
  EXPECT_THAT(line_of("# log-file "), ::testing::EndsWith("  # none"));
  EXPECT_THAT(line_of("# count "), ::testing::EndsWith("  # none")) << "-1 is a value that nobody may give";
  EXPECT_EQ(static_cast<size_t>(std::ranges::count(shown, '\n')), table().size());
  path_ = "a\nb";
  EXPECT_EQ(static_cast<size_t>(std::ranges::count(shown_options(table(), {}), '\n')), table().size());
}

TEST_F(ReadSettings, AreShownWithoutSecrets) {
  text_ = "https://me:pass-word@host:1/x?p=pass-word";
  secret_ = "/pass-word";
  list_ = {"token=pass-word"};
  for (const std::string& shown :
       {shown_options(table(), {}),
        shown_options(table(),
                      {{"text", "TEMPLAR_TEXT"}, {"password-file", "f.toml:3"}, {"tag", "--tag"}})}) {
    EXPECT_THAT(shown, ::testing::Not(HasSubstr("pass-word")));
    EXPECT_THAT(shown, HasSubstr("# text = \"https://me:<secret>@host:1/x?p=<secret>\"  "))
        << "not to be read again";
    EXPECT_THAT(shown, HasSubstr("# password-file = <secret>  "));
    EXPECT_THAT(shown, HasSubstr("# tag = [\"token=<secret>\"]  "));
  }
}

}  // namespace
}  // namespace templar::testing
