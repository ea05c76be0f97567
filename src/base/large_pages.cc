#include "base/large_pages.h"

#include <sys/mman.h>

#include <new>

namespace templar {
namespace {

constexpr size_t kLargePage = size_t{2} << 20;
constexpr std::align_val_t kCacheLine{64};

std::align_val_t alignment_of(size_t bytes) {
  return bytes >= kLargePage ? std::align_val_t{kLargePage} : kCacheLine;
}

}  // namespace

void* allocate_large(size_t bytes) {
  void* const memory = ::operator new(bytes, alignment_of(bytes));
  // A wish: where the system does not grant it, the memory is as good as any.
  if (bytes >= kLargePage) (void)madvise(memory, bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
  return memory;
}

void deallocate_large(void* memory, size_t bytes) noexcept {
  ::operator delete(memory, alignment_of(bytes));
}

}  // namespace templar
