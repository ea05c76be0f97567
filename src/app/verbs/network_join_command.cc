// `templar network join`.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/network/found_network.h"
#include "app/network/node_folder.h"
#include "app/network/service_unit.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/verbs/verbs.h"
#include "base/files/file.h"

namespace templar {
namespace {

constexpr auto kPauseBetweenLooks = std::chrono::seconds(2);

struct JoinArguments {
  JoinOptions join;
  std::string role = "miner";
  std::optional<int64_t> until_window;
  bool writes_service = false;
  bool only_prepares = false;
  bool skips_checks = false;
  bool never_waits = false;
};

NodeRole role_of(const std::string& name) {
  if (name == name_of(NodeRole::kValidator)) return NodeRole::kValidator;
  return name == name_of(NodeRole::kEvaluator) ? NodeRole::kEvaluator : NodeRole::kMiner;
}

// What this node waits for, and who can do something about it; said once.
Status wait_or_end(const JoinArguments& arguments, const std::string& reason, std::string& said) {
  if (arguments.never_waits) return fatal_error(reason);
  if (said != reason) print("{}\nWaiting for it; Ctrl-C ends this, and the same command goes on.\n", reason);
  said = reason;
  flush_output();
  pause_unless_stopped(kPauseBetweenLooks);
  return {};
}

std::string credentials_wanted(const JoinArguments& arguments, const PublicKey& key) {
  return fmt::format(
      "This network's ledger knows its users, and this node is none yet. Send its public key to the "
      "owner:\n  {0}\nwho lets it in with\n  templar network admit {0} --role {1} --network ... "
      "--root-password-file ...\nand sends you a file; put it to {2}, or name it with --credentials.",
      key.hex(), arguments.role, (arguments.join.folder / kCredentialsName).string());
}

// nullopt: interrupted.
Result<std::optional<NodeFolder>> folder_with_credentials(const JoinArguments& arguments) {
  for (std::string said; !stop_requested();) {
    PublicKey key;
    TRY_ASSIGN(std::optional<NodeFolder> node, prepare_node_folder(arguments.join, key));
    if (node) return node;
    TRY(wait_or_end(arguments, credentials_wanted(arguments, key), said));
  }
  return std::nullopt;
}

// False: interrupted.
Result<bool> wait_for_admission(const JoinArguments& arguments, const NodeFolder& node) {
  for (std::string said; !stop_requested();) {
    const auto admission = admission_of(node, arguments.join.role, stop_requested);
    if (!admission && admission.error().kind == ErrorKind::kFatal) return std::unexpected(admission.error());
    if (!admission) {
      TRY(wait_or_end(arguments, "The ledger can't be asked: " + admission.error().message, said));
      continue;
    }
    if (*admission == Admission::kRemoved) {
      TRY(wait_or_end(arguments,
                      fmt::format("The owner has removed this node. Ask for\n  templar network admit {} "
                                  "--network ...",
                                  node.key.hex()),
                      said));
      continue;
    }
    if (*admission == Admission::kWithoutStake) {
      print(
          "This validator has no stake yet: it judges and follows, and leads nothing. The owner gives it "
          "some with\n  templar network stake {} 1 --network ...\n",
          node.key.hex());
    }
    return true;
  }
  return false;
}

Status write_service(const JoinArguments& arguments, const NodeFolder& node) {
  TRY_ASSIGN(const WrittenService service,
             write_service_unit(arguments.join.role, node, arguments.join.folder));
  print("{}\nstart it now and at each boot:\n  {}\nits log:\n  journalctl --unit {} --follow\n",
        service.unit_file.empty() ? "" : "written: " + service.unit_file.string(), service.start_command,
        service.name);
  return {};
}

// The exit code; an error is told by who called.
Result<int> join_network(const JoinArguments& arguments, const RunArguments& run_arguments) {
  catch_stop_signals();
  TRY_ASSIGN(const std::optional<NodeFolder> node, folder_with_credentials(arguments));
  if (!node) return kInterruptedExitCode;
  TRY_ASSIGN(const bool is_admitted, wait_for_admission(arguments, *node));
  if (!is_admitted) return kInterruptedExitCode;
  print("{} {} of run {}, in {}\n", arguments.role, node->key.hex(), run_id(node->network.spec).brief(),
        arguments.join.folder.string());
  flush_output();
  const std::string config = node->config_file.string();
  if (!arguments.skips_checks) {
    const int outcome = run_arguments({"doctor", arguments.role, "--config", config});
    if (outcome != 0) {
      if (outcome != kInterruptedExitCode)
        tell("mend what FAILED and call the same once more (--skip-checks goes on all the same)\n");
      return outcome;
    }
  }
  if (arguments.writes_service) {
    TRY(write_service(arguments, *node));
    return 0;
  }
  std::vector<std::string> verb = {arguments.role, "--config", config};
  if (arguments.only_prepares) {
    print("run it with: templar {} --config {}\n", arguments.role, config);
    return 0;
  }
  if (arguments.until_window)
    verb.insert(verb.end(), {"--until-window", std::to_string(*arguments.until_window)});
  return run_arguments(verb);
}

}  // namespace

void add_network_join_command(Verb network, const RunArguments& run_arguments) {
  auto arguments = std::make_shared<JoinArguments>();
  JoinOptions& join = arguments->join;
  Verb verb = network.add_verb(
      "join", "Join a network by its join file: key, checks, registration, then run the node here",
      "Ctrl-C ends the node cleanly, and the same command goes on with it. Its folder holds its key (keep a "
      "copy), node.toml (its options; more may be added there) and its state. Exit codes: those of the "
      "node's own verb (`templar miner --help`); 1 also where a check FAILED.\n");
  verb.add_options(
      {{"FILE", &join.join_file, "The join file, network.json, that the owner gives", {.required = true}},
       {"--role",
        &arguments->role,
        "What the node does",
        {.allowed = OneOf{{"miner", "validator", "evaluator"}}, .shows_default = true}},
       {"--folder", &join.folder, "The node's own folder (default: templar-ROLE)"},
       {"--credentials", &join.credentials,
        "The file that the owner has sent, where the ledger knows its users (kept in the folder)"},
       {"--data", &join.data, "Data set, where the join file names none or another copy is nearer"},
       {"--store", &join.store,
        "This node's own object store, where the join file names none: "
        "s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION"},
       {"--store-profile", &join.store_profile, "Profile of ~/.aws/credentials whose keys write there"},
       {"--read-key-file", &join.read_key_file,
        "ID:SECRET of a key that may only read there; without it the bucket must be public"},
       {"--threads",
        &join.threads,
        "Threads that the node computes with (default: as many as there are processors)",
        {.allowed = IntegerRange{1, 1024}}},
       {"--until-window",
        &arguments->until_window,
        "End once the model is the start of this window",
        {.allowed = ZeroOrMore{}}},
       {"--service", &arguments->writes_service,
        "Write a systemd unit instead of running the node, and say how to start it"},
       {"--prepare", &arguments->only_prepares, "Everything but running the node"},
       {"--skip-checks", &arguments->skips_checks, "Don't look first at what the node needs"},
       {"--no-wait", &arguments->never_waits, "Fail where the owner has to do something first"}});
  verb.runs([arguments, run_arguments]() -> int {
    arguments->join.role = role_of(arguments->role);
    if (arguments->join.folder.empty()) arguments->join.folder = "templar-" + arguments->role;
    int outcome = 0;
    const int code = exit_code_of([&]() -> Status {
      TRY_ASSIGN(outcome, join_network(*arguments, run_arguments));
      return {};
    });
    return outcome != 0 ? outcome : code;
  });
}

}  // namespace templar
