// Tables of a tokenizer, made once and looked into for every piece of text: open addressing, nothing is ever
// removed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templar {

// Values of pairs of numbers. Any thread may look while nobody puts.
class PairTable {
 public:
  struct Value {
    uint32_t rank = 0;
    uint32_t merged = 0;
  };

  void reserve(size_t pairs);
  // In place of an earlier value. Both numbers are below 2^32 - 1.
  void put(uint32_t left, uint32_t right, Value value);
  // nullptr if there is none.
  [[nodiscard]] const Value* find(uint32_t left, uint32_t right) const;

 private:
  struct Slot {
    uint64_t key = kFree;
    Value value;
  };
  static constexpr uint64_t kFree = ~uint64_t{0};

  void grow(size_t slots);
  [[nodiscard]] size_t slot_of(uint64_t key) const;

  std::vector<Slot> slots_;  // a power of two, at most half of them taken
  size_t taken_ = 0;
};

// Ids of texts. Any thread may look while nobody puts.
class TokenTexts {
 public:
  void reserve(size_t texts, size_t bytes);
  // An earlier id of the text stays.
  void put(std::string_view text, uint32_t id);
  [[nodiscard]] std::optional<uint32_t> find(std::string_view text) const;
  [[nodiscard]] size_t longest() const { return longest_; }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t size = kFree;
    uint32_t begin = 0;  // in bytes_
    uint32_t id = 0;
  };
  static constexpr uint32_t kFree = ~uint32_t{0};

  void grow(size_t slots);
  [[nodiscard]] size_t slot_of(std::string_view text, uint32_t hash) const;

  std::string bytes_;
  std::vector<Slot> slots_;
  size_t taken_ = 0;
  size_t longest_ = 0;
};

}  // namespace templar
