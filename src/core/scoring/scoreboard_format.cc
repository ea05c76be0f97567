// The scoreboard as JSON. nlohmann writes doubles in the shortest form that reads back exactly, and keys
// sorted.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/scoring/scoreboard.h"

namespace templar {
namespace {

using Json = nlohmann::json;

constexpr int64_t kFormatVersion = 1;
constexpr size_t kMaxBytes = size_t{64} << 20;

Json encode_outcome(const WindowOutcome& outcome) {
  return {{"window", outcome.window},
          {"verdict", verdict_name(outcome.verdict)},
          {"gradient_score", outcome.gradient_score ? Json(*outcome.gradient_score) : Json()}};
}

Json encode_miner(const MinerScore& miner) {
  Json history = Json::array();
  for (const WindowOutcome& outcome : miner.history) history.push_back(encode_outcome(outcome));
  return {
      {"uid", miner.uid},
      {"key", miner.key.hex()},
      {"first_window", miner.first_window},
      {"rating_mu", miner.rating.mu},
      {"rating_sigma", miner.rating.sigma},
      {"binary_average", miner.binary_average},
      {"gradient_score", miner.gradient_score},
      {"sync_factor", miner.sync_factor},
      {"final_score", miner.final_score},
      {"last_evaluated_window", miner.last_evaluated_window ? Json(*miner.last_evaluated_window) : Json()},
      {"history", std::move(history)}};
}

// Reads the fields of one object by name; finish() fails if there was one that nobody asked for. where says
// which object.
class ObjectFields {
 public:
  ObjectFields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  Result<const Json*> field(const char* name) {
    if (!object_.is_object()) return fatal_error(fmt::format("{} is not an object", where_));
    const auto found = object_.find(name);
    if (found == object_.end()) return fatal_error(fmt::format("{}.{} is missing", where_, name));
    ++fields_read_;
    return &*found;
  }
  Result<int64_t> integer(const char* name, int64_t lowest, int64_t highest) {
    TRY_ASSIGN(const Json* json, field(name));
    const bool fits = json->is_number_unsigned() ? json->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX)
                                                 : json->is_number_integer();
    if (!fits) return wrong(name, "is not an integer of 64 bits");
    const auto value = json->get<int64_t>();
    if (value < lowest || value > highest)
      return wrong(name, fmt::format("is {}, not {} .. {}", value, lowest, highest));
    return value;
  }
  Result<double> number(const char* name) {
    TRY_ASSIGN(const Json* json, field(name));
    if (!json->is_number()) return wrong(name, "is not a number");
    return json->get<double>();
  }
  Result<std::string> text(const char* name) {
    TRY_ASSIGN(const Json* json, field(name));
    if (!json->is_string()) return wrong(name, "is not a text");
    return json->get<std::string>();
  }
  Result<const Json*> list(const char* name) {
    TRY_ASSIGN(const Json* json, field(name));
    if (!json->is_array()) return wrong(name, "is not a list");
    return json;
  }
  // null is none.
  Result<std::optional<double>> optional_number(const char* name) {
    TRY_ASSIGN(const Json* json, field(name));
    if (json->is_null()) return std::optional<double>();
    --fields_read_;
    TRY_ASSIGN(const double value, number(name));
    return std::optional<double>(value);
  }
  Result<std::optional<int64_t>> optional_integer(const char* name, int64_t lowest, int64_t highest) {
    TRY_ASSIGN(const Json* json, field(name));
    if (json->is_null()) return std::optional<int64_t>();
    --fields_read_;
    TRY_ASSIGN(const int64_t value, integer(name, lowest, highest));
    return std::optional<int64_t>(value);
  }
  [[nodiscard]] std::unexpected<Error> wrong(const char* name, const std::string& what) const {
    return fatal_error(fmt::format("{}.{} {}", where_, name, what));
  }
  Status finish() const {
    if (object_.size() != fields_read_) {
      return fatal_error(fmt::format("{} has {} fields, {} are known", where_, object_.size(), fields_read_));
    }
    return {};
  }

