#include "core/protocol/level_coder.h"

#include <algorithm>

#include "core/protocol/combinadic.h"

namespace templar {
namespace {

// Calls visit(level, values left, those of them that reach the level as a subset) as long as any are left.
template <typename Visit>
void for_each_level(std::span<const uint8_t> codes, const BlockCoding& coding, Visit visit) {
  const auto levels = static_cast<uint8_t>(coding.levels() - 1);
  std::array<uint8_t, kValuesOfAGroup> rest;
  size_t left = codes.size();
  for (size_t i = 0; i < left; ++i) {
    rest[i] =
        coding.has_signs() && codes[i] > levels ? static_cast<uint8_t>(codes[i] - levels - 1) : codes[i];
  }
  for (int level = 1; level <= levels && left > 0; ++level) {
    uint64_t subset = 0;
    size_t reaching = 0;
    for (size_t i = 0; i < left; ++i) {
      const bool reaches = rest[i] >= level;
      subset |= uint64_t{reaches} << i;
      rest[reaching] = rest[i];
      reaching += size_t{reaches};
    }
    visit(level, static_cast<int>(left), subset);
    left = reaching;
  }
}

template <typename Codes, typename Visit>
void for_each_group(Codes codes, Visit visit) {
  for (size_t begin = 0; begin < codes.size(); begin += kValuesOfAGroup) {
    visit(codes.subspan(begin, std::min<size_t>(kValuesOfAGroup, codes.size() - begin)));
  }
}

uint64_t sign_bits(std::span<const uint8_t> codes, int64_t levels) {
  uint64_t signs = 0;
  for (size_t i = 0; i < codes.size(); ++i) signs |= uint64_t{codes[i] >= levels} << i;
  return signs;
}

bool get_group(BitReader& reader, const BlockCoding& coding, std::span<const uint8_t> rice,
               LevelStatistics* statistics, std::span<uint8_t> codes) {
  const auto size = static_cast<int>(codes.size());
  const uint64_t signs = coding.has_signs() ? reader.get(size) : 0;
  std::array<uint8_t, kValuesOfAGroup> survivors;
  for (size_t i = 0; i < codes.size(); ++i) {
    codes[i] = 0;
    survivors[i] = static_cast<uint8_t>(i);
  }
  int left = size;
  for (size_t level = 1; level <= rice.size() && left > 0; ++level) {
    const uint8_t parameter = rice[level - 1];
    const uint64_t sent = get_rice(parameter & ~kInvertedRice, kValuesOfAGroup, reader);
    if (sent > static_cast<uint64_t>(left)) return false;
    const int count =
        (parameter & kInvertedRice) != 0 ? left - static_cast<int>(sent) : static_cast<int>(sent);
    if (statistics != nullptr) statistics->add(static_cast<int64_t>(level), left, count);
    size_t kept = 0;
    for (uint64_t subset = get_subset(count, left, reader); subset != 0; subset &= subset - 1) {
      const uint8_t value = survivors[static_cast<size_t>(std::countr_zero(subset))];
      codes[value] = static_cast<uint8_t>(level);
      survivors[kept++] = value;
    }
    left = count;
  }
  if (coding.has_signs()) {
    const auto levels = static_cast<uint8_t>(coding.levels());
    for (size_t i = 0; i < codes.size(); ++i) {
      codes[i] = static_cast<uint8_t>(codes[i] + (signs >> i & 1) * levels);
    }
  }
  return true;
}

}  // namespace

void LevelStatistics::add(const LevelStatistics& other) {
  for (size_t level = 0; level < counts_.size(); ++level) {
    for (size_t i = 0; i < counts_[level].size(); ++i) counts_[level][i] += other.counts_[level][i];
  }
}

std::vector<uint8_t> LevelStatistics::cheapest_rice() const {
  std::vector<uint8_t> cheapest;
  for (const auto& of_level : counts_) {
    int64_t lowest_cost = INT64_MAX;
    uint8_t best = 0;
    for (const bool inverted : {false, true}) {
      const size_t begin = inverted ? kValuesOfAGroup + 1 : 0;
      for (int parameter = 0; parameter <= kMaxLevelRice; ++parameter) {
        int64_t cost = 0;
        for (size_t value = 0; value <= kValuesOfAGroup; ++value) {
          cost += of_level[begin + value] * rice_bits(value, parameter);
        }
        if (cost >= lowest_cost) continue;
        lowest_cost = cost;
        best = static_cast<uint8_t>(parameter | (inverted ? kInvertedRice : 0));
      }
    }
    cheapest.push_back(best);
  }
  return cheapest;
}

void count_levels(std::span<const uint8_t> codes, const BlockCoding& coding, LevelStatistics& statistics) {
  for_each_group(codes, [&](std::span<const uint8_t> group) {
    for_each_level(group, coding, [&](int level, int left, uint64_t subset) {
      statistics.add(level, left, std::popcount(subset));
    });
  });
}

void put_levels(std::span<const uint8_t> codes, const BlockCoding& coding, std::span<const uint8_t> rice,
                BitWriter& writer) {
  for_each_group(codes, [&](std::span<const uint8_t> group) {
    if (coding.has_signs()) writer.put(sign_bits(group, coding.levels()), static_cast<int>(group.size()));
    for_each_level(group, coding, [&](int level, int left, uint64_t subset) {
      const uint8_t parameter = rice[static_cast<size_t>(level - 1)];
      const int count = std::popcount(subset);
      put_rice(static_cast<uint64_t>((parameter & kInvertedRice) != 0 ? left - count : count),
               parameter & ~kInvertedRice, writer);
      put_subset(subset, left, writer);
    });
  });
}

bool get_levels(BitReader& reader, const BlockCoding& coding, std::span<const uint8_t> rice,
                LevelStatistics* statistics, std::span<uint8_t> codes) {
  bool good = true;
  for_each_group(codes, [&](std::span<uint8_t> group) {
    good = good && get_group(reader, coding, rice, statistics, group);
  });
  return good;
}

}  // namespace templar
