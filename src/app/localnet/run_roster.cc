#include "app/localnet/run_roster.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "app/localnet/run_store.h"
#include "base/files/file.h"
#include "base/random.h"
#include "ports/roster.h"

namespace templar {
namespace {

constexpr const char* kOwnerName = "owner";

Status make_key(const std::filesystem::path& file, uint64_t seed, const std::string& name) {
  return is_there(file) ? Status() : localnet_key(seed, name).save(file);
}

// All validators count alike, and the first one begins the run.
Status give_stake(const LocalNode& node, const Registration* known, const OpenedLedger& ledger,
                  const PublicKey& key, uint64_t seed) {
  if (node.role != NodeRole::kValidator) return {};
  const bool is_founder = node.uid == 0;
  if (known != nullptr && known->stake == kValidatorStake && known->is_founder == is_founder) return {};
  // What a person has said of it since stays.
  if (known != nullptr && known->is_removed) return {};
  OwnerWriter owner(ledger.board(), ledger.entries(), localnet_owner(seed));
  return owner.set_standing(key, {.stake = kValidatorStake, .is_founder = is_founder});
}

}  // namespace

KeyPair localnet_key(uint64_t seed, const std::string& name) {
  Random random(seed, "key of " + name);
  std::array<uint8_t, 32> key_seed;
  for (uint8_t& byte : key_seed) byte = static_cast<uint8_t>(random.next());
  return KeyPair::from_seed(key_seed);
}

KeyPair localnet_owner(uint64_t seed) {
  return localnet_key(seed, kOwnerName);
}

// A localnet is its own owner: nobody else could say who counts in it.
Status name_owner(RunSpec& spec) {
  const std::string owner = localnet_owner(spec.seed).public_key().hex();
  if (!spec.network.owner.empty() && spec.network.owner != owner)
    return fatal_error(
        "the run spec names another owner (network.owner): a localnet is its own owner; leave "
        "it empty");
  spec.network.owner = owner;
  spec.network.owner_keeps_time = true;
  return {};
}

Status register_nodes(const LocalRun& run, const OpenedLedger& ledger) {
  TRY(make_key(run.path("keys") / "owner.key", run.spec.seed, kOwnerName));
  TRY_ASSIGN(const std::vector<Registration> roster, ledger.entries().registrations());
  for (const LocalNode& node : run.nodes) {
    if (node.role == NodeRole::kEvaluator) continue;
    TRY(make_key(node.config.key_file, run.spec.seed, node.name));
    TRY_ASSIGN(const KeyPair key, KeyPair::load(node.config.key_file));
    LedgerWriter writer(ledger.board(), ledger.entries(), key);
    TRY_ASSIGN(const auto store, NetworkStore::open(node.config.store, run.spec, ledger.entries()));
    if (const auto known = uid_of(roster, key.public_key())) {
      Registration there = *find_uid(roster, *known);
      TRY(agree_on_store(there, store->registered_address(), node.name));
      if (there.store != store->registered_address()) {
        there.store = store->registered_address();
        TRY(writer.register_node(there));
      }
      TRY(give_stake(node, &there, ledger, key.public_key(), run.spec.seed));
      continue;
    }
    TRY_ASSIGN(const uint32_t uid, writer.register_node({.role = node.role,
                                                         .key = key.public_key(),
                                                         .bucket = bucket_of(key.public_key()),
                                                         .store = store->registered_address()}));
    TRY(give_stake(node, nullptr, ledger, key.public_key(), run.spec.seed));
    if (uid != node.uid) {
      return fatal_error(
          fmt::format("{}: {} was to have uid {}, the ledger gave {}", run.ledger, node.name, node.uid, uid));
    }
  }
  return {};
}

}  // namespace templar
