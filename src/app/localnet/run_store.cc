#include "app/localnet/run_store.h"

#include <fmt/format.h>

#include <string_view>

#include "app/terminal/stop_signal.h"
#include "app/world/open_ledger.h"

namespace templar {
namespace {

std::string with_node_name(std::string text, const std::string& name) {
  constexpr std::string_view kNode = "{node}";
  for (size_t at = text.find(kNode); at != std::string::npos; at = text.find(kNode, at + name.size()))
    text.replace(at, kNode.size(), name);
  return text;
}

}  // namespace

Status check_store_option(const OwnStoreOptions& store, bool processes, const RunSpec& spec) {
  if (store.address.empty()) return {};
  const auto address = parse_own_store(with_node_name(store.address, "node"));
  if (!address) return annotate(address.error(), "--store");
  if (is_folder(*address))
    return fatal_error("--store: an s3:// address; without it all nodes share the folder store in --out");
  if (!processes) {
    return fatal_error(
        "--store s3: needs --processes: nodes in one process live by a clock of their own, S3 by the real "
        "one");
  }
  if (spec.network.blocks_per_window >= 2) return {};
  return fatal_error(
      "--store s3: needs --set network.blocks_per_window=2 or more: a window is closed by a block "
      "within the next one");
}

Status check_ledger_option(const std::string& ledger, bool processes) {
  if (ledger.empty()) return {};
  if (!is_etcd_address(ledger))
    return fatal_error("--ledger: an etcd: address; without it the ledger is a file in --out");
  TRY_ASSIGN(const LedgerAddress one, parse_ledger_address(with_node_name(ledger, "a")));
  TRY_ASSIGN(const LedgerAddress other, parse_ledger_address(with_node_name(ledger, "b")));
  const auto& address = std::get<EtcdAddress>(one);
  if (address.prefix != std::get<EtcdAddress>(other).prefix ||
      address.endpoints != std::get<EtcdAddress>(other).endpoints)
    return fatal_error("--ledger: {node} in a host or the prefix: all nodes have one ledger");
  if (processes) return {};
  return fatal_error("--ledger etcd: needs --processes: nodes in one process share a ledger in a file");
}

std::string ledger_of_node(const std::string& ledger, const std::filesystem::path& file,
                           const std::string& name) {
  return ledger.empty() ? "sqlite:" + file.string() : with_node_name(ledger, name);
}

std::string ledger_prefix(const std::string& ledger) {
  if (ledger.empty()) return "";
  const auto address = parse_etcd_address(with_node_name(ledger, "node"));
  return address ? address->prefix : "";
}

OwnStoreOptions store_of_node(OwnStoreOptions store, const std::filesystem::path& folder, NodeRole role,
                              const std::string& name) {
  if (store.address.empty()) store.address = folder.string();
  store.is_cancelled = stop_requested;
  store.address = with_node_name(store.address, name);
  store.profile = with_node_name(store.profile, name);
  store.read_key_file = with_node_name(store.read_key_file, name);
  const auto address = parse_own_store(store.address);
  // It writes nothing, and reads where the others have registered.
  if (role == NodeRole::kEvaluator && address && !is_folder(*address))
    return {.is_cancelled = stop_requested};
  return store;
}

Status agree_on_store(const Registration& known, const std::string& wanted, const std::string& node) {
  const auto place = [](const std::string& text) -> std::string {
    if (text.empty()) return "the run's own folder";
    const auto address = parse_store_address(text);
    const auto* s3 = address ? std::get_if<S3Address>(&*address) : nullptr;
    return s3 == nullptr ? text : s3->place() + " at " + s3->endpoint.text();
  };
  // Keys and rights to read may change, and are registered anew.
  if (place(known.store) == place(wanted)) return {};
  return fatal_error(
      fmt::format("--store: the run's {} has its objects in {}, not in {}: give what it was "
                  "begun with",
                  node, place(known.store), place(wanted)));
}

}  // namespace templar
