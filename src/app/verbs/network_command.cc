// `templar network`: founding and joining a network, looking at it, and what only its owner may say.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/network/found_network.h"
#include "app/network/ledger_access.h"
#include "app/terminal/standard_output.h"
#include "app/verbs/verbs.h"
#include "app/world/node_world.h"
#include "app/world/open_ledger.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "ports/roster.h"

namespace templar {
namespace {

struct OwnerArguments {
  std::filesystem::path network;
  std::string spec, ledger;
  std::filesystem::path key_file;
  LedgerRoot root;
  bool as_json = false;
  std::string node;
  std::string role = "miner";
  double amount = 0;
  bool is_founder = false;
  int64_t term = 0;
  std::optional<int64_t> after;
  std::vector<std::string> changes;
  std::string from;
  bool anyway = false;
};

OptionTable owner_options(OwnerArguments& arguments) {
  return {{"--network", &arguments.network,
           "The folder that `templar network init` made, with the owner's key (or its join file)"},
          {"--spec", &arguments.spec, "Instead of --network: the run, a preset's name or a JSON file"},
          {"--ledger", &arguments.ledger,
           "Instead of --network: the run's ledger, sqlite:FILE, or the file alone; or "
           "etcd:https://HOST:2379,HOST:2379/PREFIX?user=NAME"},
          {"--key", &arguments.key_file, "The owner's key file (default: owner.key beside the join file)"},
          {"--json", &arguments.as_json, "As JSON, for scripts"}};
}

OptionTable root_options(OwnerArguments& arguments) {
  return {
      {"--root-password-file", &arguments.root.password_file,
       "Password of etcd's user root, where the ledger has users"},
      {"--root", &arguments.root.user, "Another user of etcd with the role root", {.shows_default = true}}};
}

// The network, its ledger with the owner's rights, and the owner's word.
struct OwnersSeat {
  JoinFile file;
  std::filesystem::path folder;  // empty: the network was named by --spec and --ledger
  KeyPair key;
  std::shared_ptr<OpenedLedger> ledger;

