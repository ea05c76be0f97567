// Writes a flat .npy array of 32- or 64-bit unsigned integers piece by piece.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

namespace templar {

enum class NpyType { kU32, kU64 };

// The file is complete only after finish(); dropped before, it stays behind without a valid header. One
// thread at a time. Every call fails (fatal) with the path and the reason (full disk, unwritable folder).
class NpyWriter {
 public:
  // Makes the file, or empties the one that is there.
  [[nodiscard]] static Result<NpyWriter> create(const std::filesystem::path& path, NpyType type);
  NpyWriter(NpyWriter&&) noexcept;
  NpyWriter& operator=(NpyWriter&&) noexcept;
  ~NpyWriter();

  // The values' type must be the file's.
  [[nodiscard]] Status append(std::span<const uint32_t> values);
  [[nodiscard]] Status append(std::span<const uint64_t> values);
  // Values so far.
  [[nodiscard]] uint64_t count() const;
  // Writes the header, syncs and closes; call once, nothing after.
  [[nodiscard]] Status finish();

 private:
  struct State;
  explicit NpyWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace templar