 private:
  const Json& object_;
  std::string where_;
  size_t fields_read_ = 0;
};

std::optional<VerdictCode> parse_verdict(std::string_view name) {
  for (uint8_t code = 0; code <= kLastVerdictCode; ++code) {
    if (verdict_name(static_cast<VerdictCode>(code)) == name) return static_cast<VerdictCode>(code);
  }
  return std::nullopt;
}

Result<WindowOutcome> parse_outcome(const Json& json, const std::string& where, int64_t first_window,
                                    int64_t last_window) {
  ObjectFields fields(json, where);
  WindowOutcome outcome;
  TRY_ASSIGN(outcome.window, fields.integer("window", first_window, last_window));
  TRY_ASSIGN(const std::string verdict, fields.text("verdict"));
  const std::optional<VerdictCode> known = parse_verdict(verdict);
  if (!known) return fields.wrong("verdict", "is not one that is known");
  outcome.verdict = *known;
  TRY_ASSIGN(outcome.gradient_score, fields.optional_number("gradient_score"));
  TRY(fields.finish());
  return outcome;
}

Result<MinerScore> parse_miner(const Json& json, const std::string& where, int64_t board_window) {
  ObjectFields fields(json, where);
  MinerScore miner;
  TRY_ASSIGN(const int64_t uid, fields.integer("uid", 0, UINT32_MAX));
  miner.uid = static_cast<uint32_t>(uid);
  TRY_ASSIGN(const std::string key, fields.text("key"));
  auto parsed_key = parse_public_key(key);
  if (!parsed_key) return fields.wrong("key", parsed_key.error().message);
  miner.key = *parsed_key;
  TRY_ASSIGN(miner.first_window, fields.integer("first_window", 0, board_window));
  TRY_ASSIGN(miner.rating.mu, fields.number("rating_mu"));
  TRY_ASSIGN(miner.rating.sigma, fields.number("rating_sigma"));
  if (miner.rating.sigma <= 0)
    return fields.wrong("rating_sigma", fmt::format("is {}, not above 0", miner.rating.sigma));
  TRY_ASSIGN(miner.binary_average, fields.number("binary_average"));
  TRY_ASSIGN(miner.gradient_score, fields.number("gradient_score"));
  TRY_ASSIGN(miner.sync_factor, fields.number("sync_factor"));
  TRY_ASSIGN(miner.final_score, fields.number("final_score"));
  TRY_ASSIGN(miner.last_evaluated_window,
             fields.optional_integer("last_evaluated_window", miner.first_window, board_window));
  TRY_ASSIGN(const Json* history, fields.list("history"));
  if (history->size() > kHistoryWindows) {
    return fields.wrong("history",
                        fmt::format("has {} windows, more than {}", history->size(), kHistoryWindows));
  }
  TRY(fields.finish());
  int64_t next_window = miner.first_window;
  for (const Json& entry : *history) {
    TRY_ASSIGN(WindowOutcome outcome,
               parse_outcome(entry, fmt::format("{}.history[{}]", where, miner.history.size()), next_window,
                             board_window));
    next_window = outcome.window + 1;
    miner.history.push_back(outcome);
  }
  return miner;
}

}  // namespace

std::string encode_scoreboard(const Scoreboard& scoreboard) {
  Json miners = Json::array();
  for (const auto& [uid, miner] : scoreboard.miners) miners.push_back(encode_miner(miner));
  return Json{{"version", kFormatVersion}, {"window", scoreboard.window}, {"miners", std::move(miners)}}.dump(
             1) +
         "\n";
}

Result<Scoreboard> parse_scoreboard(ByteView json) {
  if (json.size() > kMaxBytes)
    return fatal_error(fmt::format("scoreboard has {} bytes, more than {}", json.size(), kMaxBytes));
  const Json root = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return fatal_error(fmt::format("scoreboard of {} bytes is not JSON", json.size()));
  ObjectFields fields(root, "scoreboard");
  TRY(fields.integer("version", kFormatVersion, kFormatVersion));
  Scoreboard scoreboard;
  TRY_ASSIGN(scoreboard.window, fields.integer("window", -1, INT64_MAX - 1));
  TRY_ASSIGN(const Json* miners, fields.list("miners"));
  TRY(fields.finish());
  for (const Json& entry : *miners) {
    const std::string where = fmt::format("scoreboard.miners[{}]", scoreboard.miners.size());
    TRY_ASSIGN(MinerScore miner, parse_miner(entry, where, scoreboard.window));
    if (!scoreboard.miners.empty() && miner.uid <= scoreboard.miners.rbegin()->first) {
      return fatal_error(fmt::format("{}.uid is {}, not above the one before", where, miner.uid));
    }
    scoreboard.miners.emplace(miner.uid, std::move(miner));
  }
  return scoreboard;
}

}  // namespace templar
