#include "node/validator/validator_state.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

namespace templar {
namespace {

using Json = nlohmann::json;

Json peers_json(const PeerSelection& peers) {
  return {{"gather", peers.gather}, {"reserve", peers.reserve}};
}

constexpr std::array<std::string_view, 5> kFields{"next_window", "next_peers_from", "peers", "next_peers",
                                                  "scoreboard"};

Result<int64_t> read_window(const Json& json, const char* field) {
  if (!json.contains(field) || !json.at(field).is_number_unsigned() ||
      json.at(field).get<uint64_t>() > INT64_MAX) {
    return fatal_error(std::string("validator state: ") + field + ": missing or not a window");
  }
  return json.at(field).get<int64_t>();
}

// nlohmann writes by recursion: what is nested deeper than any state would exhaust the stack.
constexpr int kMaxDepth = 16;

Result<std::vector<uint32_t>> read_uids(const Json& json, const std::string& list, const char* field) {
  const auto wrong = [&] {
    return fatal_error("validator state: " + list + "." + field + ": must be a list of uids");
  };
  if (!json.contains(list) || !json.at(list).is_object() || !json.at(list).contains(field)) return wrong();
  const Json& values = json.at(list).at(field);
  if (!values.is_array()) return wrong();
  std::vector<uint32_t> uids;
  for (const Json& value : values) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > UINT32_MAX) return wrong();
    uids.push_back(value.get<uint32_t>());
  }
  return uids;
}

Result<PeerSelection> read_peers(const Json& json, const std::string& list) {
  PeerSelection peers;
  TRY_ASSIGN(peers.gather, read_uids(json, list, "gather"));
  TRY_ASSIGN(peers.reserve, read_uids(json, list, "reserve"));
  if (json.at(list).size() != 2)
    return fatal_error("validator state: " + list + ": must have gather and reserve alone");
  return peers;
}

}  // namespace

std::string encode_validator_state(const ValidatorState& state) {
  const Json json = {{"next_window", state.next_window},
                     {"next_peers_from", state.next_peers_from},
                     {"peers", peers_json(state.peers)},
                     {"next_peers", peers_json(state.next_peers)},
                     {"scoreboard", Json::parse(encode_scoreboard(state.scoreboard))}};
  return json.dump();
}

Result<ValidatorState> parse_validator_state(ByteView bytes) {
  bool too_deep = false;
  const auto watch_depth = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  const Json json = Json::parse(bytes.begin(), bytes.end(), watch_depth, false);
  if (too_deep) return fatal_error("validator state: nested too deeply");
  if (json.is_discarded() || !json.is_object()) return fatal_error("validator state: not a JSON object");
  for (const auto& [field, value] : json.items()) {
    if (std::ranges::find(kFields, field) == kFields.end())
      return fatal_error("validator state: " + field + ": unknown field");
  }
  ValidatorState state;
  TRY_ASSIGN(state.next_window, read_window(json, "next_window"));
  TRY_ASSIGN(state.next_peers_from, read_window(json, "next_peers_from"));
  TRY_ASSIGN(state.peers, read_peers(json, "peers"));
  TRY_ASSIGN(state.next_peers, read_peers(json, "next_peers"));
  if (!json.contains("scoreboard")) return fatal_error("validator state: scoreboard: missing");
  const std::string scoreboard = json.at("scoreboard").dump();
  TRY_ASSIGN(state.scoreboard, parse_scoreboard(as_bytes(scoreboard)));
  return state;
}

}  // namespace templar
