// Memory for arrays that are read in strides far apart, such as the tiles of a large matrix: on the
// processor's large pages, where the system has them, so that a tile's rows don't each cost a walk through
// the page tables.
#pragma once

#include <cstddef>

namespace templar {

// At least a cache line's alignment. Throws std::bad_alloc as new does. bytes is the same for both.
[[nodiscard]] void* allocate_large(size_t bytes);
void deallocate_large(void* memory, size_t bytes) noexcept;

// For containers: std::vector<float, LargePageAllocator<float>>.
template <typename T>
struct LargePageAllocator {
  using value_type = T;
  LargePageAllocator() = default;
  template <typename Other>
  LargePageAllocator(const LargePageAllocator<Other>&) {}
  [[nodiscard]] T* allocate(size_t count) { return static_cast<T*>(allocate_large(count * sizeof(T))); }
  void deallocate(T* memory, size_t count) noexcept { deallocate_large(memory, count * sizeof(T)); }
  bool operator==(const LargePageAllocator&) const = default;
};

}  // namespace templar
