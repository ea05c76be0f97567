#include "node/validator/validator_state.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/json_values.h"
#include "support/metagraph.h"
#include "support/run_specs.h"
#include "support/test_key.h"

namespace templar {
namespace {

using testing::fails;

ValidatorState full_state() {
  const testing::Metagraph metagraph = testing::make_metagraph({.miners = 12, .with_incentive = 5});
  return {.next_window = 9,
          .scoreboard = testing::make_scoreboard(metagraph, {1, 4, 7}, 8, testing::scoring_run_spec()),
          .peers = {{4, 1}, {7}},
          .next_peers = {{7, 4294967295}, {}},
          .next_peers_from = 10,
          .draw = WindowDraw{.window = 8,
                             .signature = testing::test_key(0).sign(as_bytes("some message")),
                             .candidates = {{1, 2.5, 7}, {4, -0.125, std::nullopt}},
                             .uids = {4}}};
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

// As the program wrote it before there were draws.
TEST(ValidatorState, IsReadWithoutADraw) {
  Json json = full_json();
  testing::erase_part(json, "draw");
  const auto state = parse(to_text(json));
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_FALSE(state->draw);
  EXPECT_EQ(state->scoreboard, full_state().scoreboard);
}

// With a scoreboard of format 1: a validator goes on with it after an upgrade.
TEST(ValidatorState, IsReadFromBeforeThereWereExclusions) {
  const auto state =
      parse(R"({"next_peers":{"gather":[3],"reserve":[]},"next_peers_from":10,"next_window":12,)"
            R"("peers":{"gather":[5,3],"reserve":[]},"scoreboard":{"miners":[{"binary_average":0.5,)"
            R"("final_score":2.0,"first_window":8,"gradient_score":0.25,"history":[)"
            R"({"gradient_score":0.25,"verdict":"accepted","window":10},)"
            R"({"gradient_score":null,"verdict":"missing","window":11}],)"
            R"("key":"933a3024dae121651bdd0a6d4eedce84f3f766689bf34b73a5c2de70bb4f1b11",)"
            R"("last_evaluated_window":10,"rating_mu":31.0,"rating_sigma":8.0,"sync_factor":1.0,"uid":3}],)"
            R"("version":1,"window":11}})");
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->next_window, 12);
  const MinerScore& miner = state->scoreboard.miners.at(3);
  EXPECT_EQ(miner.final_score, 2.0);
  EXPECT_EQ(miner.gathers.size(), 2u);
  EXPECT_EQ(miner.measurements.size(), 1u);
  EXPECT_FALSE(miner.is_excluded(12));
  const auto again = parse(encode_validator_state(*state));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, *state);
}

TEST(ValidatorState, NamesWhatIsWrongInADraw) {
  const auto refused = [](const char* part, const Json& wrong, const char* what) {
    Json json = full_json();
    testing::part(json, part) = wrong;
    return fails(parse(to_text(json)), ErrorKind::kFatal, what);
  };
  EXPECT_TRUE(refused("draw", "none", "draw: must be an object"));
  EXPECT_TRUE(refused("draw.window", -1, "draw.window: -1 is out of range"));
  EXPECT_TRUE(refused("draw.signature", "00ff", "draw.signature: must be 128 lower-case"));
  EXPECT_TRUE(refused("draw.uids", 3, "draw.uids: must be a list of uids"));
  EXPECT_TRUE(refused("draw.candidates[1].ordinal", "x", "draw.candidates[1].ordinal: must be a number"));
  EXPECT_TRUE(refused("draw.candidates[0].colour", 1, "draw.candidates[0].colour: unknown field"));
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
