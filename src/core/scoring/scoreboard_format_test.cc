#include <gtest/gtest.h>

#include <bit>
#include <functional>

#include "base/json/json_fields.h"
#include "base/random.h"
#include "core/scoring/scoreboard.h"
#include "support/expect_failure.h"
#include "support/json_values.h"

namespace templar {
namespace {

// Any finite double.
double any_number(Random& random) {
  const double number = std::bit_cast<double>(random.next());
  return number - number == 0 ? number : random.uniform();
}

Scoreboard random_board(uint64_t seed) {
  Random random(seed);
  Scoreboard board{.window = 1000};
  for (uint32_t uid = 0; uid < 20; uid += 1 + static_cast<uint32_t>(random.below(3))) {
    MinerScore miner = {.uid = uid, .first_window = static_cast<int64_t>(random.below(900))};
    miner.key.bytes.fill(static_cast<uint8_t>(random.below(256)));
    miner.rating = {any_number(random), 1e-300 + random.uniform()};
    miner.binary_average = any_number(random);
    miner.gradient_score = any_number(random);
    miner.sync_factor = random.uniform();
    miner.final_score = any_number(random);
    if (random.below(2) == 0)
      miner.last_evaluated_window = miner.first_window + static_cast<int64_t>(random.below(100));
    miner.windows_not_seen = static_cast<int64_t>(random.below(5));
    miner.excluded_before = static_cast<int64_t>(random.below(2000));
    miner.awaits_gain = random.below(2) == 0;
    for (size_t i = 0; i < random.below(kRememberedWindows + 1); ++i) {
      const int64_t window = miner.first_window + static_cast<int64_t>(i) * 3;
      miner.gathers.push_back({.window = window, .verdict = static_cast<VerdictCode>(random.below(5))});
      miner.measurements.push_back({.window = window, .gradient_score = any_number(random)});
    }
    board.miners.emplace(uid, miner);
  }
  return board;
}

Result<Scoreboard> parse_scoreboard(std::string_view text) {
  TRY_ASSIGN(const Json json, parse_json(text));
  TRY_ASSIGN(JsonFields fields, JsonFields::of(json, "scoreboard"));
  return read_scoreboard(std::move(fields));
}

TEST(ScoreboardFormat, ReadsBackEveryBit) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Scoreboard board = random_board(seed);
    const std::string text = to_text(encode_scoreboard(board));
    const auto parsed = parse_scoreboard(text);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    ASSERT_EQ(*parsed, board);
    ASSERT_EQ(to_text(encode_scoreboard(*parsed)), text);
    for (const auto& [uid, miner] : board.miners) {
      const MinerScore& other = parsed->miners.at(uid);
      EXPECT_EQ(std::bit_cast<uint64_t>(other.final_score), std::bit_cast<uint64_t>(miner.final_score));
      EXPECT_EQ(std::bit_cast<uint64_t>(other.rating.mu), std::bit_cast<uint64_t>(miner.rating.mu));
    }
  }
}

TEST(ScoreboardFormat, HoldsAnEmptyBoard) {
  const auto parsed = parse_scoreboard(to_text(encode_scoreboard({})));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(*parsed, Scoreboard{});
}

// Changes a good board's JSON and expects a refusal that names the place.
void expect_refused(const std::function<void(Json&)>& spoil, const std::string& named) {
  Scoreboard board{.window = 9};
  board.miners[2] = {.uid = 2, .first_window = 1, .last_evaluated_window = 5};
  board.miners[2].gathers = {{3, VerdictCode::kAccepted}, {4, VerdictCode::kMissing}};
  board.miners[2].measurements = {{3, 0.5}, {5, 0.25}};
  board.miners[7] = {.uid = 7};
  Json json = encode_scoreboard(board);
  spoil(json);
  const auto parsed = parse_scoreboard(to_text(json));
  ASSERT_FALSE(parsed.has_value()) << to_text(json);
  EXPECT_EQ(parsed.error().kind, ErrorKind::kFatal);
  EXPECT_NE(parsed.error().message.find(named), std::string::npos) << parsed.error().message;
}

