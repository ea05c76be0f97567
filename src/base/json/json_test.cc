#include "base/json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "base/json/json_events.h"
#include "support/fuzz_corpus.h"

namespace templar {
namespace {

std::string message_of(std::string_view text, const JsonLimits& limits = {}) {
  const auto json = parse_json(text, limits);
  return json ? "no error" : json.error().message;
}

std::string rewritten(std::string_view text, const JsonLayout& layout = {}) {
  const auto json = parse_json(text);
  return json ? to_text(*json, layout) : json.error().message;
}

TEST(Json, KeepsEveryIntegerOf64Bits) {
  const Json json = parse_json("[-9223372036854775808,9223372036854775807,18446744073709551615,0]").value();
  EXPECT_EQ(json.at(0).integer(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(json.at(0).count(), std::nullopt);
  EXPECT_EQ(json.at(1).integer(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(json.at(2).integer(), std::nullopt);
  EXPECT_EQ(json.at(2).count(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(json.at(3), Json(uint8_t{0}));
  EXPECT_EQ(to_text(json), "[-9223372036854775808,9223372036854775807,18446744073709551615,0]");
  EXPECT_EQ(rewritten("18446744073709551616"), "1.8446744073709552e+19");
}

TEST(Json, KnowsAnIntegerFromANumberWithAFraction) {
  const Json json = parse_json("[2,2.0,2e0]").value();
  EXPECT_EQ(json.at(0).integer(), 2);
  EXPECT_EQ(json.at(0).number(), 2.0);
  EXPECT_EQ(json.at(1).integer(), std::nullopt);
  EXPECT_EQ(json.at(1), json.at(2));
  EXPECT_FALSE(json.at(0) == json.at(1));
}

TEST(Json, WritesNumbersAsItAlwaysHas) {
  EXPECT_EQ(to_text(JsonList{1e-9, 0.1, 1e14, 1e15, 123456789.0, 5e-324, -0.0, 1e22, 1.5e300}),
            "[1e-09,0.1,100000000000000.0,1e+15,123456789.0,5e-324,-0.0,1e+22,1.5e+300]");
  EXPECT_EQ(to_text(JsonList{std::nan(""), INFINITY, -INFINITY}), "[null,null,null]");
}

TEST(Json, WritesMembersInTheirOrderOrSorted) {
  const Json json = parse_json(R"({"b":{"z":1,"a":[]},"a":{},"B":[1,"x"]})").value();
  EXPECT_EQ(to_text(json), R"({"b":{"z":1,"a":[]},"a":{},"B":[1,"x"]})");
  EXPECT_EQ(to_text(json, {.sorted = true}), R"({"B":[1,"x"],"a":{},"b":{"a":[],"z":1}})");
  EXPECT_EQ(to_text(json, {.indent = 2}),
            "{\n  \"b\": {\n    \"z\": 1,\n    \"a\": []\n  },\n  \"a\": {},\n"
            "  \"B\": [\n    1,\n    \"x\"\n  ]\n}");
}

TEST(Json, WritesTextThatNeedsEscapes) {
  EXPECT_EQ(to_text("plain"), "\"plain\"");
  EXPECT_EQ(to_text(std::string_view("\"\\/\n\t\x01\x7f\0", 8)), "\"\\\"\\\\/\\n\\t\\u0001\x7f\\u0000\"");
  EXPECT_EQ(to_text("é\xff€"), "\"é\xef\xbf\xbd€\"");
  EXPECT_EQ(to_text("é😀", {.ascii = true}), R"("\u00e9\ud83d\ude00")");
  EXPECT_EQ(to_text(JsonObject{{"é\"", true}}), "{\"é\\\"\":true}");
}

TEST(Json, IsBuiltOfValuesAndOfTheStandardLibrarysContainers) {
  Json json = JsonObject{{"none", std::optional<int>()}, {"some", std::optional<double>(0.5)}};
  json["uids"] = std::vector<uint32_t>{3, 1};
  json["labels"] = std::map<std::string, std::string>{{"job", "templar"}};
  json["rows"].push_back(JsonList{1, "a", nullptr, true});
  json["some"] = 7;
  EXPECT_EQ(to_text(json),
            R"({"none":null,"some":7,"uids":[3,1],"labels":{"job":"templar"},"rows":[[1,"a",null,true]]})");
  EXPECT_EQ(json.size(), 5U);
  EXPECT_EQ(json.at("rows").size(), 1U);
  EXPECT_FALSE(json.contains("other"));
  EXPECT_EQ(Json("text").find("other"), nullptr);
}

TEST(Json, RefusesTextThatIsNotJsonAndSaysWhere) {
  EXPECT_THAT(message_of("{\"a\":1,\n \"b\":}"), ::testing::StartsWith("not JSON: line 2, column 6: "));
  for (const char* text : {"", " ", "{", "[1,]", "{\"a\":1}x", "nul", "01", "\"\xff\"", "\"\xed\xa0\x80\"",
                           "\"\n\"", "{'a':1}", "{\"a\" 1}", "// 1\n1", "NaN", "1e999", "\"\\ud800\""}) {
    EXPECT_THAT(message_of(text), ::testing::StartsWith("not JSON: ")) << text;
  }
  EXPECT_LT(message_of("[" + std::string(10000, 'x')).size(), 300U);
}

TEST(Json, RefusesTheSameNameTwiceInOneObject) {
  EXPECT_EQ(message_of(R"({"a":[{"b":1,"c":2,"b":3}]})"), R"(the field "b" occurs twice in one object)");
  EXPECT_EQ(message_of(R"({"a":{"a":1}})"), "no error");
}

TEST(Json, RefusesWhatIsTooLongOrTooDeep) {
  EXPECT_EQ(message_of("[12]", {.max_bytes = 4}), "no error");
  EXPECT_EQ(message_of("[123]", {.max_bytes = 4}), "5 bytes, at most 4 are read");
  EXPECT_EQ(message_of(R"([{"a":1}])", {.max_depth = 2}), "no error");
  EXPECT_EQ(message_of(R"([{"a":[]}])", {.max_depth = 2}), "nested more than 2 levels deep");
  EXPECT_EQ(message_of("1", {.max_depth = 0}), "no error");
  EXPECT_EQ(message_of(std::string(1 << 20, '[')), "nested more than 32 levels deep");
}

TEST(JsonTextField, FindsTheTextOfTheOutermostObject) {
  EXPECT_EQ(json_text_field(R"({"meta":{"text":"no"},"text":"a\nb","n":[1,"text"]})", "text").value(),
            "a\nb");
  EXPECT_EQ(json_text_field(R"({"text":"first","text":"last"})", "text").value(), "last");
  EXPECT_EQ(json_text_field(R"({"list":[["x"]],"text":""})", "text").value(), "");
}

TEST(JsonTextField, SaysWhatIsWrong) {
  const auto message = [](std::string_view line) { return json_text_field(line, "text").error().message; };
  EXPECT_THAT(message(R"({"text":"a")"), ::testing::StartsWith("not JSON: "));
  EXPECT_EQ(message(R"(["text"])"), "not a JSON object");
  EXPECT_EQ(message(R"("text")"), "not a JSON object");
  EXPECT_EQ(message(R"([{"text":"a"}])"), "not a JSON object");
  EXPECT_EQ(message(R"({"Text":"a","x":{"text":"b"}})"), "no field \"text\"");
  for (const char* line : {R"({"text":1})", R"({"text":null})", R"({"text":["a"]})",
                           R"({"text":{"text":"a"}})", R"({"text":"a","text":2})"}) {
    EXPECT_EQ(message(line), "field \"text\" is not text") << line;
  }
  EXPECT_EQ(json_text_field("{}", "text").error().kind, ErrorKind::kSkip);
}

TEST(JsonTextField, TakesWhatPythonWrites) {
  const auto text = [](std::string_view line) { return json_text_field(line, "text").value_or("refused"); };
  for (const char* number : {"NaN", "Infinity", "-Infinity", "1e400", "-1E+400", "12345.5e999"}) {
    EXPECT_EQ(text(fmt::format(R"({{"score": {}, "list": [{}, 1], "text": "NaN 1e400"}})", number, number)),
              "NaN 1e400")
        << number;
  }
  EXPECT_EQ(text("{\"n\":" + std::string(1000, '7') + ",\"text\":\"a\"}"), "a");
  EXPECT_EQ(text(R"({"text":"a\ud800b"})"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(text(R"({"text":"\udc00\ud800"})"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(text(R"({"text":"\ud83d\ud83d\ude00"})"), "\xef\xbf\xbd\xf0\x9f\x98\x80");
  EXPECT_EQ(text(R"({"n":NaN,"text":"\ud83d\ude00 \\ud800 \\\" NaN"})"), "\xf0\x9f\x98\x80 \\ud800 \\\" NaN");
  EXPECT_EQ(text(R"({"other":"\udfff","text":"a"})"), "a");
}

TEST(JsonTextField, RefusesWhatPythonRefuses) {
  for (const char* line :
       {R"({"n":nan,"text":"a"})", R"({"n":+1,"text":"a"})", R"({"n":01,"text":"a"})",
        R"({"n":1.,"text":"a"})", R"({"n":-NaN,"text":"a"})", R"({"n":--1,"text":"a"})",
        R"({"n":-Infinity0})", R"({"n":Infinity1,"text":"a"})", R"({"n":1e,"text":"a"})",
        R"({"text":"\ud8"})", R"({"text":NaN})", R"({NaN:1,"text":"a"})", "{\"text\":\"\xff\"}"}) {
    EXPECT_FALSE(json_text_field(line, "text")) << line;
  }
}

TEST(JsonTextField, NamesTheColumnOfTheLineAsItWas) {
  EXPECT_THAT(json_text_field(R"({"n":-Infinity, "text":"a",})", "text").error().message,
              ::testing::HasSubstr("column 28"));
}

TEST(JsonTextField, GoesAnyDepthDown) {
  const std::string deep = std::string(1 << 20, '[') + std::string(1 << 20, ']');
  EXPECT_EQ(json_text_field("{\"deep\":" + deep + ",\"text\":\"a\"}", "text").value(), "a");
}

TEST(JsonFuzz, CorpusIsThere) {
  const auto bytes = [](std::string_view text) {
    return Bytes(as_bytes(text).begin(), as_bytes(text).end());
  };
  testing::expect_fuzz_corpus(
      "json_fuzz",
      {{"every_kind",
        bytes(R"({"text":"a\u00e9","n":[null,true,false,-1,18446744073709551615,1.5e-7],"o":{}})")},
       {"numbers", bytes("[-9223372036854775808,18446744073709551616,-0,0.1,1e308,5e-324]")},
       {"twice", bytes(R"({"text":1,"text":"2"})")},
       {"deep", bytes("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")}});
}

}  // namespace
}  // namespace templar
