// An object store in buckets of an S3 service.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "adapters/s3/s3_client.h"
#include "base/clock.h"
#include "base/threads/mutex.h"
#include "ports/object_store.h"

namespace templar {

struct S3StoreOptions {
  // What the store lies in, as a folder does: an object's whole name there is root/bucket/key, whose first
  // part is S3's bucket. Empty: the port's buckets are S3's.
  std::string root;
  S3ClientOptions client;
  uint64_t multipart_from_bytes = uint64_t{32} << 20;  // content as large goes up in parts
  uint64_t part_bytes = uint64_t{8} << 20;             // the least; S3 takes none below 5 MiB but the last
  int part_threads = 4;
  // From one write to a key to the next: some services (Cloudflare R2) refuse more than one a second.
  std::chrono::milliseconds between_writes{1000};
};

// Objects that break ports/object_store.h's rules of names are not listed: nobody could read them.
//
// A put is told apart by a number in the object's metadata (x-amz-meta-templar-put), so that one whose answer
// was lost is found. The content's hash is there too (x-amz-meta-templar-sha256), where it went up in one
// piece; what a get of the whole object brings is held against it. The version is the ETag: objects of a key
// with other content have another one, those with the same may have the same.
class S3ObjectStore final : public ObjectStore {
 public:
  // The clock is the machine's, for signatures; it must outlive the store.
  S3ObjectStore(S3StoreOptions options, const Clock& clock);

  [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                       std::string_view key) const override;
  [[nodiscard]] Result<Bytes> get(std::string_view bucket, std::string_view key,
                                  uint64_t max_bytes) const override;
  // What breaks off is asked for from there on.
  [[nodiscard]] Status get_pieces(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                  const PieceSink& sink) const override;
  [[nodiscard]] Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                        ByteRange range) const override;
  // What breaks off is asked for from there on.
  [[nodiscard]] Status get_range_pieces(std::string_view bucket, std::string_view key, ByteRange range,
                                        const PieceSink& sink) const override;
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                     std::string_view prefix) const override;
  [[nodiscard]] Status put(std::string_view bucket, std::string_view key, ByteView content) override;
  [[nodiscard]] Status put_pieces(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                  const ContentWriter& write) override;
  // The server decides, by If-None-Match and If-Match. Content that goes up in parts, and any at a server
  // that knows no conditions, is looked for before it is put.
  [[nodiscard]] Result<bool> put_if(std::string_view bucket, std::string_view key, ByteView content,
                                    const PutCondition& condition) override;
  [[nodiscard]] Status remove(std::string_view bucket, std::string_view key) override;

  // By how much the server's clock is ahead of ours, as its last refusal showed; 0 where it never refused.
  [[nodiscard]] int64_t clock_offset_ms() const { return client_->clock_offset_ms(); }

 private:
  struct Place {
    std::string bucket;
    std::string key;
  };
  [[nodiscard]] Place place_of(std::string_view bucket, std::string_view key) const;
  [[nodiscard]] std::unexpected<Error> unusable(const std::string& what) const;
  // Whether what the sink got, each byte once, is what was put: an object may be garbled on its way, or
  // replaced.
  [[nodiscard]] Result<bool> hand_over(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                       const BodySink& sink) const;
  // Whether an answer that broke off with that error, after so many bytes, is worth asking for from there on.
  [[nodiscard]] bool goes_on(const Error& error, uint64_t got_bytes, int& short_answers) const;
  // Fails where the answer says that the object, or the range of it, is not to be had.
  [[nodiscard]] Status check_range_answer(std::string_view bucket, std::string_view key, ByteRange range,
                                          const TransferReply& reply) const;
  // Whether the object there is what that put has stored.
  [[nodiscard]] std::function<Result<bool>()> finder(const Place& place, const std::string& put_id) const;
  // Waits until the key may be written to.
  [[nodiscard]] Status await_turn(const Place& place) EXCLUDES(mutex_);
  // condition: of the request; what a condition that does not hold, or is not known, makes of it is the
  // answer's status (412, 404 or 501, or 400).
  [[nodiscard]] Result<TransferReply> put_whole(const Place& place, ByteView content,
                                                const TextPairs& condition = {});
  [[nodiscard]] Status put_parts(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                 const ContentWriter& write);

  const S3StoreOptions options_;
  std::unique_ptr<S3Client> client_;
  std::atomic<bool> knows_conditions_ = true;  // the server; until it says that it does not
  Mutex mutex_;
  const Stopwatch since_open_;
  // When the keys that were written to lately may be written to again, in its seconds.
  std::map<std::string, double> next_write_ GUARDED_BY(mutex_);
};

}  // namespace templar
