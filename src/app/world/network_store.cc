#include "app/world/network_store.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "adapters/file_store/file_object_store.h"
#include "base/files/file.h"
#include "base/threads/mutex.h"
#include "ports/ledger_clock.h"
#include "ports/registered_stores.h"

namespace templar {
namespace {

constexpr size_t kMaxReadKeyBytes = 1024;
// A peer's store that does not answer is asked a few times, and then counts as away: others wait.
constexpr int kPeerRetries = 2;

// The nodes of a process share the readers of their peers, each with its connections.
Result<RegisteredStores::SharedReader> peer_reader(const std::string& text, const PeerAddressRules& rules,
                                                   const std::function<bool()>& is_cancelled) {
  static const SystemClock clock;
  static Mutex mutex;
  static std::map<std::string, std::weak_ptr<const ObjectReader>> readers;
  const MutexLock lock(mutex);
  const std::string name = fmt::format("{} {} {}", text, rules.allow_http, rules.allow_private);
  if (auto kept = readers[name].lock()) return kept;
  std::erase_if(readers, [](const auto& reader) { return reader.second.expired(); });
  auto address = parse_store_address(text);
  if (!address) return skip_error(address.error().message);
  TRY_ASSIGN(
      RegisteredStores::SharedReader reader,
      open_store(*address, {.peer_rules = rules, .is_cancelled = is_cancelled, .most_retries = kPeerRetries},
                 clock));
  readers[name] = reader;
  return reader;
}

Result<std::string> read_key_text(const std::string& file) {
  TRY_ASSIGN(const Bytes content, read_file(file, kMaxReadKeyBytes));
  std::string text(as_text(content));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

// What others are to read by: all that the environment adds, and the right to read.
Result<std::string> address_for_others(const S3Address& own, const OwnStoreOptions& options,
                                       const NetworkSpec& network) {
  TRY_ASSIGN(S3Address address, completed_address(own, options.profile));
  const Status allowed = check_peer_address(address, peer_address_rules(network));
  if (!allowed) {
    return fatal_error(fmt::format(
        "--store {}: the other nodes would refuse it: {} (the run's network.allow_http_stores and "
        "network.allow_private_stores decide)",
        address.place(), allowed.error().message));
  }
  if (options.read_key_file.empty()) {
    address.is_public = address.read_key.id.empty();
    return to_text(address);
  }
  address.is_public = false;
  TRY_ASSIGN(const std::string key, read_key_text(options.read_key_file));
  const std::string text = to_text(address);
  const auto with_key =
      parse_store_address(text + (text.find('?') == std::string::npos ? "?" : "&") + "read-key=" + key);
  if (!with_key) return annotate(with_key.error(), "read key in " + options.read_key_file);
  return to_text(*with_key);
}

}  // namespace

NetworkStore::NetworkStore() = default;
NetworkStore::~NetworkStore() = default;

PeerAddressRules peer_address_rules(const NetworkSpec& network) {
  return {.allow_http = network.allow_http_stores, .allow_private = network.allow_private_stores};
}

Result<StoreAddress> parse_own_store(const std::string& text) {
  if (text.starts_with("s3:") || text.starts_with("file:")) return parse_store_address(text);
  return FileAddress{text};
}

bool is_folder(const StoreAddress& address) {
  return std::holds_alternative<FileAddress>(address);
}

Result<std::unique_ptr<NetworkStore>> NetworkStore::open(const OwnStoreOptions& options, const RunSpec& spec,
                                                         const LedgerReader& ledger) {
  std::unique_ptr<NetworkStore> opened(new NetworkStore());
  if (!options.address.empty()) {
    TRY_ASSIGN(const StoreAddress address, parse_own_store(options.address));
    if (const auto* folder = std::get_if<FileAddress>(&address)) {
      opened->clock_ = std::make_unique<LedgerClock>(ledger);
      opened->own_ = std::make_shared<FileObjectStore>(folder->folder, *opened->clock_);
      opened->all_ = opened->own_;
      opened->is_remote_ = false;
      return opened;
    }
    TRY_ASSIGN(opened->registered_address_,
               address_for_others(std::get<S3Address>(address), options, spec.network));
    opened->clock_ = std::make_unique<SystemClock>();
    TRY_ASSIGN(opened->own_,
               open_store(address, {.profile = options.profile, .is_cancelled = options.is_cancelled},
                          *opened->clock_));
  }
  const auto open_peer = [rules = peer_address_rules(spec.network),
                          is_cancelled = options.is_cancelled](const std::string& address) {
    return peer_reader(address, rules, is_cancelled);
  };
  opened->all_ =
      std::make_shared<RegisteredStores>(ledger, opened->own_, opened->registered_address_, open_peer);
  return opened;
}

}  // namespace templar
