#include "node/validator/validator_state.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/json_values.h"
#include "support/metagraph.h"
#include "support/run_specs.h"

namespace templar {
namespace {

using testing::fails;

ValidatorState full_state() {
  const testing::Metagraph metagraph = testing::make_metagraph({.miners = 12, .with_incentive = 5});
  return {.next_window = 9,
          .scoreboard = testing::make_scoreboard(metagraph, {1, 4, 7}, 8, testing::scoring_run_spec()),
          .peers = {{4, 1}, {7}},
          .next_peers = {{7, 4294967295}, {}},
          .next_peers_from = 10};
}
Json full_json() {
  return testing::parsed_json(encode_validator_state(full_state()));
}
Result<ValidatorState> parse(const std::string& text) {
  return parse_validator_state(as_bytes(text));
}

TEST(ValidatorState, IsReadBackExactly) {
  for (const ValidatorState& state : {full_state(), ValidatorState{}}) {
    const std::string text = encode_validator_state(state);
    const auto again = parse(text);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, state);
    EXPECT_EQ(encode_validator_state(*again), text);
  }
}

TEST(ValidatorState, SwitchesPeersAtTheWindowThatWasAnnounced) {
  const ValidatorState state = full_state();
  EXPECT_EQ(state.peers_in(9), state.peers);
  EXPECT_EQ(state.peers_in(10), state.next_peers);
  EXPECT_EQ(state.peers_in(11), state.next_peers);
}

TEST(ValidatorState, NamesEachFieldThatIsMissingWrongOrUnknown) {
  for (const char* field : {"next_window", "next_peers_from", "peers", "next_peers", "scoreboard"}) {
    Json json = full_json();
    testing::erase_part(json, field);
    EXPECT_TRUE(fails(parse(to_text(json)), ErrorKind::kFatal, field));
    for (const Json& wrong :
         {Json("text"), Json(-1), Json(1.5), Json(nullptr), Json(JsonList{}), Json(UINT64_MAX)}) {
      json[field] = wrong;
      EXPECT_TRUE(fails(parse(to_text(json)), ErrorKind::kFatal)) << field << " = " << to_text(wrong);
    }
  }
  Json json = full_json();
  testing::part(json, "colour") = 1;
  EXPECT_TRUE(fails(parse(to_text(json)), ErrorKind::kFatal, "colour: unknown field"));
}

TEST(ValidatorState, NamesAPeerListThatIsNone) {
  for (const char* list : {"peers", "next_peers"}) {
    for (const char* part : {"gather", "reserve"}) {
      const std::string name = std::string(list) + "." + part;
      for (const Json& wrong :
           {Json(3), Json(JsonList{-1}), Json(JsonList{"1"}), Json(JsonList{4294967296}), Json(nullptr)}) {
        Json json = full_json();
        testing::part(json, name) = wrong;
        EXPECT_TRUE(fails(parse(to_text(json)), ErrorKind::kFatal, name + ": must be a list of uids"))
            << to_text(wrong);
      }
      Json json = full_json();
      testing::erase_part(json, name);
      EXPECT_TRUE(fails(parse(to_text(json)), ErrorKind::kFatal, name));
    }
    Json json = full_json();
    json[list]["third"] = JsonList{};
    EXPECT_TRUE(fails(parse(to_text(json)), ErrorKind::kFatal, list));
  }
}

TEST(ValidatorState, RefusesWhatIsNoState) {
  for (const char* text : {"", "{", "[]", "7", "{}", "\xff", "{} {}"}) {
    EXPECT_TRUE(fails(parse(text), ErrorKind::kFatal, "validator state: ")) << text;
  }
  const std::string text = encode_validator_state(full_state());
  for (size_t size = 0; size < text.size(); size += 7) {
    EXPECT_TRUE(fails(parse(text.substr(0, size)), ErrorKind::kFatal)) << size << " bytes";
  }
}

TEST(ValidatorState, RefusesNestingThatWouldExhaustTheStack) {
  constexpr size_t kDepth = 200000;
  const std::string deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  EXPECT_TRUE(fails(parse("{\"scoreboard\":" + deep + "}"), ErrorKind::kFatal, "nested more than 6 levels"));
}

TEST(ValidatorState, TakesTheScoreboardsWordForWhatIsWrongInIt) {
  Json json = full_json();
  testing::part(json, "scoreboard.window") = "eight";
  EXPECT_TRUE(fails(parse(to_text(json)), ErrorKind::kFatal, "window"));
}

}  // namespace
}  // namespace templar
