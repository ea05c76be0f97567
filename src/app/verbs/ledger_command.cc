// `templar ledger`: the notice board of a network, for people; and its time, where no validator is to keep
// it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "app/network/network_view.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/verbs/verbs.h"
#include "app/world/node_world.h"
#include "app/world/open_ledger.h"
#include "base/back_off.h"
#include "base/json/json.h"
#include "node/validator/wall_timekeeper.h"
#include "ports/roster.h"
#include "ports/term_chain.h"

namespace templar {
namespace {

constexpr int64_t kShortestPauseMs = 5;

struct LedgerArguments {
  std::string spec, ledger;
  std::filesystem::path key_file;
  bool as_json = false;
};

OptionTable ledger_options(LedgerArguments& arguments) {
  return {{"--spec", &arguments.spec, "The run: a preset's name or a JSON file", {.required = true}},
          {"--ledger",
           &arguments.ledger,
           "The run's ledger: sqlite:FILE, or the file alone; or "
           "etcd:https://HOST:2379,HOST:2379/PREFIX?user=NAME",
           {.required = true}}};
}

// What all entries come to at this moment.
struct LedgerView {
  std::optional<Block> latest;
  std::vector<Registration> roster;
  std::vector<Heartbeat> heartbeats;
  std::vector<Term> terms;
  std::vector<Term> chain;
  std::optional<Decision> decided;  // the newest of the last term
};

Result<LedgerView> read_view(const LedgerReader& ledger, const NetworkSpec& network) {
  LedgerView view;
  TRY_ASSIGN(view.latest, ledger.latest_block());
  TRY_ASSIGN(view.roster, ledger.registrations());
  TRY_ASSIGN(view.heartbeats, ledger.heartbeats());
  TRY_ASSIGN(view.terms, ledger.terms());
  view.chain = chain_in_force(view.terms, view.heartbeats, view.roster);
  TRY_ASSIGN(view.decided, newest_decision(ledger, view.chain,
                                           view.latest ? window_of_block(network, view.latest->number) : 0));
  return view;
}

std::string leader_text(const LedgerView& view, const PublicKey& key) {
  const auto uid = uid_of(view.roster, key);
  return uid ? fmt::format("uid {}", *uid) : "key " + key.hex();
}

std::string standing_text(const Registration& node) {
  if (node.is_removed) return "removed";
  if (node.role != NodeRole::kValidator) return "";
  return fmt::format("stake {}{}", node.stake, node.is_founder ? ", founder" : "");
}

void print_view(const RunSpec& spec, const LedgerView& view) {
  print("run        {} ({})\nowner      {}\n", run_id(spec).brief(), spec.name, spec.network.owner);
  if (view.latest) {
    print("block      {}, window {}\n", view.latest->number,
          window_of_block(spec.network, view.latest->number));
  } else {
    print("block      none yet\n");
  }
  print("decided    {}\n", view.decided ? fmt::format("up to window {}, in term {}",
                                                      view.decided->record.window, view.decided->term)
                                        : "nothing yet");
  for (const Term& term : view.terms) {
    const bool in_force = std::ranges::find(view.chain, term.number, &Term::number) != view.chain.end();
    print("term {:<5} {} from window {}, root {}{}{}\n", term.number, leader_text(view, term.leader),
          term.first_window, term.state_root.brief(),
          term.ended_after ? fmt::format(", ended by the owner after window {}", *term.ended_after) : "",
          in_force ? "" : ", not in force");
  }
  print("\n{:>5}  {:<10} {:<24} {:<20} {}\n", "uid", "role", "standing", "heartbeat", "bucket");
  for (const Registration& node : view.roster) {
    const auto beat = std::ranges::find(view.heartbeats, node.uid, &Heartbeat::uid);
    print("{:>5}  {:<10} {:<24} {:<20} {}\n", node.uid, name_of(node.role), standing_text(node),
          beat == view.heartbeats.end() ? "" : fmt::format("block {}, window {}", beat->block, beat->window),
          node.bucket);
  }
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

JsonObject node_json(const Registration& node, const std::vector<Heartbeat>& heartbeats) {
  JsonObject json{{"uid", int64_t{node.uid}},  {"role", std::string(name_of(node.role))},
                  {"key", node.key.hex()},     {"bucket", node.bucket},
                  {"stake", node.stake},       {"removed", node.is_removed},
                  {"founder", node.is_founder}};
  const auto beat = std::ranges::find(heartbeats, node.uid, &Heartbeat::uid);
  if (beat == heartbeats.end()) return json;
  json.push_back({"heartbeat", JsonObject{{"block", beat->block},
                                          {"window", beat->window},
                                          {"state_root", beat->state_root.hex()},
                                          {"term", beat->term},
                                          {"software", beat->software}}});
  return json;
}

JsonObject term_json(const Term& term, const std::vector<Term>& chain) {
  return {{"number", term.number},
          {"leader", term.leader.hex()},
          {"previous", term.previous},
          {"first_window", term.first_window},
          {"state_root", term.state_root.hex()},
          {"ended_after", or_null(term.ended_after)},
          {"in_force", std::ranges::find(chain, term.number, &Term::number) != chain.end()}};
}

void print_json(const RunSpec& spec, const LedgerView& view) {
  JsonList nodes;
  for (const Registration& node : view.roster) nodes.emplace_back(node_json(node, view.heartbeats));
  JsonList terms;
  for (const Term& term : view.terms) terms.emplace_back(term_json(term, view.chain));
  const Json all = JsonObject{{"run_id", run_id(spec).hex()},
                              {"owner", spec.network.owner},
                              {"block", view.latest ? Json(view.latest->number) : Json()},
                              {"decided_window", view.decided ? Json(view.decided->record.window) : Json()},
                              {"terms", std::move(terms)},
                              {"nodes", std::move(nodes)}};
  print("{}\n", to_text(all, {.indent = 2}));
}

Status show_ledger(const LedgerArguments& arguments) {
  TRY_ASSIGN(const RunSpec spec, load_run_spec(arguments.spec));
  TRY_ASSIGN(const auto ledger, open_ledger(arguments.ledger, spec));
  TRY_ASSIGN(const LedgerView view, read_view(ledger->entries(), spec.network));
  arguments.as_json ? print_json(spec, view) : print_view(spec, view);
  TRY_ASSIGN(const LedgerAddress address, parse_ledger_address(arguments.ledger));
  const auto* etcd = std::get_if<EtcdAddress>(&address);
  if (etcd != nullptr && !arguments.as_json)
    print("keys on etcd begin with {}\n", etcd_run_prefix(*etcd, run_id(spec)));
  return {};
}

Status run_ledger(const LedgerArguments& arguments) {
  catch_stop_signals();
  TRY_ASSIGN(const RunSpec spec, load_run_spec(arguments.spec));
  TRY_ASSIGN(const KeyPair key, KeyPair::load(arguments.key_file));
  TRY_ASSIGN(const auto ledger,
             open_ledger(arguments.ledger, spec, {.may_create = true, .is_cancelled = stop_requested}));
  Timekeeper timekeeper(ledger->board(), ledger->entries(), key);
  const SystemClock wall;
  const SteadyClock steady;
  WallTimekeeper keeper(timekeeper, ledger->entries(), spec.network, key.public_key(), wall, steady);
  print("run {}: a block every {} s while no validator makes them; Ctrl-C ends it\n", run_id(spec).brief(),
        spec.network.block_seconds);
  flush_output();
  BackOff back_off({});
  while (!stop_requested()) {
    const auto pause_ms = keeper.advance();
    if (pause_ms) back_off.succeed();
    if (!pause_ms && pause_ms.error().kind == ErrorKind::kFatal) return std::unexpected(pause_ms.error());
    if (!pause_ms) tell("will try again: " + pause_ms.error().message);
    pause_unless_stopped(pause_ms ? std::chrono::milliseconds(std::max(*pause_ms, kShortestPauseMs))
                                  : back_off.next_pause());
  }
  return {};
}

}  // namespace

void add_ledger_command(Verb program) {
  Verb ledger = program.add_verb("ledger", "Show a run's ledger, and keep its time");

  auto shown = std::make_shared<LedgerArguments>();
  Verb show = ledger.add_verb(
      "show", "Who takes part, with what stake; who leads, in which term; how far the run is decided");
  show.add_options(ledger_options(*shown));
  show.add_options({{"--json", &shown->as_json, "As JSON, for scripts"}});
  show.runs([shown] { return show_ledger(*shown); });

  auto kept = std::make_shared<LedgerArguments>();
  Verb run = ledger.add_verb(
      "run",
      "Make the ledger if there is none, and keep its time where no validator does: a block every "
      "network.block_seconds",
      "Started before any validator it makes the first block, and keeps the time as long as it runs; started "
      "later it stands ready, behind all validators. They take over where it ends, unless "
      "network.owner_keeps_time says that the time is the owner's.\n");
  run.add_options(ledger_options(*kept));
  run.add_options({{"--key",
                    &kept->key_file,
                    "Key file of the owner, or of a validator with stake",
                    {.required = true}}});
  run.runs([kept] {
    const int outcome = exit_code_of([&] { return run_ledger(*kept); });
    // Ctrl-C is how this verb ends.
    return outcome == kInterruptedExitCode ? 0 : outcome;
  });
}

}  // namespace templar
