// Scratch memory on cache-line boundaries, of a size fixed at its making, zero at first.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

namespace templar {

template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t count) : count_(count) {
    if (count == 0) return;
    data_ = static_cast<T*>(::operator new(count * sizeof(T), kAlignment));
    std::memset(static_cast<void*>(data_), 0, count * sizeof(T));
  }
  ~AlignedBuffer() { ::operator delete(data_, kAlignment); }
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] size_t size() const { return count_; }
  [[nodiscard]] T& operator[](size_t index) { return data_[index]; }
  [[nodiscard]] const T& operator[](size_t index) const { return data_[index]; }

 private:
  static constexpr std::align_val_t kAlignment{64};

  void swap(AlignedBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
  }

  T* data_ = nullptr;
  size_t count_ = 0;
};

}  // namespace templar
