#include "node/validator/validator_state.h"

#include <algorithm>

#include "base/json/json_fields.h"

namespace templar {
namespace {

constexpr int kMaxDepth = 6;  // the state, its scoreboard, the miners, a miner, its history, a window

Json peers_json(const PeerSelection& peers) {
  return JsonObject{{"gather", peers.gather}, {"reserve", peers.reserve}};
}

Result<std::vector<uint32_t>> read_uids(JsonFields& fields, const std::string& name) {
  TRY_ASSIGN(const Json* values, fields.value(name));
  std::vector<uint32_t> uids;
  const auto wrong = [&] { return fields.error(name, "must be a list of uids"); };
  if (values->list() == nullptr) return wrong();
  for (const Json& value : *values->list()) {
    const std::optional<uint64_t> uid = value.count();
    if (!uid || *uid > UINT32_MAX) return wrong();
    uids.push_back(static_cast<uint32_t>(*uid));
  }
  return uids;
}

Result<PeerSelection> read_peers(JsonFields& fields, const std::string& name) {
  PeerSelection peers;
  TRY_ASSIGN(peers.gather, read_uids(fields, name + ".gather"));
  TRY_ASSIGN(peers.reserve, read_uids(fields, name + ".reserve"));
  return peers;
}

Json candidate_json(const EvaluationCandidate& candidate) {
  return JsonObject{{"uid", candidate.uid},
                    {"ordinal", candidate.ordinal},
                    {"last_evaluated_window", candidate.last_evaluated_window}};
}

Json draw_json(const std::optional<WindowDraw>& draw) {
  if (!draw) return nullptr;
  JsonList candidates;
  for (const EvaluationCandidate& candidate : draw->candidates)
    candidates.push_back(candidate_json(candidate));
  return JsonObject{{"window", draw->window},
                    {"signature", to_hex(draw->signature.bytes)},
                    {"candidates", std::move(candidates)},
                    {"uids", draw->uids}};
}

Result<EvaluationCandidate> read_candidate(JsonFields& fields) {
  EvaluationCandidate candidate;
  TRY_ASSIGN(const int64_t uid, fields.integer("uid", 0, UINT32_MAX));
  candidate.uid = static_cast<uint32_t>(uid);
  TRY_ASSIGN(candidate.ordinal, fields.number("ordinal"));
  TRY_ASSIGN(candidate.last_evaluated_window, fields.integer_or_null("last_evaluated_window", 0, INT64_MAX));
  TRY(fields.finish());
  return candidate;
}

Result<std::optional<WindowDraw>> read_draw(JsonFields& state) {
  if (!state.has("draw")) return std::nullopt;
  TRY_ASSIGN(const Json* value, state.value("draw"));
  if (value->is_null()) return std::nullopt;
  TRY_ASSIGN(JsonFields fields, state.object("draw"));
  WindowDraw draw;
  TRY_ASSIGN(draw.window, fields.integer("window", 0));
  TRY_ASSIGN(const std::string signature, fields.text("signature"));
  const auto bytes = from_hex(signature);
  if (!bytes || bytes->size() != draw.signature.bytes.size())
    return fields.error("signature", "must be 128 lower-case hexadecimal digits");
  std::ranges::copy(*bytes, draw.signature.bytes.begin());
  TRY_ASSIGN(std::vector<JsonFields> candidates, fields.objects("candidates"));
  TRY_ASSIGN(draw.uids, read_uids(fields, "uids"));
  TRY(fields.finish());
  for (JsonFields& entry : candidates) {
    TRY_ASSIGN(const EvaluationCandidate candidate, read_candidate(entry));
    draw.candidates.push_back(candidate);
  }
  return draw;
}

}  // namespace

std::string encode_validator_state(const ValidatorState& state) {
  const Json json = JsonObject{{"next_window", state.next_window},
                               {"next_peers_from", state.next_peers_from},
                               {"peers", peers_json(state.peers)},
                               {"next_peers", peers_json(state.next_peers)},
                               {"scoreboard", encode_scoreboard(state.scoreboard)},
                               {"draw", draw_json(state.draw)}};
  return to_text(json, {.sorted = true});
}

Result<ValidatorState> parse_validator_state(ByteView bytes) {
  const auto json =
      parse_json(as_text(bytes), {.max_bytes = kMaxValidatorStateBytes, .max_depth = kMaxDepth});
  if (!json) return annotate(json.error(), "validator state");
  TRY_ASSIGN(JsonFields fields, JsonFields::of(*json, "validator state"));
  ValidatorState state;
  TRY_ASSIGN(state.next_window, fields.integer("next_window", 0));
  TRY_ASSIGN(state.next_peers_from, fields.integer("next_peers_from", 0));
  TRY_ASSIGN(state.peers, read_peers(fields, "peers"));
  TRY_ASSIGN(state.next_peers, read_peers(fields, "next_peers"));
  TRY_ASSIGN(JsonFields scoreboard, fields.object("scoreboard"));
  TRY_ASSIGN(state.draw, read_draw(fields));
  TRY(fields.finish());
  TRY_ASSIGN(state.scoreboard, read_scoreboard(std::move(scoreboard)));
  return state;
}

}  // namespace templar
