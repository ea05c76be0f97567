#include <gtest/gtest.h>

#include <bit>
#include <functional>

#include "base/json/json_fields.h"
#include "base/random.h"
#include "core/scoring/scoreboard.h"
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
    for (size_t i = 0; i < random.below(kHistoryWindows + 1); ++i) {
      WindowOutcome outcome = {.window = miner.first_window + static_cast<int64_t>(i) * 3,
                               .verdict = static_cast<VerdictCode>(random.below(5))};
      if (random.below(2) == 0) outcome.gradient_score = any_number(random);
      miner.history.push_back(outcome);
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
  board.miners[2].history = {{3, VerdictCode::kAccepted, 0.5}, {4, VerdictCode::kMissing, std::nullopt}};
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
  expect_refused([](Json& json) { testing::part(json, "version") = 2; },
                 "scoreboard: version: 2 is out of range 1 .. 1");
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
  expect_refused([](Json& json) { testing::part(json, "miners[0].comment") = ""; },
                 "miners[0].comment: unknown field");
}

TEST(ScoreboardFormat, RefusesAHistoryThatCanNotBe) {
  const auto history = [](Json& json) -> Json& { return testing::part(json, "miners[0].history"); };
  expect_refused([&](Json& json) { testing::part(history(json), "[1].window") = 3; },
                 "history[1].window: 3 is out of range");
  expect_refused([&](Json& json) { testing::part(history(json), "[1].window") = 10; },
                 "history[1].window: 10 is out of range");
  expect_refused([&](Json& json) { testing::part(history(json), "[0].verdict") = "fine"; },
                 "history[0].verdict: is not one");
  expect_refused([&](Json& json) { testing::part(history(json), "[0].gradient_score") = "x"; },
                 "gradient_score: must be a number");
  expect_refused([&](Json& json) { testing::erase_part(history(json), "[0].verdict"); }, "verdict: missing");
  expect_refused([&](Json& json) { history(json) = JsonList(9, JsonObject{}); }, "history: 9 windows");
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