TEST(ScoreboardFormat, RefusesWrongFieldsByName) {
  expect_refused([](Json& json) { testing::erase_part(json, "window"); }, "scoreboard: window: missing");
  expect_refused([](Json& json) { testing::part(json, "version") = 3; },
                 "scoreboard: version: 3 is out of range 1 .. 2");
  expect_refused([](Json& json) { testing::part(json, "extra") = 1; }, "scoreboard: extra: unknown field");
  expect_refused([](Json& json) { testing::part(json, "window") = "9"; },
                 "scoreboard: window: must be an integer");
  expect_refused([](Json& json) { testing::part(json, "window") = 18446744073709551615ull; },
                 "scoreboard: window: must be an integer");
  expect_refused([](Json& json) { testing::part(json, "miners") = JsonObject{}; },
                 "scoreboard: miners: must be a list");
  expect_refused([](Json& json) { testing::part(json, "miners[0]") = 3; },
                 "scoreboard: miners[0]: must be an object");
  expect_refused([](Json& json) { testing::part(json, "miners[1].uid") = -1; },
                 "scoreboard: miners[1].uid: -1 is out of range");
  expect_refused([](Json& json) { testing::part(json, "miners[1].uid") = 2; },
                 "scoreboard: miners[1].uid: 2 is not above");
  expect_refused([](Json& json) { testing::part(json, "miners[0].key") = "zz"; },
                 "scoreboard: miners[0].key: ");
  expect_refused([](Json& json) { testing::part(json, "miners[0].rating_mu") = nullptr; },
                 "rating_mu: must be a number");
  expect_refused([](Json& json) { testing::part(json, "miners[0].rating_sigma") = 0; },
                 "rating_sigma: 0 is not above 0");
  expect_refused([](Json& json) { testing::part(json, "miners[0].first_window") = 10; },
                 "first_window: 10 is out of range 0 .. 9");
  expect_refused([](Json& json) { testing::part(json, "miners[0].last_evaluated_window") = 0; },
                 "last_evaluated_window: 0 is out of range");
  expect_refused([](Json& json) { testing::part(json, "miners[0].windows_not_seen") = -1; },
                 "windows_not_seen: -1 is out of range");
  expect_refused([](Json& json) { testing::part(json, "miners[0].excluded_before") = 1.5; },
                 "excluded_before: must be an integer");
  expect_refused([](Json& json) { testing::part(json, "miners[0].awaits_gain") = 1; },
                 "miners[0].awaits_gain: must be");
  expect_refused([](Json& json) { testing::part(json, "miners[0].comment") = ""; },
                 "miners[0].comment: unknown field");
}

TEST(ScoreboardFormat, RefusesAPastThatCanNotBe) {
  const auto gathers = [](Json& json) -> Json& { return testing::part(json, "miners[0].gathers"); };
  const auto measured = [](Json& json) -> Json& { return testing::part(json, "miners[0].measurements"); };
  expect_refused([&](Json& json) { testing::part(gathers(json), "[1].window") = 3; },
                 "gathers[1].window: 3 is out of range");
  expect_refused([&](Json& json) { testing::part(gathers(json), "[1].window") = 10; },
                 "gathers[1].window: 10 is out of range");
  expect_refused([&](Json& json) { testing::part(gathers(json), "[0].verdict") = "fine"; },
                 "gathers[0].verdict: is not one");
  expect_refused([&](Json& json) { testing::erase_part(gathers(json), "[0].verdict"); }, "verdict: missing");
  expect_refused([&](Json& json) { gathers(json) = JsonList(9, JsonObject{}); }, "gathers: 9 windows");
  expect_refused([&](Json& json) { testing::part(measured(json), "[1].window") = 2; },
                 "measurements[1].window: 2 is out of range");
  expect_refused([&](Json& json) { testing::part(measured(json), "[0].gradient_score") = nullptr; },
                 "gradient_score: must be a number");
  expect_refused([&](Json& json) { measured(json) = JsonList(9, JsonObject{}); }, "measurements: 9 windows");
}

