// `templar network status`.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "app/command_line/config_file.h"
#include "app/network/found_network.h"
#include "app/network/ledger_access.h"
#include "app/network/network_view.h"
#include "app/network/node_folder.h"
#include "app/terminal/printable.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/verbs/verbs.h"
#include "app/world/network_store.h"
#include "app/world/node_world.h"
#include "app/world/open_ledger.h"
#include "base/files/file.h"

namespace templar {
namespace {

struct StatusArguments {
  std::filesystem::path network;
  std::string spec, ledger, store;
  bool as_json = false;
};

// Where to look, and as whom.
struct StatusPlace {
  RunSpec spec;
  std::string ledger;
  std::string store;  // the folder that all share; empty: each node says where its own is
};

Result<std::string> text_in(const std::vector<ConfigEntry>& entries, const std::string& name) {
  const auto entry = std::ranges::find(entries, name, &ConfigEntry::name);
  if (entry == entries.end() || entry->values.empty()) return "";
  const auto* text = std::get_if<std::string>(&entry->values[0]);
  return text == nullptr ? "" : *text;
}

// A node's own folder: it looks at the network as that node does.
Result<StatusPlace> place_of_node(const std::filesystem::path& config) {
  TRY_ASSIGN(const std::vector<ConfigEntry> entries, read_config_file(config));
  StatusPlace place;
  TRY_ASSIGN(const std::string spec, text_in(entries, "spec"));
  TRY_ASSIGN(place.spec, load_run_spec(spec));
  TRY_ASSIGN(place.ledger, text_in(entries, "ledger"));
  TRY_ASSIGN(const std::string store, text_in(entries, "store"));
  if (store.empty()) return place;
  TRY_ASSIGN(const StoreAddress address, parse_own_store(store));
  if (is_folder(address)) place.store = store;
  return place;
}

Result<StatusPlace> place_of(const StatusArguments& arguments) {
  if (!arguments.spec.empty() && !arguments.ledger.empty()) {
    TRY_ASSIGN(RunSpec spec, load_run_spec(arguments.spec));
    return StatusPlace{.spec = std::move(spec), .ledger = arguments.ledger, .store = arguments.store};
  }
  if (arguments.network.empty())
    return fatal_error(
        "name the network: its folder, its join file, or the folder of a node of it (or --spec and "
        "--ledger)");
  std::error_code ignored;
  const bool is_a_folder = std::filesystem::is_directory(arguments.network, ignored);
  if (is_a_folder && is_there(arguments.network / kNodeConfigName))
    return place_of_node(arguments.network / kNodeConfigName);
  TRY_ASSIGN(JoinFile file, read_join_file(arguments.network));
  const std::filesystem::path folder =
      is_a_folder ? arguments.network : absolute_path(arguments.network).parent_path();
  if (file.ledger_has_users && !is_there(folder / kLedgerPasswordName)) {
    return fatal_error(
        fmt::format("the ledger of {} has users: name the folder of a node that has joined "
                    "(`templar network status FOLDER`)",
                    arguments.network.string()));
  }
  const std::string user = file.ledger_has_users ? owner_user(run_id(file.spec)) : "";
  return StatusPlace{.spec = file.spec,
                     .ledger = ledger_address(file, folder, user),
                     .store = arguments.store.empty() ? file.store : arguments.store};
}

Result<Ending> show_status(const StatusArguments& arguments) {
  catch_stop_signals();
  TRY_ASSIGN(const StatusPlace place, place_of(arguments));
  TRY_ASSIGN(const auto ledger, open_ledger(place.ledger, place.spec, {.is_cancelled = stop_requested}));
  TRY_ASSIGN(const auto stores, NetworkStore::open({.address = place.store, .is_cancelled = stop_requested},
                                                   place.spec, ledger->entries()));
  TRY_ASSIGN(const NetworkView view,
             read_network(place.spec, ledger->entries(), stores->all(), SystemClock().now_ms()));
  print("{}\n", arguments.as_json ? network_json(view) : printable(network_text(view)));
  return view.alarms.empty() ? Ending::kDone : Ending::kAlarmStands;
}

}  // namespace

void add_network_status_command(Verb network) {
  auto arguments = std::make_shared<StatusArguments>();
  Verb status = network.add_verb(
      "status", "Who takes part, alive and in sync or not, since when, with what verdicts and versions",
      "Reads the ledger and the names of what lies in the nodes' buckets; writes nothing. Exit codes: 0 all "
      "is well; 3 an alarm stands; 1 it can't be read.\n");
  status.add_options({{"NETWORK", &arguments->network,
                       "The network's folder, its join file, or the folder of a node that has joined"},
                      {"--spec", &arguments->spec, "Instead: the run, a preset's name or a JSON file"},
                      {"--ledger", &arguments->ledger, "And its ledger's address"},
                      {"--store", &arguments->store, "And the folder that all nodes share, if there is one"},
                      {"--json", &arguments->as_json, "As JSON, for scripts"}});
  status.runs([arguments] { return show_status(*arguments); });
}

}  // namespace templar
