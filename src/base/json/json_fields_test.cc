#include "base/json/json_fields.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

Json parsed(std::string_view text) {
  return parse_json(text).value();
}

TEST(JsonFields, ReadsEachType) {
  const Json json = parsed(
      R"({"t":"a","i":-3,"c":18446744073709551615,"n":2,"f":true,"l":[1],"ts":["x","y"],"null":null,
          "h":"00000000000000000000000000000000000000000000000000000000000000ff"})");
  JsonFields fields = JsonFields::of(json, "thing").value();
  EXPECT_EQ(fields.text("t").value(), "a");
  EXPECT_EQ(fields.integer("i", -3, -3).value(), -3);
  EXPECT_EQ(fields.count("c").value(), UINT64_MAX);
  EXPECT_EQ(fields.number("n").value(), 2.0);
  EXPECT_EQ(fields.flag("f").value(), true);
  EXPECT_EQ(fields.list("l").value()->size(), 1U);
  EXPECT_EQ(fields.texts("ts").value(), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(fields.hash("h").value().bytes.back(), 0xff);
  EXPECT_EQ(fields.integer_or_null("null", 0, 1).value(), std::nullopt);
  EXPECT_EQ(fields.number_or_null("n").value(), 2.0);
  EXPECT_TRUE(fields.finish().has_value());
}

TEST(JsonFields, RefusesWhatIsMissingOrOfAnotherType) {
  const Json json = parsed(R"({"t":1,"i":1.5,"c":-1,"n":"1","f":0,"l":{},"ts":["x",2],"h":"ff","o":[]})");
  JsonFields fields = JsonFields::of(json, "thing").value();
  EXPECT_EQ(fields.text("other").error().message, "thing: other: missing");
  EXPECT_EQ(fields.text("t").error().message, "thing: t: must be text");
  EXPECT_EQ(fields.integer("i").error().message, "thing: i: must be an integer");
  EXPECT_EQ(fields.integer("t", 2, 4).error().message, "thing: t: 1 is out of range 2 .. 4");
  EXPECT_EQ(fields.count("c").error().message, "thing: c: must be an integer from 0 to 2^64 - 1");
  EXPECT_EQ(fields.count("t", 2).error().message, "thing: t: 1 is out of range 2 .. 18446744073709551615");
  EXPECT_EQ(fields.number("n").error().message, "thing: n: must be a number");
  EXPECT_EQ(fields.flag("f").error().message, "thing: f: must be true or false");
  EXPECT_EQ(fields.list("l").error().message, "thing: l: must be a list");
  EXPECT_EQ(fields.texts("ts").error().message, "thing: ts: must be a list of texts");
  EXPECT_TRUE(fields.hash("h").error().message.starts_with("thing: h: "));
  EXPECT_EQ(fields.object("o").error().message, "thing: o: must be an object");
  EXPECT_EQ(JsonFields::of(Json(1), "thing").error().message, "thing: must be a JSON object");
}

TEST(JsonFields, NamesEachFieldByItsPath) {
  const Json json = parsed(R"({"files":[{"size":1},{"size":-1}],"codec":{"topk":"x"},"list":[3]})");
  JsonFields fields = JsonFields::of(json, "thing", ErrorKind::kSkip).value();
  std::vector<JsonFields> files = fields.objects("files").value();
  EXPECT_EQ(files.at(0).count("size").value(), 1U);
  EXPECT_EQ(files.at(1).count("size").error().message,
            "thing: files[1].size: must be an integer from 0 to 2^64 - 1");
  EXPECT_EQ(files.at(1).count("size").error().kind, ErrorKind::kSkip);
  EXPECT_EQ(fields.integer("codec.topk").error().message, "thing: codec.topk: must be an integer");
  EXPECT_EQ(fields.integer("codec.bins").error().message, "thing: codec.bins: missing");
  EXPECT_EQ(fields.objects("list").error().message, "thing: list[0]: must be an object");
  EXPECT_TRUE(fields.has("codec.topk"));
  EXPECT_FALSE(fields.has("codec.topk.x"));
  EXPECT_EQ(JsonFields::of(json, "").value().text("x").error().message, "x: missing");
}

TEST(JsonFields, RefusesAFieldThatNobodyAskedFor) {
  const auto message_of = [](std::string_view text) {
    const Json json = parsed(text);
    JsonFields fields = JsonFields::of(json, "thing").value();
    EXPECT_TRUE(fields.integer("codec.topk").has_value());
    const Status status = fields.finish();
    return status ? "no error" : status.error().message;
  };
  EXPECT_EQ(message_of(R"({"codec":{"topk":1}})"), "no error");
  EXPECT_EQ(message_of(R"({"codec":{"topk":1},"x":{}})"), "thing: x: unknown field");
  EXPECT_EQ(message_of(R"({"codec":{"topk":1,"tokp":1}})"), "thing: codec.tokp: unknown field");
  EXPECT_EQ(message_of(R"({"codec":{"topk":1},"codec.topk":2})"), "thing: codec.topk: unknown field");
}

}  // namespace
}  // namespace templar