  [[nodiscard]] OwnerWriter writer() const { return {ledger->board(), ledger->entries(), key}; }
};

Result<OwnersSeat> take_seat(const OwnerArguments& arguments) {
  const bool is_named = !arguments.spec.empty() && !arguments.ledger.empty();
  if (arguments.network.empty() && !is_named) {
    return fatal_error(
        "--network FOLDER is wanted, the folder that `templar network init` made (or --spec and --ledger)");
  }
  JoinFile file;
  std::filesystem::path folder;
  std::string address = arguments.ledger;
  if (is_named) {
    TRY_ASSIGN(file.spec, load_run_spec(arguments.spec));
  } else {
    TRY_ASSIGN(file, read_join_file(arguments.network));
    std::error_code ignored;
    folder = std::filesystem::is_directory(arguments.network, ignored)
                 ? arguments.network
                 : absolute_path(arguments.network).parent_path();
    address = ledger_address(file, folder, file.ledger_has_users ? owner_user(run_id(file.spec)) : "");
  }
  if (arguments.key_file.empty() && folder.empty())
    return fatal_error("--key FILE is wanted: the owner's key file, see `templar key`");
  TRY_ASSIGN(KeyPair key,
             KeyPair::load(arguments.key_file.empty() ? folder / kOwnerKeyName : arguments.key_file));
  TRY_ASSIGN(auto ledger, open_ledger(address, file.spec, {.may_create = is_named}));
  return OwnersSeat{std::move(file), std::move(folder), std::move(key), std::move(ledger)};
}

// A uid, or a public key in hexadecimal digits: also of a node that has not registered yet.
Result<PublicKey> find_node(const LedgerReader& ledger, const std::string& node) {
  if (node.size() == 2 * sizeof(PublicKey)) return parse_public_key(node);
  TRY_ASSIGN(const std::vector<Registration> roster, ledger.registrations());
  for (const Registration& registered : roster) {
    if (std::to_string(registered.uid) == node) return registered.key;
  }
  return fatal_error("node " + node +
                     ": neither a uid on the ledger nor a public key (`templar network status` lists nodes)");
}

// What the owner has said of that key so far: nothing is a node that is admitted and has no stake.
Result<OwnerWriter::Standing> standing_of(const SignedLedger& ledger, const PublicKey& subject) {
  TRY_ASSIGN(const auto standings, ledger.standings());
  const auto known = standings.find(subject);
  if (known == standings.end()) return OwnerWriter::Standing{};
  return OwnerWriter::Standing{.stake = known->second.stake,
                               .is_removed = !known->second.is_admitted,
                               .is_founder = known->second.is_founder};
}

void print_standing(const OwnerArguments& arguments, const PublicKey& subject,
                    const OwnerWriter::Standing& standing, const std::filesystem::path& credentials = {}) {
  if (arguments.as_json) {
    JsonObject json{{"key", subject.hex()},
                    {"stake", standing.stake},
                    {"removed", standing.is_removed},
                    {"founder", standing.is_founder}};
    if (!credentials.empty()) json.push_back({"credentials", credentials.string()});
    return print("{}\n", to_text(json, {.indent = 2}));
  }
  print("key {}: {}{}\n", subject.hex(),
        standing.is_removed ? "removed" : fmt::format("stake {}", standing.stake),
        standing.is_founder ? ", founder" : "");
}

Status give_stake(const OwnerArguments& arguments) {
  TRY_ASSIGN(const OwnersSeat seat, take_seat(arguments));
  TRY_ASSIGN(const PublicKey subject, find_node(seat.ledger->entries(), arguments.node));
  TRY_ASSIGN(OwnerWriter::Standing standing, standing_of(seat.ledger->entries(), subject));
  standing.stake = arguments.amount;
  standing.is_removed = false;
  standing.is_founder = standing.is_founder || arguments.is_founder;
  TRY(seat.writer().set_standing(subject, standing));
  print_standing(arguments, subject, standing);
  return {};
}

// The administration of the ledger's users; nullopt where it has none.
Result<std::optional<LedgerAccess>> access_of(const OwnersSeat& seat, const LedgerRoot& root) {
  if (!seat.file.ledger_has_users) return std::nullopt;
  TRY_ASSIGN(const LedgerAddress address, parse_ledger_address(ledger_address(seat.file, seat.folder, "")));
  TRY_ASSIGN(LedgerAccess access,
             LedgerAccess::open(std::get<EtcdAddress>(address), run_id(seat.file.spec), root));
  return std::optional(std::move(access));
}

Result<NodeRole> role_named(const std::string& name) {
  for (const NodeRole role : {NodeRole::kMiner, NodeRole::kValidator, NodeRole::kEvaluator}) {
    if (name == name_of(role)) return role;
  }
  return fatal_error("--role " + name + ": miner, validator or evaluator");
}

Status admit_node(const OwnerArguments& arguments) {
  TRY_ASSIGN(const NodeRole role, role_named(arguments.role));
  TRY_ASSIGN(const OwnersSeat seat, take_seat(arguments));
  TRY_ASSIGN(const PublicKey subject, find_node(seat.ledger->entries(), arguments.node));
  TRY_ASSIGN(OwnerWriter::Standing standing, standing_of(seat.ledger->entries(), subject));
  const bool was_removed = std::exchange(standing.is_removed, false);
  // First what it can write, then what counts: a node that waits for the word finds its user.
  TRY_ASSIGN(const auto access, access_of(seat, arguments.root));
  std::filesystem::path credentials;
  if (access) {
    TRY_ASSIGN(const std::vector<Registration> roster, seat.ledger->entries().registrations());
    TRY(write_credentials(*access, seat.folder, subject, role, roster));
    credentials = credentials_path(seat.folder, subject);
  }
  if (was_removed) TRY(seat.writer().set_standing(subject, standing));
  print_standing(arguments, subject, standing, credentials);
  if (arguments.as_json) return {};
  if (access) {
    print(
        "credentials {}: send this file, and nobody else may see it; there `templar network join ... "
        "--credentials FILE` takes it\n",
        credentials.string());
  } else if (!was_removed) {
    print("nothing to do: this ledger has no users, so whoever has the join file may register\n");
  }
  return {};
}

Status remove_node(const OwnerArguments& arguments) {
  TRY_ASSIGN(const OwnersSeat seat, take_seat(arguments));
  TRY_ASSIGN(const PublicKey subject, find_node(seat.ledger->entries(), arguments.node));
  TRY_ASSIGN(OwnerWriter::Standing standing, standing_of(seat.ledger->entries(), subject));
  standing.stake = 0;
  standing.is_removed = true;
  TRY(seat.writer().set_standing(subject, standing));
  // With the owner's word nobody heeds it any more; its user is another matter, and may stay.
  if (!arguments.root.password_file.empty()) {
    TRY_ASSIGN(const auto access, access_of(seat, arguments.root));
    if (access) TRY(access->dismiss_node(subject));
    std::error_code ignored;
    std::filesystem::remove(credentials_path(seat.folder, subject), ignored);
  }
  print_standing(arguments, subject, standing);
  return {};
}

Status say_term_end(const OwnerArguments& arguments) {
  TRY_ASSIGN(const OwnersSeat seat, take_seat(arguments));
  TRY(seat.writer().end_term(arguments.term, arguments.after));
  TRY_ASSIGN(const std::vector<Term> terms, seat.ledger->entries().terms());
  const auto ended = std::ranges::find(terms, arguments.term, &Term::number);
  const int64_t last = ended == terms.end() ? -1 : ended->ended_after.value_or(-1);
  if (arguments.as_json) {
    print("{}\n", to_text(JsonObject{{"term", arguments.term}, {"last_window", last}}, {.indent = 2}));
  } else {
    print("term {} ends after window {}\n", arguments.term, last);
  }
  return {};
}

// Nodes that have started with a program that knows no amendments: they could not go on at the window.
Status check_programs(const SignedLedger& ledger) {
  TRY_ASSIGN(const std::vector<Registration> roster, ledger.registrations());
  TRY_ASSIGN(const std::vector<NodeStart> starts, ledger.starts());
  std::string old;
  for (const NodeStart& start : starts) {
    const Registration* node = find_uid(roster, start.uid);
    if (node == nullptr || node->is_removed || start.protocol.newest >= kAmendmentProtocol) continue;
    old += fmt::format("{}{} ({})", old.empty() ? "" : ", ", start.uid, start.software);
  }
  if (old.empty()) return {};
  return fatal_error(fmt::format(
      "nodes work with a program that knows no amendments, and could not go on at the window: uid {}. Update "
      "them first, remove those that are gone (templar network remove UID), or say --anyway",
      old));
}

constexpr int64_t kFarAheadWindows = 10'000;
constexpr int64_t kLastAmendedWindow = int64_t{1} << 32;

// The window that --from means.
Result<int64_t> window_to_amend(const OwnerArguments& arguments, const OwnersSeat& seat,
                                const std::vector<Amendment>& amendments) {
  TRY_ASSIGN(const std::optional<Block> latest, seat.ledger->entries().latest_block());
  const NetworkSpec& network = seat.file.spec.network;
  const int64_t least =
      std::max(first_amendable_window(network, latest ? std::optional(latest->number) : std::nullopt),
               amendments.empty() ? 0 : amendments.back().first_window);
  if (arguments.from == "next") return least;
  int64_t window = 0;
  const char* end = arguments.from.data() + arguments.from.size();
  const auto [read, error] = std::from_chars(arguments.from.data(), end, window);
  if (error != std::errc() || read != end)
    return fatal_error("--from " + arguments.from + ": a window's number, or next");
  // None may begin before one that is there, so a slip of the finger would shut out all others for long.
  if (window > least && window - least > kFarAheadWindows && !arguments.anyway) {
    return fatal_error(
        fmt::format("--from {}: {} is the earliest, and nothing could be amended between; is that meant? "
                    "Then say --anyway",
                    window, least));
  }
  if (window > kLastAmendedWindow)
    return fatal_error(fmt::format("--from {}: {} is the last", window, kLastAmendedWindow));
  if (window >= least) return window;
  if (!amendments.empty() && amendments.back().first_window == least)
    return fatal_error(
        fmt::format("--from {}: amendment {} begins in window {}, and none may begin before the "
                    "one before it: {} is the earliest (--from next)",
                    window, amendments.back().number, least, least));
  if (!latest)
    return fatal_error(
        fmt::format("--from {}: the earliest is window 1 (--from next); what holds from the "
                    "beginning on `templar network init --set` says",
                    window));
  return fatal_error(fmt::format(
      "--from {}: too late: all nodes must read it before the window before begins, and window {} "
      "is going on; {} is the earliest (--from next)",
      window, least - 2, least));
}

void print_amendment(const OwnerArguments& arguments, const Amendment& amendment) {
  if (arguments.as_json) {
    return print("{}\n", to_text(JsonObject{{"number", amendment.number},
                                            {"first_window", amendment.first_window},
                                            {"before_block", amendment.before_block},
                                            {"changes", amendment.changes},
                                            {"hash", amendment.hash.hex()}},
                                 {.indent = 2}));
  }
  const std::string changes = fmt::format("{}", fmt::join(amendment.changes, ", "));
  print("amendment {} from window {} on: {}\n", amendment.number, amendment.first_window, changes);
}

Status amend_run(const OwnerArguments& arguments) {
  TRY_ASSIGN(const std::vector<FieldChange> changes, parse_changes(arguments.changes));
  TRY_ASSIGN(const OwnersSeat seat, take_seat(arguments));
  const SignedLedger& ledger = seat.ledger->entries();
  if (!arguments.anyway) TRY(check_programs(ledger));
  // A block may be made between looking and writing: then the next window is another.
  for (int attempt = 0;; ++attempt) {
    TRY_ASSIGN(const std::vector<Amendment> amendments, ledger.amendments());
    TRY_ASSIGN(const int64_t window, window_to_amend(arguments, seat, amendments));
    TRY_ASSIGN(const RunSpec before, spec_in_force(seat.file.spec, amendments, window));
    TRY_ASSIGN(const std::vector<std::string> canonical, canonical_changes(before, changes));
    const auto made = seat.writer().amend(window, amendment_deadline(before.network, window), canonical);
    const bool may_pass = !made && made.error().kind != ErrorKind::kFatal && attempt < 5;
    if (may_pass) {
      // Where the answer was lost, it may be there all the same.
      TRY_ASSIGN(const std::vector<Amendment> now, ledger.amendments());
      const bool is_there = now.size() > amendments.size() && now.back().first_window == window &&
                            now.back().changes == canonical;
      if (is_there) {
        print_amendment(arguments, now.back());
        return {};
      }
      if (arguments.from == "next") continue;
    }
    TRY(made);
    print_amendment(arguments, *made);
    return {};
  }
}

Option node_argument(OwnerArguments& arguments) {
  return {"NODE", &arguments.node, "Its uid, or its public key", {.required = true}};
}

void add_standing_verbs(Verb network) {
  auto stake = std::make_shared<OwnerArguments>();
  Verb give = network.add_verb("stake", "Say how much a validator counts; one without stake leads nothing");
  give.add_options({node_argument(*stake),
                    {"AMOUNT", &stake->amount, "Its stake", {.allowed = ZeroOrMore{}, .required = true}}});
  give.add_options(owner_options(*stake));
  give.add_options({{"--founder", &stake->is_founder, "It may begin the run"}});
  give.runs([stake] { return give_stake(*stake); });

  auto admitted = std::make_shared<OwnerArguments>();
  Verb admit = network.add_verb(
      "admit", "Let a node take part: give it rights on a ledger with users, or take back its removal",
      "Where the ledger has users, the node's credentials are written into the folder credentials/ beside "
      "the join file; called once more for the same node, it completes them. Then send that file to the "
      "node's machine.\n");
  admit.add_options({node_argument(*admitted)});
  admit.add_options(owner_options(*admitted));
  admit.add_options({{"--role",
                      &admitted->role,
                      "What it will be",
                      {.allowed = OneOf{{"miner", "validator", "evaluator"}}, .shows_default = true}}});
  admit.add_options(root_options(*admitted));
  admit.runs([admitted] { return admit_node(*admitted); });

  auto removed = std::make_shared<OwnerArguments>();
  Verb remove =
      network.add_verb("remove", "Remove a node: nobody gathers from it, and it leads nothing more",
                       "With --root-password-file its user of the ledger goes, too. `templar network admit` "
                       "takes it back.\n");
  remove.add_options({node_argument(*removed)});
  remove.add_options(owner_options(*removed));
  remove.add_options(root_options(*removed));
  remove.runs([removed] { return remove_node(*removed); });
}

}  // namespace

void add_network_command(Verb program, const RunArguments& run_arguments) {
  Verb network =
      program.add_verb("network", "Found a network, join one, look at one, and say who counts in it");
  add_network_init_command(network);
  add_network_join_command(network, run_arguments);
  add_network_status_command(network);
  add_standing_verbs(network);

  auto amended = std::make_shared<OwnerArguments>();
  Verb amend = network.add_verb(
      "amend", "Change the run spec from a window on: all nodes take it there, without a restart",
      "Rates and counts, not shapes: `templar run fields` says of each field whether it can be amended. The "
      "run's id stays. Nothing is taken back; another amendment sets a field back. `templar network status` "
      "shows what is in force.\n");
  amend.add_options(
      {{"--set",
        &amended->changes,
        "FIELD=VALUE, e.g. inner.learning_rate=0.0001; may be repeated",
        {.required = true}},
       {"--from",
        &amended->from,
        "The first window that it holds for, at least two after the one that goes on; or next, the earliest",
        {.required = true}}});
  amend.add_options(owner_options(*amended));
  amend.add_options(
      {{"--anyway", &amended->anyway, "Also where nodes work with a program that knows no amendments"}});
  amend.runs([amended] { return amend_run(*amended); });

  auto ended = std::make_shared<OwnerArguments>();
  Verb end = network.add_verb(
      "end-term", "End a leader's term after what it has decided: the next validator begins another");
  end.add_options({{"TERM", &ended->term, "Its number", {.allowed = ZeroOrMore{}, .required = true}}});
  end.add_options(owner_options(*ended));
  end.add_options({{"--after",
                    &ended->after,
                    "The last window that it decides: what it has decided of later ones is taken back",
                    {.allowed = ZeroOrMore{}}}});
  end.runs([ended] { return say_term_end(*ended); });
}

}  // namespace templar
