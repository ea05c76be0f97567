// What is the same for all nodes of one process: contributions that were read, checked and parsed once, and
// where their bytes lie.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/threads/mutex.h"
#include "base/threads/thread_slots.h"
#include "core/protocol/contribution.h"
#include "node/window/peer_calls.h"
#include "ports/object_store.h"

namespace templar {

// What an object's bytes were: a contribution, or why they are none.
using ParsedObject = std::variant<Contribution, Error>;

struct ContributionPoolOptions {
  // Contributions up to small_bytes stay in memory, together up to memory_bytes; the others lie in scratch
  // files, which cost some system calls each and give the memory back.
  size_t small_bytes = size_t{256} << 10;
  size_t memory_bytes = size_t{64} << 20;
  // What is kept for nodes that come later: the contributions of that many windows, those asked for last, of
  // at most kept_bytes in all (in memory and scratch files). 0: nothing, for a node alone in its process.
  int64_t kept_windows = 0;
  size_t kept_bytes = size_t{512} << 20;
  // Of all gathers of the process together: threads that wait for stores, and how many of them check what has
  // come.
  int reading_threads = 32;
  int checking_threads = 1;
};

// One for each process, handed to all its nodes, which must be of one run. Thread-safe. It never stands
// between a node and its store: each node asks the store itself what it has (ObjectReader::head), and the
// pool only spares it to read the same bytes again. An object that was replaced has another version and is
// read anew.
class ContributionPool {
 public:
  explicit ContributionPool(const ContributionPoolOptions& options = {});

  // What read hands over: in memory, or in a scratch file that it went straight into; in memory where there
  // is no room for a file, which is said on the log. Fails as read does.
  [[nodiscard]] Result<SharedBytes> hold(const ContentWriter& read);

  // What parse made of the object's bytes, the first time that it was read in that version. Fails as read
  // does, and then is read again the next time; so is an object without a version.
  [[nodiscard]] Result<ParsedObject> parsed(int64_t window, std::string_view bucket, const ObjectInfo& object,
                                            const std::function<Result<SharedBytes>()>& read,
                                            const std::function<Result<Contribution>(SharedBytes)>& parse);

  // prove_possession of the model with that state root, computed once.
  [[nodiscard]] Hash256 possession_proof(const Hash256& state_root, const Hash256& block_hash, uint32_t uid,
                                         int64_t window, const std::function<Hash256()>& prove);

  // Kept for nodes that come later.
  [[nodiscard]] size_t kept_bytes() const;

  // For a gather that can make use of so many calls at once.
  [[nodiscard]] CallingThreads threads(int useful_calls_at_once);

 private:
  struct Kept {
    std::string version;
    uint64_t size_bytes = 0;
    ParsedObject parsed;
  };
  struct Window {
    uint64_t last_use = 0;
    size_t bytes = 0;
    std::map<std::string, Kept, std::less<>> contributions;  // by "BUCKET/KEY"
    std::map<std::tuple<Hash256, Hash256, uint32_t>, Hash256> proofs;
  };

  [[nodiscard]] std::optional<ParsedObject> find(int64_t window, std::string_view name,
                                                 const ObjectInfo& object) EXCLUDES(mutex_);
  void keep(int64_t window, std::string name, Kept kept) EXCLUDES(mutex_);
  // Makes room for a window if it has none yet; nullptr where nothing is kept.
  [[nodiscard]] Window* use_window(int64_t window) REQUIRES(mutex_);
  void drop_oldest(int64_t but) REQUIRES(mutex_);

  const ContributionPoolOptions options_;
  ThreadSlots reading_threads_;
  ThreadSlots checking_threads_;
  const std::shared_ptr<std::atomic<size_t>> in_memory_;  // outlives the pool in who holds bytes of it
  mutable Mutex mutex_;
  std::map<int64_t, Window> windows_ GUARDED_BY(mutex_);
  uint64_t uses_ GUARDED_BY(mutex_) = 0;
  size_t kept_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace templar
