// The scoreboard as JSON, which holds every double exactly.
#include <fmt/format.h>

#include "base/json/json_fields.h"
#include "core/scoring/scoreboard.h"

namespace templar {
namespace {

constexpr int64_t kFormatVersion = 2;
// It had one list of windows for both, no exclusions, and did not count how long a miner was not seen.
constexpr int64_t kFirstFormatVersion = 1;

Json encode_gather(const GatherOutcome& outcome) {
  return JsonObject{{"window", outcome.window}, {"verdict", verdict_name(outcome.verdict)}};
}

Json encode_measurement(const MeasuredScore& measured) {
  return JsonObject{{"window", measured.window}, {"gradient_score", measured.gradient_score}};
}

Json encode_miner(const MinerScore& miner) {
  JsonList gathers;
  for (const GatherOutcome& outcome : miner.gathers) gathers.push_back(encode_gather(outcome));
  JsonList measurements;
  for (const MeasuredScore& measured : miner.measurements)
    measurements.push_back(encode_measurement(measured));
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
                    {"windows_not_seen", miner.windows_not_seen},
                    {"excluded_before", miner.excluded_before},
                    {"awaits_gain", miner.awaits_gain},
                    {"gathers", std::move(gathers)},
                    {"measurements", std::move(measurements)}};
}

std::optional<VerdictCode> parse_verdict(std::string_view name) {
  for (uint8_t code = 0; code <= kLastVerdictCode; ++code) {
    if (verdict_name(static_cast<VerdictCode>(code)) == name) return static_cast<VerdictCode>(code);
  }
  return std::nullopt;
}

struct PastRange {
  int64_t first = 0;
  int64_t last = 0;
};

Result<VerdictCode> read_verdict(JsonFields& fields) {
  TRY_ASSIGN(const std::string name, fields.text("verdict"));
  const std::optional<VerdictCode> known = parse_verdict(name);
  if (!known) return fields.error("verdict", "is not one that is known");
  return *known;
}

// The list's entries, at most kRememberedWindows, each of a window after the one before. read is called with
// an entry and its window, and reads the rest of it.
template <typename ReadEntry>
Status read_windows(JsonFields& fields, const char* name, PastRange range, const ReadEntry& read) {
  TRY_ASSIGN(std::vector<JsonFields> entries, fields.objects(name));
  if (entries.size() > kRememberedWindows)
    return fields.error(name, fmt::format("{} windows, more than {}", entries.size(), kRememberedWindows));
  for (JsonFields& entry : entries) {
    TRY_ASSIGN(const int64_t window, entry.integer("window", range.first, range.last));
    TRY(read(entry, window));
    TRY(entry.finish());
    range.first = window + 1;
  }
  return {};
}

Status read_gathers(JsonFields& fields, PastRange range, MinerScore& miner) {
  return read_windows(fields, "gathers", range, [&](JsonFields& entry, int64_t window) -> Status {
    TRY_ASSIGN(const VerdictCode verdict, read_verdict(entry));
    miner.gathers.push_back({window, verdict});
    return {};
  });
}

Status read_measurements(JsonFields& fields, PastRange range, MinerScore& miner) {
  return read_windows(fields, "measurements", range, [&](JsonFields& entry, int64_t window) -> Status {
    TRY_ASSIGN(const double gradient_score, entry.number("gradient_score"));
    miner.measurements.push_back({window, gradient_score});
    return {};
  });
}

// Format 1: windows with evidence, each with its verdict, and with a gradient score if it was measured.
Status read_first_history(JsonFields& fields, PastRange range, MinerScore& miner) {
  return read_windows(fields, "history", range, [&](JsonFields& entry, int64_t window) -> Status {
    TRY_ASSIGN(const VerdictCode verdict, read_verdict(entry));
    TRY_ASSIGN(const std::optional<double> gradient_score, entry.number_or_null("gradient_score"));
    miner.gathers.push_back({window, verdict});
    if (gradient_score) miner.measurements.push_back({window, *gradient_score});
    return {};
  });
}

Status read_past(JsonFields& fields, int64_t version, PastRange range, MinerScore& miner) {
  if (version == kFirstFormatVersion) return read_first_history(fields, range, miner);
  TRY_ASSIGN(miner.windows_not_seen, fields.integer("windows_not_seen", 0));
  TRY_ASSIGN(miner.excluded_before, fields.integer("excluded_before", 0));
  TRY_ASSIGN(miner.awaits_gain, fields.flag("awaits_gain"));
  TRY(read_gathers(fields, range, miner));
  return read_measurements(fields, range, miner);
}

Result<MinerScore> read_miner(JsonFields& fields, int64_t version, int64_t board_window) {
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
  TRY(read_past(fields, version, {miner.first_window, board_window}, miner));
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
  TRY_ASSIGN(const int64_t version, fields.integer("version", kFirstFormatVersion, kFormatVersion));
  Scoreboard scoreboard;
  TRY_ASSIGN(scoreboard.window, fields.integer("window", -1, INT64_MAX - 1));
  TRY_ASSIGN(std::vector<JsonFields> miners, fields.objects("miners"));
  TRY(fields.finish());
  for (JsonFields& entry : miners) {
    TRY_ASSIGN(MinerScore miner, read_miner(entry, version, scoreboard.window));
    if (!scoreboard.miners.empty() && miner.uid <= scoreboard.miners.rbegin()->first)
      return entry.error("uid", fmt::format("{} is not above the one before", miner.uid));
    scoreboard.miners.emplace(miner.uid, std::move(miner));
  }
  return scoreboard;
}

}  // namespace templar
