// Amendments: what the run's owner changes of the run spec while the run goes on. Each is numbered and names
// the first window that it holds for; the spec in force in a window is the run's own with the changes of all
// amendments up to that window. The run's id stays that of its own spec. Pure functions; how amendments come
// to the nodes: ports/ledger.h. docs/decisions/0033-amendments.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "core/run/run_spec.h"

namespace templar {

struct Amendment {
  int64_t number = 0;        // 1, 2, ... without holes
  int64_t first_window = 0;  // not before that of the amendment before
  // It was on the ledger before this block was made: see amendment_deadline().
  int64_t before_block = 0;
  std::vector<std::string> changes;  // "FIELD=VALUE", as canonical_changes() gives them
  Hash256 hash;                      // names it and all that were before it
  bool operator==(const Amendment&) const = default;
};

// Which amendments are in force in a window: records name them so.
struct AmendmentsInForce {
  int64_t number = 0;  // of the newest; 0: none
  Hash256 hash{};      // its; zeros: none
  bool operator==(const AmendmentsInForce&) const = default;
};

// The block before which an amendment for that window (at least 1) must be on the ledger: the first of the
// window before. So whoever has seen that block and reads the ledger then knows all that is in force in the
// window, at any time.
[[nodiscard]] int64_t amendment_deadline(const NetworkSpec& network, int64_t first_window);
// The first window that an amendment can still be made for; newest: the newest block, nullopt before the
// first.
[[nodiscard]] int64_t first_amendable_window(const NetworkSpec& network, std::optional<int64_t> newest_block);

// The newest of them (ascending by number) that is in force in that window.
[[nodiscard]] AmendmentsInForce amendments_in_force(std::span<const Amendment> amendments, int64_t window);

// A field that may be amended, and why a change of it at a window's start is safe.
struct AmendableField {
  std::string_view path;
  std::string_view why;
};
[[nodiscard]] std::span<const AmendableField> amendable_fields();

// The changes as an amendment carries them: the values spelt as the canonical form spells them, ascending by
// field. Fails (fatal) where there is none, on a field that is not in the table, that is named twice or that
// has that value already, and where the spec that they lead to is not valid; and says what to do.
[[nodiscard]] Result<std::vector<std::string>> canonical_changes(const RunSpec& before,
                                                                 const std::vector<FieldChange>& changes);

// The spec in force in that window, by the run's own spec and all amendments (ascending by number). Fails
// (fatal) where an amendment that is in force can't be made by this program: it knows another table.
[[nodiscard]] Result<RunSpec> spec_in_force(const RunSpec& own, std::span<const Amendment> amendments,
                                            int64_t window);

}  // namespace templar
