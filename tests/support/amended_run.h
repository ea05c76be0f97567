// The owner's amendments in the test world, above test_ports.h.
#pragma once

#include <vector>

#include "base/check.h"
#include "core/run/amendment.h"
#include "support/test_ports.h"

namespace templar::testing {

// Changes the ports' run spec from that window on. What a test asks for too late ends the test program.
inline Amendment amend(TestPorts& ports, int64_t first_window, const std::vector<FieldChange>& changes) {
  const auto before = ports.ledger.amendments();
  CHECK(before.has_value());
  const auto spec_before = spec_in_force(ports.spec(), *before, first_window);
  CHECK(spec_before.has_value());
  const auto canonical = canonical_changes(*spec_before, changes);
  CHECK(canonical.has_value());
  const int64_t before_block = amendment_deadline(ports.spec().network, first_window);
  const auto made = ports.owner().amend(first_window, before_block, *canonical);
  CHECK(made.has_value());
  return *made;
}

}  // namespace templar::testing
