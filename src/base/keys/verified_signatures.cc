#include "base/keys/verified_signatures.h"

#include <utility>

#include "base/check.h"

namespace templar {

VerifiedSignatures::VerifiedSignatures(size_t count) : count_(count) {
  VerifiedSignatures* none = nullptr;
  CHECK(living_.compare_exchange_strong(none, this));
}

VerifiedSignatures::~VerifiedSignatures() {
  living_ = nullptr;
}

bool VerifiedSignatures::contains(const Hash256& what) {
  const MutexLock lock(mutex_);
  return newer_.contains(what) || older_.contains(what);
}

void VerifiedSignatures::add(const Hash256& what) {
  const MutexLock lock(mutex_);
  newer_.insert(what);
  if (newer_.size() < count_) return;
  older_ = std::exchange(newer_, {});
}

Hash256 VerifiedSignatures::hash_of(const PublicKey& key, ByteView message, const Signature& signature) {
  Blake2b hash;
  hash.update(key.bytes);
  hash.update(signature.bytes);
  hash.update(message);
  return hash.finish256();
}

}  // namespace templar
