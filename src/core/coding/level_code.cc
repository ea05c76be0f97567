#include "core/coding/level_code.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

// Several levels by one symbol: a level that nearly all values have costs less than the whole bit that a code
// of its own would take. A symbol's levels fit one word.
constexpr uint32_t kMaxSymbols = 256;
constexpr size_t kMaxArity = 8;
constexpr int kLookupBits = 12;
constexpr double kOddsUnit = 1.0 / 64;

// Codes that were made, up to a number; then all are forgotten. Users hold a share of theirs, which stays
// alive.
class CodeCache {
 public:
  std::shared_ptr<const LevelCode> find_or_make(int64_t levels, std::span<const uint8_t> odds) {
    std::vector<uint8_t> key(odds.begin(), odds.end());
    const MutexLock lock(mutex_);
    if (const auto found = codes_.find(key); found != codes_.end()) return found->second;
    if (codes_.size() >= kMaxCodes) codes_.clear();
    return codes_.emplace(std::move(key), std::make_shared<const LevelCode>(levels, odds)).first->second;
  }

 private:
  static constexpr size_t kMaxCodes = 256;
  Mutex mutex_;
  std::map<std::vector<uint8_t>, std::shared_ptr<const LevelCode>> codes_
      GUARDED_BY(mutex_);  // as many odds as levels, less one
};

std::vector<double> level_weights(std::span<const uint8_t> odds) {
  std::vector<double> weights;
  double reaching = 1.0;
  for (const uint8_t of_level : odds) {
    const double on = kOddsUnit * of_level;
    weights.push_back(reaching * (1.0 - on));
    reaching *= on;
  }
  weights.push_back(reaching);
  return weights;
}

}  // namespace

std::vector<uint8_t> level_odds(std::span<const int64_t> level_counts) {
  std::vector<uint8_t> odds;
  int64_t before = 0;
  for (const int64_t count : level_counts) before += count;
  for (size_t level = 1; level < level_counts.size(); ++level) {
    const int64_t reaching = before - level_counts[level - 1];
    // The protocol's rounding, half up, without a fraction in between.
    const int64_t in_64ths = before == 0 ? 1 : (128 * reaching + before) / (2 * before);
    odds.push_back(static_cast<uint8_t>(std::clamp<int64_t>(in_64ths, 1, kMaxLevelOdds)));
    before = reaching;
  }
  return odds;
}

std::shared_ptr<const LevelCode> LevelCode::of(int64_t levels, std::span<const uint8_t> odds) {
  static CodeCache cache;
  return cache.find_or_make(levels, odds);
}

LevelCode::LevelCode(int64_t levels, std::span<const uint8_t> odds)
    : level_count_(static_cast<uint32_t>(levels)) {
  CHECK(levels >= 1 && levels <= kMaxSymbols && std::ssize(odds) + 1 == levels);
  const std::vector<double> weights = level_weights(odds);
  uint32_t symbols = level_count_;
  while (arity_ < kMaxArity && symbols * level_count_ <= kMaxSymbols) {
    symbols *= level_count_;
    ++arity_;
  }
  std::vector<double> products;
  for (uint32_t symbol = 0; symbol < symbols; ++symbol) {
    uint64_t tuple = 0;
    double product = 1.0;
    uint32_t rest = symbol;
    for (size_t i = 0; i < arity_; ++i, rest /= level_count_) {
      const uint32_t level = rest % level_count_;
      tuple |= uint64_t{level} << 8 * i;
      product *= weights[level];
    }
    tuples_.push_back(tuple);
    products.push_back(product);
  }
  table_ = codes_.add(std::move(products), kLookupBits);
}

}  // namespace templar
