// The scoreboard as JSON, which holds every double exactly.
#include <fmt/format.h>

#include "base/json/json_fields.h"
#include "core/scoring/scoreboard.h"

namespace templar {
namespace {

constexpr int64_t kFormatVersion = 1;

Json encode_outcome(const WindowOutcome& outcome) {
  return JsonObject{{"window", outcome.window},
                    {"verdict", verdict_name(outcome.verdict)},
                    {"gradient_score", outcome.gradient_score}};
}

Json encode_miner(const MinerScore& miner) {
  JsonList history;
  for (const WindowOutcome& outcome : miner.history) history.push_back(encode_outcome(outcome));
  return JsonObject{{"uid", miner.uid},
                    {"key", miner.key.hex()},
                    {"first_window", miner.first_window},
                    {"rating_mu", miner.rating.mu},
                    {"rating_sigma", miner.rating.sigma},
                    {"binary_average", miner.binary_average},
                    {"gradient_score", miner.gradient_score},
                    {"sync_factor", miner.sync_factor},
                    {"final_score", miner.final_score},
                    {"last_evaluated_window", miner.last_evaluated_window},
                    {"history", std::move(history)}};
}

std::optional<VerdictCode> parse_verdict(std::string_view name) {
  for (uint8_t code = 0; code <= kLastVerdictCode; ++code) {
    if (verdict_name(static_cast<VerdictCode>(code)) == name) return static_cast<VerdictCode>(code);
  }
  return std::nullopt;
}

Result<WindowOutcome> read_outcome(JsonFields& fields, int64_t first_window, int64_t last_window) {
  WindowOutcome outcome;
  TRY_ASSIGN(outcome.window, fields.integer("window", first_window, last_window));
  TRY_ASSIGN(const std::string verdict, fields.text("verdict"));
  const std::optional<VerdictCode> known = parse_verdict(verdict);
  if (!known) return fields.error("verdict", "is not one that is known");
  outcome.verdict = *known;
  TRY_ASSIGN(outcome.gradient_score, fields.number_or_null("gradient_score"));
  TRY(fields.finish());
  return outcome;
}

Result<std::vector<WindowOutcome>> read_history(JsonFields& fields, int64_t first_window,
                                                int64_t last_window) {
  TRY_ASSIGN(std::vector<JsonFields> entries, fields.objects("history"));
  if (entries.size() > kHistoryWindows)
    return fields.error("history", fmt::format("{} windows, more than {}", entries.size(), kHistoryWindows));
  std::vector<WindowOutcome> history;
  for (JsonFields& entry : entries) {
    TRY_ASSIGN(const WindowOutcome outcome, read_outcome(entry, first_window, last_window));
    first_window = outcome.window + 1;
    history.push_back(outcome);
  }
  return history;
}

Result<MinerScore> read_miner(JsonFields& fields, int64_t board_window) {
  MinerScore miner;
  TRY_ASSIGN(const int64_t uid, fields.integer("uid", 0, UINT32_MAX));
  miner.uid = static_cast<uint32_t>(uid);
  TRY_ASSIGN(const std::string key, fields.text("key"));
  auto parsed_key = parse_public_key(key);
  if (!parsed_key) return fields.error("key", parsed_key.error().message);
  miner.key = *parsed_key;
  TRY_ASSIGN(miner.first_window, fields.integer("first_window", 0, board_window));
  TRY_ASSIGN(miner.rating.mu, fields.number("rating_mu"));
  TRY_ASSIGN(miner.rating.sigma, fields.number("rating_sigma"));
  if (miner.rating.sigma <= 0)
    return fields.error("rating_sigma", fmt::format("{} is not above 0", miner.rating.sigma));
  TRY_ASSIGN(miner.binary_average, fields.number("binary_average"));
  TRY_ASSIGN(miner.gradient_score, fields.number("gradient_score"));
  TRY_ASSIGN(miner.sync_factor, fields.number("sync_factor"));
  TRY_ASSIGN(miner.final_score, fields.number("final_score"));
  TRY_ASSIGN(miner.last_evaluated_window,
             fields.integer_or_null("last_evaluated_window", miner.first_window, board_window));
  TRY_ASSIGN(miner.history, read_history(fields, miner.first_window, board_window));
  TRY(fields.finish());
  return miner;
}

}  // namespace

Json encode_scoreboard(const Scoreboard& scoreboard) {
  JsonList miners;
  for (const auto& [uid, miner] : scoreboard.miners) miners.push_back(encode_miner(miner));
  return JsonObject{
      {"version", kFormatVersion}, {"window", scoreboard.window}, {"miners", std::move(miners)}};
}

Result<Scoreboard> read_scoreboard(JsonFields fields) {
  TRY(fields.integer("version", kFormatVersion, kFormatVersion));
  Scoreboard scoreboard;
  TRY_ASSIGN(scoreboard.window, fields.integer("window", -1, INT64_MAX - 1));
  TRY_ASSIGN(std::vector<JsonFields> miners, fields.objects("miners"));
  TRY(fields.finish());
  for (JsonFields& entry : miners) {
    TRY_ASSIGN(MinerScore miner, read_miner(entry, scoreboard.window));
    if (!scoreboard.miners.empty() && miner.uid <= scoreboard.miners.rbegin()->first)
      return entry.error("uid", fmt::format("{} is not above the one before", miner.uid));
    scoreboard.miners.emplace(miner.uid, std::move(miner));
  }
  return scoreboard;
}

}  // namespace templar
