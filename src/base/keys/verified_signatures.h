// Signatures that were verified before, for a process in which many nodes read the same.
#pragma once

#include <atomic>
#include <cstddef>
#include <set>

#include "base/hash.h"
#include "base/keys/keys.h"
#include "base/threads/mutex.h"

namespace templar {

// While one lives, verify() computes a signature that was right once no more, as long as it is among the
// newest that were. One at a time in a process. Thread-safe.
class VerifiedSignatures {
 public:
  // Remembers so many at least, and at most twice as many.
  explicit VerifiedSignatures(size_t count);
  ~VerifiedSignatures();
  VerifiedSignatures(const VerifiedSignatures&) = delete;
  VerifiedSignatures& operator=(const VerifiedSignatures&) = delete;

  // The one that lives; nullptr if none does.
  [[nodiscard]] static VerifiedSignatures* living() { return living_; }
  [[nodiscard]] bool contains(const Hash256& what);
  void add(const Hash256& what);
  // A signature, its key and its message.
  [[nodiscard]] static Hash256 hash_of(const PublicKey& key, ByteView message, const Signature& signature);

 private:
  static inline std::atomic<VerifiedSignatures*> living_ = nullptr;
  const size_t count_;
  Mutex mutex_;
  std::set<Hash256> newer_ GUARDED_BY(mutex_);
  std::set<Hash256> older_ GUARDED_BY(mutex_);
};

}  // namespace templar
