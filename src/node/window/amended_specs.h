// The run spec in force in each window: the run's own with what its owner has amended.
// docs/decisions/0033-amendments.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "base/threads/mutex.h"
#include "core/run/amendment.h"
#include "ports/ledger.h"

namespace templar {

struct SpecInForce {
  std::shared_ptr<const RunSpec> spec;  // never null
  AmendmentsInForce amendments;
};

// Thread-safe. The ledger must outlive it.
class AmendedSpecs {
 public:
  AmendedSpecs(const RunSpec& own, const LedgerReader& ledger)
      : ledger_(ledger), own_(std::make_shared<const RunSpec>(own)) {}

  // The run's own, before anything is amended.
  [[nodiscard]] SpecInForce own() const { return {own_, {}}; }
  // What is in force in that window; final once the first block of the window before it is made. Asks the
  // ledger each time. Fails (retry) where it was away, (fatal) where this program can't follow an amendment.
  [[nodiscard]] Result<SpecInForce> at(int64_t window);

 private:
  const LedgerReader& ledger_;
  const std::shared_ptr<const RunSpec> own_;
  Mutex mutex_;
  // By the number of the newest amendment: what was once read of these stays.
  std::map<int64_t, std::shared_ptr<const RunSpec>> made_ GUARDED_BY(mutex_);
};

}  // namespace templar
