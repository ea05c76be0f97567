// Where nodes put what others read: buckets of objects. A bucket belongs to one node; everybody may read it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/threads/mutex.h"

namespace templar {

struct ObjectInfo {
  std::string key;
  uint64_t size_bytes = 0;
  TimestampMs stored_at_ms = 0;  // by the store's own clock
  // Who knows an object's version knows its content: a put of other content gives it another one, a put of
  // the same content may. Empty: the store can't tell.
  std::string version;
};

// An inclusive-exclusive range of an object's bytes.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// What must hold for a put to change anything.
struct PutCondition {
  std::string version{};  // that the object has, as ObjectInfo says it; empty: that there is no such object
};

// Takes an object's content, from its beginning, in pieces of any size; its first error ends that.
using PieceSink = std::function<Status(ByteView piece)>;

// Bucket names: 3 to 63 characters of a-z, 0-9 and '-'. Keys: parts of A-Z a-z 0-9 . _ - joined by '/', no
// part empty, made of dots alone or longer than 255 bytes, at most 512 bytes in all. Other names are refused
// (fatal). All calls are thread-safe. Calls that wait for a server fail (retry) soon after a
// CancellationScope of their thread is stopped.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;

  // Nothing if there is no such object (or bucket); fails (retry) if the store could not be asked.
  [[nodiscard]] virtual Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                               std::string_view key) const = 0;
  // The whole object. Fails (skip) if it is missing, or larger than max_bytes: nothing larger is ever held in
  // memory.
  [[nodiscard]] virtual Result<Bytes> get(std::string_view bucket, std::string_view key,
                                          uint64_t max_bytes) const = 0;
  // As get, but hands the content to the sink instead of holding it. After a failure, which may be the sink's
  // own, what was handed over is worth nothing. This one gets the object and hands it over: a reader that can
  // do better overrides it.
  [[nodiscard]] virtual Status get_pieces(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                          const PieceSink& sink) const;
  // Exactly the range. Fails (skip) if the object is missing or ends before range.end.
  [[nodiscard]] virtual Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                                ByteRange range) const = 0;
  // As get_range, but hands the content to the sink, in pieces from the range's beginning on. After a
  // failure, which may be the sink's own, what was handed over is worth nothing. This one gets the range and
  // hands it over: a reader that can do better overrides it.
  [[nodiscard]] virtual Status get_range_pieces(std::string_view bucket, std::string_view key,
                                                ByteRange range, const PieceSink& sink) const;
  // The objects whose key starts with prefix, ascending by key. A bucket that does not exist is empty.
  [[nodiscard]] virtual Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                             std::string_view prefix) const = 0;
  // How many calls at once bring more than one after the other do: 1 where nobody far away is asked.
  [[nodiscard]] virtual int useful_calls_at_once() const { return kManyCallsAtOnce; }

 protected:
  static constexpr int kManyCallsAtOnce = 32;
};

// Hands an object's content to the sink and stops at the sink's first error.
using ContentWriter = std::function<Status(const PieceSink& sink)>;

class ObjectStore : public ObjectReader {
 public:
  // Readers see the old object or the new one, never a part. Success means that it is stored durably. Fails
  // (retry) with nothing changed where the store was away or full, (fatal) where it can never be written to.
  [[nodiscard]] virtual Status put(std::string_view bucket, std::string_view key, ByteView content) = 0;
  // As put, for content that is too large to be held in memory: write is called once, and what it hands over
  // is stored if it succeeds and comes to size_bytes (fatal if not). Its errors are returned as they are.
  // This one collects the pieces and puts them: a store that can do better overrides it.
  [[nodiscard]] virtual Status put_pieces(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                          const ContentWriter& write);
  // As put, but false, with nothing changed, where the condition does not hold; true all the same where the
  // object has this very content. This one looks before it puts, and another writer may come in between: a
  // store that can do better overrides it.
  [[nodiscard]] virtual Result<bool> put_if(std::string_view bucket, std::string_view key, ByteView content,
                                            const PutCondition& condition);
  // Succeeds also if there is no such object.
  [[nodiscard]] virtual Status remove(std::string_view bucket, std::string_view key) = 0;

 protected:
  // Whether the object is there with this content.
  [[nodiscard]] Result<bool> has_content(std::string_view bucket, std::string_view key,
                                         ByteView content) const;
};

// Fails (fatal) on a name that the rules above refuse; every implementation calls them first.
[[nodiscard]] Status check_bucket_name(std::string_view bucket);
[[nodiscard]] Status check_object_key(std::string_view key);
// A prefix is the beginning of some allowed key, or empty.
[[nodiscard]] Status check_key_prefix(std::string_view prefix);
// What every implementation says of an object that is too large and of a range that the object doesn't have
// (skip), and of pieces that don't come to the announced size and a range whose begin is after its end
// (fatal).
[[nodiscard]] Status check_object_size(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                       uint64_t max_bytes);
[[nodiscard]] Status check_pieces_size(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                       uint64_t written_bytes);
[[nodiscard]] Status check_object_range(std::string_view bucket, std::string_view key, ByteRange range,
                                        uint64_t size_bytes);

// Keeps everything in memory; its clock is the one it is given, which must outlive it.
class MemoryObjectStore final : public ObjectStore {
 public:
  explicit MemoryObjectStore(const Clock& clock) : clock_(clock) {}

  [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                       std::string_view key) const override;
  [[nodiscard]] Result<Bytes> get(std::string_view bucket, std::string_view key,
                                  uint64_t max_bytes) const override;
  [[nodiscard]] Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                        ByteRange range) const override;
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                     std::string_view prefix) const override;
  [[nodiscard]] int useful_calls_at_once() const override { return 1; }
  [[nodiscard]] Status put(std::string_view bucket, std::string_view key, ByteView content) override;
  [[nodiscard]] Result<bool> put_if(std::string_view bucket, std::string_view key, ByteView content,
                                    const PutCondition& condition) override;
  [[nodiscard]] Status remove(std::string_view bucket, std::string_view key) override;

 private:
  struct Object {
    Bytes content;
    TimestampMs stored_at_ms = 0;
    uint64_t version = 0;
  };
  using Bucket = std::map<std::string, Object, std::less<>>;

  [[nodiscard]] const Object* find(std::string_view bucket, std::string_view key) const REQUIRES(mutex_);
  void store(std::string_view bucket, std::string_view key, Bytes content) REQUIRES(mutex_);
  [[nodiscard]] static ObjectInfo info_of(std::string_view key, const Object& object);

  const Clock& clock_;
  mutable Mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_ GUARDED_BY(mutex_);
  uint64_t puts_ GUARDED_BY(mutex_) = 0;
};

}  // namespace templar
