#include "node/window/amended_specs.h"

#include <utility>
#include <vector>

namespace templar {

Result<SpecInForce> AmendedSpecs::at(int64_t window) {
  TRY_ASSIGN(const std::vector<Amendment> amendments, ledger_.amendments());
  const AmendmentsInForce in_force = amendments_in_force(amendments, window);
  if (in_force.number == 0) return own();
  const MutexLock lock(mutex_);
  auto found = made_.find(in_force.number);
  if (found == made_.end()) {
    TRY_ASSIGN(RunSpec spec, spec_in_force(*own_, amendments, window));
    found = made_.emplace(in_force.number, std::make_shared<const RunSpec>(std::move(spec))).first;
  }
  return SpecInForce{found->second, in_force};
}

}  // namespace templar
