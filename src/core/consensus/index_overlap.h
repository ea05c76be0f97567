// How far contributions keep the same coefficients of the pseudo-gradient: what tells a copy from work that
// was done alone.
#pragma once

#include <cstddef>
#include <vector>

#include "base/threads/thread_team.h"
#include "core/consensus/outer_step.h"

namespace templar {

// Of two contributions, by their places in the list, one < other.
struct PairOverlap {
  size_t one = 0;
  size_t other = 0;
  // (equal - chance) / (kept - chance), at least 0: kept is how many positions each of them sends, equal how
  // many both send, chance how many both would send on average if each had drawn its positions by lot. So it
  // is 1 for a copy, about 0 for two that have nothing to do with each other, and parameters of which all
  // values are sent say nothing. 0 for all where there are no others.
  double share = 0;
};

// Of every pair, ascending by one, then other; nothing for fewer than two. Contributions must have been
// parsed for this layout and codec spec. Streams the chunks: each thread needs, for each element of one
// chunk, a bit for every contribution. The result does not depend on the number of threads.
[[nodiscard]] std::vector<PairOverlap> index_overlaps(ContributionList contributions,
                                                      const ParameterLayout& layout, const CodecSpec& codec,
                                                      ThreadTeam& team);

}  // namespace templar
