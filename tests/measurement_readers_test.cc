// What writes and reads measurements outside the compiler's sight, against the list in
// ports/measurement_names.h: that something writes each name, Grafana's panels, docs/operations.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "support/json_values.h"
#include "support/measurement_forms.h"
#include "support/vectors.h"

namespace templar::testing {
namespace {

using Names = std::set<std::string>;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream) << path;
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// What the expression's group matches, each once.
Names matches(const std::string& text, const std::regex& expression) {
  Names found;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at)
    found.insert((*at)[1]);
  return found;
}

// Of everything that writes measurements, in one text.
std::string sources_of_writers() {
  std::string all;
  for (const char* folder : {"src/node", "src/adapters/jsonl_metrics", "src/adapters/metrics_logger",
                             "src/adapters/system_metrics", "src/app/localnet", "src/app/verbs"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(source_path(folder))) {
      const std::string name = entry.path().filename().string();
      if (name.ends_with(".cc") && !name.ends_with("_test.cc")) all += text_of(entry.path());
    }
  }
  return all;
}

// As a literal; of gpu_<n>_name and <phase>_seconds what follows the mark, with or without its underscore.
bool is_written(const std::string& sources, std::string_view name) {
  const auto is_literal = [&](std::string_view text) {
    return sources.find('"' + std::string(text) + '"') != std::string::npos;
  };
  const size_t mark = name.find('>');
  if (mark == std::string_view::npos) return is_literal(name);
  return is_literal(name.substr(mark + 1)) || is_literal(name.substr(mark + 2));
}

TEST(MeasurementList, HasNothingThatNobodyWrites) {
  const std::string sources = sources_of_writers();
  for (const MeasurementForm& form : kMeasurements) {
    EXPECT_TRUE(is_written(sources, form.name)) << form.name;
    for (const FieldForm& field : form.fields)
      EXPECT_TRUE(is_written(sources, field.name)) << form.name << ": " << field.name;
  }
  for (const std::string_view phase : kWindowPhases) EXPECT_TRUE(is_written(sources, phase)) << phase;
}

// The queries of all panels and variables of a dashboard.
void collect_queries(const Json& json, std::vector<std::string>& queries) {
  if (const JsonList* list = json.list()) {
    for (const Json& item : *list) collect_queries(item, queries);
  }
  if (json.object() == nullptr) return;
  for (const auto& [name, value] : *json.object()) {
    collect_queries(value, queries);
    if (name != "query" || value.text() == nullptr || value.text()->find("FROM") == std::string::npos)
      continue;
    const Json* alias = json.find("alias");
    queries.push_back(*value.text() + " ALIAS " + (alias == nullptr ? "" : *alias->text()));
  }
}

// What is asked of the measurement that the query names, but is no field or tag of it.
Names unknown_in(const std::string& query) {
  static const std::regex kAliases(R"re( AS "[^"]*")re");
  const Names asked = matches(query, std::regex(R"re(FROM "(\w+)")re"));
  if (asked.size() != 1) return {"one measurement in: " + query};
  const MeasurementForm* form = find_measurement(*asked.begin());
  if (form == nullptr) return asked;
  Names unknown = matches(std::regex_replace(query, kAliases, ""), std::regex(R"re("([^"]+)")re"));
  unknown.merge(matches(query, std::regex(R"re(\$tag_([a-z_]+))re")));
  unknown.erase(std::string(form->name));
  for (const std::string& name : names_of(*form)) unknown.erase(name);
  return unknown;
}

TEST(GrafanaDashboards, AskForWhatIsWritten) {
  size_t queries_seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("grafana/dashboards"))) {
    std::vector<std::string> queries;
    collect_queries(parsed_json(text_of(entry.path())), queries);
    queries_seen += queries.size();
    for (const std::string& query : queries) EXPECT_EQ(unknown_in(query), Names{}) << query;
  }
  EXPECT_GT(queries_seen, 30u);
}

TEST(GrafanaDashboards, WouldBeFoundOutIfTheyAskedForSomethingElse) {
  EXPECT_EQ(
      unknown_in(R"(SELECT mean("loss") AS "x y" FROM "training_step_v2" GROUP BY "uid" ALIAS $tag_uid)"),
      Names{});
  EXPECT_EQ(unknown_in(R"(SELECT mean("lost") FROM "training_step_v2" GROUP BY "who" ALIAS $tag_what)"),
            (Names{"lost", "who", "what"}));
  EXPECT_EQ(unknown_in(R"(SELECT mean("loss") FROM "training_step")"), Names{"training_step"});
}

TEST(OperationsGuide, ListsEveryMeasurementWithItsTagsAndFields) {
  const std::string text = text_of(source_path("docs/operations.md"));
  for (const MeasurementForm& form : kMeasurements) {
    const size_t begin = text.find("\n| `" + std::string(form.name) + "` |");
    ASSERT_NE(begin, std::string::npos) << form.name;
    const std::string row = text.substr(begin + 1, text.find('\n', begin + 1) - begin - 1);
    Names wanted = {std::string(form.name)};
    for (const FieldForm& field : form.fields) wanted.emplace(field.name);
    wanted.erase("window");  // understood: the table's heading names them
    wanted.erase("global_step");
    EXPECT_EQ(matches(row, std::regex(R"re(`([a-z_0-9<>]+)`)re")), wanted);
  }
}

}  // namespace
}  // namespace templar::testing
