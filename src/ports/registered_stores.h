// All nodes' stores as one: each bucket is read where its node has registered that it is.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads/mutex.h"
#include "ports/ledger.h"
#include "ports/object_store.h"

namespace templar {

// Thread-safe. Fails (retry) also where the ledger could not be asked.
//
// A store that may never be asked (its address is none that a peer may have) or that refuses us counts as
// empty: one peer's address must not hold up who waits for an answer. The log says so, once for each reason.
class RegisteredStores final : public ObjectReader {
 public:
  using SharedReader = std::shared_ptr<const ObjectReader>;
  // The reader of a registered address. Fails (skip) where it may not be asked.
  using Open = std::function<Result<SharedReader>(const std::string& address)>;

  // own_address: as it stands in registrations; what lies there, and what is registered without an address or
  // not at all, is read from own. own may be nullptr: then a bucket that nobody has is read where the
  // validator with the most stake has registered, and one without an address is empty; where no node has one,
  // all fails (fatal). The ledger outlives this.
  RegisteredStores(const LedgerReader& ledger, SharedReader own, std::string own_address, Open open)
      : ledger_(ledger), own_(std::move(own)), own_address_(std::move(own_address)), open_(std::move(open)) {}

  [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                       std::string_view key) const override;
  [[nodiscard]] Result<Bytes> get(std::string_view bucket, std::string_view key,
                                  uint64_t max_bytes) const override;
  [[nodiscard]] Status get_pieces(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                  const PieceSink& sink) const override;
  [[nodiscard]] Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                        ByteRange range) const override;
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                     std::string_view prefix) const override;

 private:
  [[nodiscard]] Result<SharedReader> reader_of(std::string_view bucket) const;
  [[nodiscard]] Result<SharedReader> open_kept(const std::string& address,
                                               const std::vector<Registration>& roster) const;
  // Asks the bucket's store; empty is what one that refuses has.
  template <typename Answer, typename Ask>
  [[nodiscard]] Result<Answer> ask_or_empty(std::string_view bucket, const Ask& ask) const;
  void say_refused(std::string_view bucket, const std::string& reason) const;

  const LedgerReader& ledger_;
  const SharedReader own_;
  const std::string own_address_;
  const Open open_;
  mutable Mutex mutex_;
  // Of the addresses that are registered; those that are no more have been forgotten.
  mutable std::map<std::string, SharedReader, std::less<>> readers_ GUARDED_BY(mutex_);
  mutable std::map<std::string, std::string, std::less<>> refused_ GUARDED_BY(mutex_);  // bucket to reason
};

}  // namespace templar
