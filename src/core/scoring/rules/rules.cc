#include "core/scoring/rules/rules.h"

#include <array>

namespace templar {

std::span<const Rule> scoring_rules() {
  static constexpr std::array<Rule, 10> kRules = {
      penalise_missing, penalise_low_gather_success, penalise_invalid, penalise_out_of_sync,
      penalise_negative_share, exclude_negatives_in_a_row, penalise_inactivity, penalise_index_overlap,
      // Last, as they judge what the others have left.
      withhold_from_excluded, drop_small_scores};
  return kRules;
}

}  // namespace templar
