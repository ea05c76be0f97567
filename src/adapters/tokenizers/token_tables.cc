#include "adapters/tokenizers/token_tables.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "base/check.h"
#include "base/random.h"

namespace templar {
namespace {

constexpr size_t kFewestSlots = 16;

uint64_t key_of(uint32_t left, uint32_t right) {
  return (uint64_t{left} << 32) | right;
}

uint32_t hash_of(std::string_view text) {
  return static_cast<uint32_t>(std::hash<std::string_view>()(text));
}

}  // namespace

void PairTable::reserve(size_t pairs) {
  grow(std::bit_ceil(std::max(pairs * 2, kFewestSlots)));
}

void PairTable::put(uint32_t left, uint32_t right, Value value) {
  if ((taken_ + 1) * 2 > slots_.size()) grow(std::max(slots_.size() * 2, kFewestSlots));
  Slot& slot = slots_[slot_of(key_of(left, right))];
  if (slot.key == kFree) ++taken_;
  slot = {key_of(left, right), value};
}

const PairTable::Value* PairTable::find(uint32_t left, uint32_t right) const {
  if (slots_.empty()) return nullptr;
  const Slot& slot = slots_[slot_of(key_of(left, right))];
  return slot.key == kFree ? nullptr : &slot.value;
}

void PairTable::grow(size_t slots) {
  if (slots <= slots_.size()) return;
  std::vector<Slot> old(slots);
  std::swap(old, slots_);
  for (const Slot& slot : old) {
    if (slot.key != kFree) slots_[slot_of(slot.key)] = slot;
  }
}

size_t PairTable::slot_of(uint64_t key) const {
  size_t slot = mix64(key) & (slots_.size() - 1);
  while (slots_[slot].key != kFree && slots_[slot].key != key) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void TokenTexts::reserve(size_t texts, size_t bytes) {
  bytes_.reserve(bytes);
  grow(std::bit_ceil(std::max(texts * 2, kFewestSlots)));
}

void TokenTexts::put(std::string_view text, uint32_t id) {
  CHECK(bytes_.size() + text.size() < kFree);
  if ((taken_ + 1) * 2 > slots_.size()) grow(std::max(slots_.size() * 2, kFewestSlots));
  const uint32_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.size != kFree) return;
  ++taken_;
  slot = {hash, static_cast<uint32_t>(text.size()), static_cast<uint32_t>(bytes_.size()), id};
  bytes_ += text;
  longest_ = std::max(longest_, text.size());
}

std::optional<uint32_t> TokenTexts::find(std::string_view text) const {
  if (slots_.empty() || text.size() > longest_) return std::nullopt;
  const Slot& slot = slots_[slot_of(text, hash_of(text))];
  if (slot.size == kFree) return std::nullopt;
  return slot.id;
}

void TokenTexts::grow(size_t slots) {
  if (slots <= slots_.size()) return;
  std::vector<Slot> old(slots);
  std::swap(old, slots_);
  for (const Slot& slot : old) {
    if (slot.size == kFree) continue;
    slots_[slot_of(std::string_view(bytes_).substr(slot.begin, slot.size), slot.hash)] = slot;
  }
}

size_t TokenTexts::slot_of(std::string_view text, uint32_t hash) const {
  const auto is_other = [&](const Slot& slot) {
    return slot.size != kFree && (slot.hash != hash || slot.size != text.size() ||
                                  std::string_view(bytes_).substr(slot.begin, slot.size) != text);
  };
  size_t slot = hash & (slots_.size() - 1);
  while (is_other(slots_[slot])) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

}  // namespace templar
