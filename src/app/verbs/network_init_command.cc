// `templar network init`.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "adapters/etcd_ledger/etcd_address.h"
#include "app/network/found_network.h"
#include "app/terminal/standard_output.h"
#include "app/verbs/verbs.h"
#include "base/files/file.h"
#include "base/json/json.h"

namespace templar {
namespace {

struct InitArguments {
  FoundOptions found;
  bool as_json = false;
};

void print_thing(const FoundThing& thing) {
  print("{:<9} {:<28} {}\n", thing.is_new ? "made" : "there", thing.what, thing.where);
  flush_output();
}

void print_next_steps(const InitArguments& arguments, const FoundNetwork& network) {
  const JoinFile& file = network.join_file;
  const std::string join = network.join_path.string();
  print("\nrun {} ({}) is founded. Keep a copy of {} where nobody else gets it: nobody can make another.\n",
        run_id(file.spec).brief(), file.spec.name, (arguments.found.folder / kOwnerKeyName).string());
  const std::string places =
      std::string(file.data.empty() ? " --data ..." : "") + (file.store.empty() ? " --store 's3://...'" : "");
  if (network.has_own_validator) {
    print(
        "\nBegin the run with its first validator, on this machine:\n"
        "  templar network join {} --role validator --folder {}{}\n",
        join, (arguments.found.folder / kOwnValidatorFolder).string(), places);
  } else {
    print(
        "\nThe run begins with its first validator, whose owner calls\n"
        "  templar network join {} --role validator{}\n",
        kJoinFileName, places);
    if (file.ledger_has_users) {
      print("with --credentials and its file from {}.\n",
            (arguments.found.folder / kCredentialsFolder).string());
    }
  }
  print(
      "\nGive {} to everybody who takes part; it holds no secret. A miner calls\n"
      "  templar network join {}{}\n",
      join, kJoinFileName, places);
  if (file.ledger_has_users) {
    print(
        "and sends you its public key, which you let in with\n"
        "  templar network admit KEY --network {} --root-password-file ...\n",
        arguments.found.folder.string());
  }
  if (is_etcd_address(file.ledger) && !file.ledger_has_users) {
    print(
        "\nWhoever reaches this etcd may write rubbish over the run's entries (never forge them): once more "
        "with --root-password-file each node gets a user with rights of its own.\n");
  }
  print("\nSee how it goes: templar network status {}\n", arguments.found.folder.string());
  if (!file.data.empty() && file.data.find("://") == std::string::npos) {
    print(
        "The data set is a folder of this machine: for nodes elsewhere put it where all can read it "
        "(`templar data push`), and name that here: init once more with --data ADDRESS.\n");
  }
}

void print_found_json(const FoundNetwork& network, JsonList things) {
  JsonList validators;
  for (const PublicKey& key : network.validators) validators.emplace_back(key.hex());
  const Json json = JsonObject{{"run_id", run_id(network.join_file.spec).hex()},
                               {"owner", network.owner.hex()},
                               {"join_file", network.join_path.string()},
                               {"ledger", network.join_file.ledger},
                               {"ledger_has_users", network.join_file.ledger_has_users},
                               {"validators", std::move(validators)},
                               {"things", std::move(things)}};
  print("{}\n", to_text(json, {.indent = 2}));
}

Status init_network(const InitArguments& arguments) {
  JsonList things;
  const auto seen = [&](const FoundThing& thing) {
    if (!arguments.as_json) return print_thing(thing);
    things.emplace_back(JsonObject{{"what", thing.what}, {"where", thing.where}, {"new", thing.is_new}});
  };
  TRY_ASSIGN(const FoundNetwork network, found_network(arguments.found, seen));
  if (arguments.as_json) {
    print_found_json(network, std::move(things));
  } else {
    print_next_steps(arguments, network);
  }
  return {};
}

}  // namespace

void add_network_init_command(Verb network) {
  auto arguments = std::make_shared<InitArguments>();
  FoundOptions& found = arguments->found;
  Verb init = network.add_verb(
      "init", "Found a network: the owner's key, the run spec, the ledger, and a file to join it with",
      "Nothing that is there is overwritten: the same call once more says what there is, and makes what is "
      "missing.\n");
  init.add_options(
      {{"FOLDER", &found.folder, "Where the network's files go", {.required = true}},
       {"--spec",
        &found.spec,
        fmt::format("The run: a preset ({}) or a JSON file", fmt::join(preset_names(), ", ")),
        {.shows_default = true}},
       {"--set", &found.changes, "FIELD=VALUE, e.g. inner.steps=6; may be repeated (`templar run fields`)"},
       {"--data", &found.data,
        "Data set that all train on: a folder made by `templar data prepare`, or the address where `templar "
        "data push` put it, which nodes elsewhere need"},
       {"--ledger", &found.ledger,
        "Where the ledger is: etcd:https://HOST:2379,HOST:2379/PREFIX?ca-file=FILE, or sqlite:FILE for nodes "
        "of one machine (default: ledger.db in the folder)"},
       {"--store", &found.store,
        "A folder that all nodes share, for nodes of one machine; without it each node has a place of its "
        "own (S3), which it names when it joins"},
       {"--validator", &found.validators,
        "PUBLIC_KEY or PUBLIC_KEY=STAKE of a validator, the first one begins the run; may be repeated "
        "(default: a key that is made in the folder)"},
       {"--root-password-file", &found.root.password_file,
        "Give each node of a ledger on etcd a user, whose rights reach over its own keys alone: the password "
        "of etcd's user root, which is made if there is none. From then on the whole cluster asks for users"},
       {"--root", &found.root.user, "Another user of etcd with the role root", {.shows_default = true}},
       {"--json", &arguments->as_json, "As JSON, for scripts"}});
  init.runs([arguments] { return init_network(*arguments); });
}

}  // namespace templar
