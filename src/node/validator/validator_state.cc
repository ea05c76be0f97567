#include "node/validator/validator_state.h"

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

}  // namespace

std::string encode_validator_state(const ValidatorState& state) {
  const Json json = JsonObject{{"next_window", state.next_window},
                               {"next_peers_from", state.next_peers_from},
                               {"peers", peers_json(state.peers)},
                               {"next_peers", peers_json(state.next_peers)},
                               {"scoreboard", encode_scoreboard(state.scoreboard)}};
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
  TRY(fields.finish());
  TRY_ASSIGN(state.scoreboard, read_scoreboard(std::move(scoreboard)));
  return state;
}

}  // namespace templar