// A scoreboard as the program wrote it before there were exclusions.
constexpr std::string_view kFormat1 =
    R"({"miners":[{"binary_average":0.142625,"final_score":0.808351203507362,"first_window":8,)"
    R"("gradient_score":0.17666666666666664,"history":[)"
    R"({"gradient_score":0.17666666666666664,"verdict":"accepted","window":8},)"
    R"({"gradient_score":0.17666666666666664,"verdict":"accepted","window":10},)"
    R"({"gradient_score":null,"verdict":"too_late","window":11}],)"
    R"("key":"3ebc247be2725f2afcb02fe0f0098de5555f89ce462305606301be90430a37ef","last_evaluated_window":10,)"
    R"("rating_mu":31.808521467719245,"rating_sigma":8.083876762271633,"sync_factor":1.0,"uid":2},)"
    R"({"binary_average":0.0,"final_score":0.0,"first_window":11,"gradient_score":0.0,"history":[)"
    R"({"gradient_score":null,"verdict":"accepted","window":11}],)"
    R"("key":"933a3024dae121651bdd0a6d4eedce84f3f766689bf34b73a5c2de70bb4f1b11",)"
    R"("last_evaluated_window":null,"rating_mu":25.0,"rating_sigma":8.333333333333334,"sync_factor":0.0,)"
    R"("uid":5}],"version":1,"window":11})";

TEST(ScoreboardFormat, ReadsFormat1) {
  const auto board = parse_scoreboard(kFormat1);
  ASSERT_TRUE(board.has_value()) << board.error().message;
  EXPECT_EQ(board->window, 11);
  ASSERT_EQ(board->miners.size(), 2u);
  const MinerScore& miner = board->miners.at(2);
  EXPECT_EQ(miner.final_score, 0.808351203507362);
  EXPECT_EQ(miner.last_evaluated_window, 10);
  using enum VerdictCode;
  EXPECT_EQ(miner.gathers, (std::vector<GatherOutcome>{{8, kAccepted}, {10, kAccepted}, {11, kTooLate}}));
  EXPECT_EQ(miner.measurements,
            (std::vector<MeasuredScore>{{8, 0.17666666666666664}, {10, 0.17666666666666664}}));
  EXPECT_FALSE(miner.is_excluded(12));
  EXPECT_TRUE(board->miners.at(5).measurements.empty());
  // What is written from now on is format 2.
  const std::string text = to_text(encode_scoreboard(*board));
  EXPECT_NE(text.find(R"("version":2)"), std::string::npos);
  EXPECT_EQ(parse_scoreboard(text).value(), *board);
}

TEST(ScoreboardFormat, MixesNoFormats) {
  Json json = parse_json(kFormat1).value();
  testing::part(json, "version") = 2;
  EXPECT_TRUE(
      testing::fails(parse_scoreboard(to_text(json)), ErrorKind::kFatal, "windows_not_seen: missing"));
  json = parse_json(kFormat1).value();
  testing::part(json, "miners[0].awaits_gain") = true;
  EXPECT_TRUE(
      testing::fails(parse_scoreboard(to_text(json)), ErrorKind::kFatal, "awaits_gain: unknown field"));
}

TEST(ScoreboardFormat, RefusesWhatIsNotJson) {
  const std::string text = to_text(encode_scoreboard(random_board(1)));
  for (size_t size = 0; size + 2 < text.size(); size += 37) {
    EXPECT_FALSE(parse_scoreboard(std::string_view(text).substr(0, size)).has_value());
  }
  EXPECT_FALSE(parse_scoreboard("[1e999]").has_value());
  EXPECT_FALSE(parse_scoreboard(std::string(100000, '[')).has_value());
  EXPECT_FALSE(parse_scoreboard("[]").has_value());
}

}  // namespace
}  // namespace templar
