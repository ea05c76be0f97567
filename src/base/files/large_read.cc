#include "base/files/large_read.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace templar {
namespace {

constexpr size_t kWorthIt = size_t{256} << 10;

constexpr uint64_t down(uint64_t value) {
  return value / kLargeReadAlignment * kLargeReadAlignment;
}

// Whether the system has most of that range in memory.
bool is_in_memory(int file, uint64_t offset, uint64_t size_bytes) {
  const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t begin = offset / page_bytes * page_bytes;
  const uint64_t length = offset + size_bytes - begin;
  void* const mapping = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, file, static_cast<off_t>(begin));
  if (mapping == MAP_FAILED) return true;
  std::vector<unsigned char> pages((length + page_bytes - 1) / page_bytes);
  const bool known = ::mincore(mapping, length, pages.data()) == 0;
  ::munmap(mapping, length);
  const auto present = std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; });
  return !known || static_cast<size_t>(present) * 2 > pages.size();
}

ssize_t read_once(int file, uint64_t offset, std::span<uint8_t> out) {
  for (;;) {
    const ssize_t count = ::pread(file, out.data(), out.size(), static_cast<off_t>(offset));
    if (count >= 0 || errno != EINTR) return count;
  }
}

// With O_DIRECT, which wants offsets, lengths and (depending on the disk) addresses that are multiples of a
// block: whole blocks go to their place, the parts of blocks at both ends over a block of ours.
ReadOutcome read_past_memory(int file, uint64_t offset, std::span<uint8_t> out) {
  alignas(kLargeReadAlignment) std::array<uint8_t, kLargeReadAlignment> block;
  for (size_t done = 0; done < out.size();) {
    const uint64_t position = offset + done;
    const std::span<uint8_t> rest = out.subspan(done);
    const uint64_t skipped = position % kLargeReadAlignment;
    const bool whole = skipped == 0 && rest.size() >= kLargeReadAlignment;
    const ssize_t count = read_once(file, position - skipped,
                                    whole ? rest.first(down(rest.size())) : std::span<uint8_t>(block));
    if (count < 0) return {errno, done};
    if (static_cast<uint64_t>(count) <= skipped) return {0, done};
    size_t used = static_cast<size_t>(count) - skipped;
    if (!whole) {
      used = std::min(used, rest.size());
      std::copy_n(block.begin() + static_cast<ptrdiff_t>(skipped), used, rest.begin());
    }
    done += used;
  }
  return {0, out.size()};
}

}  // namespace

ReadOutcome read_large(int file, uint64_t offset, std::span<uint8_t> out) {
  const int flags = ::fcntl(file, F_GETFL);
  if (out.size() >= kWorthIt && flags >= 0 && !is_in_memory(file, offset, out.size()) &&
      ::fcntl(file, F_SETFL, flags | O_DIRECT) == 0) {
    const ReadOutcome outcome = read_past_memory(file, offset, out);
    if (::fcntl(file, F_SETFL, flags) != 0) return {errno, 0};
    // The disk can't write to such an address, or wants longer blocks.
    if (outcome.error != EINVAL) return outcome;
  }
  begin_reading(file, offset, out.size());
  return read_at(file, offset, out);
}

}  // namespace templar
