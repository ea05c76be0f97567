// An object's content in parts, several at once: how S3 takes what is large.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "adapters/s3/s3_answer.h"
#include "adapters/s3/s3_client.h"
#include "base/threads/first_failure.h"
#include "base/threads/mutex.h"

namespace templar {

// How an object of that size is cut: parts of at least least_part_bytes, at most 10,000.
[[nodiscard]] uint64_t multipart_part_bytes(uint64_t size_bytes, uint64_t least_part_bytes);

// Sends parts until finish(), which makes an object of them. An upload that goes away before is aborted, so
// that the server keeps nothing of it; one whose process is killed stays there, and the next one of the same
// object goes on with it: a part that the server has is not sent again. One caller at a time.
class MultipartUpload {
 public:
  // headers: the object's, if it is begun anew. Where an upload of that object is open, the newest one is
  // gone on with; a server that tells of none, or may not be asked, is not asked again. Fails as
  // S3Client::send, and (retry) where the answer is none.
  [[nodiscard]] static Result<std::unique_ptr<MultipartUpload>> begin(S3Client& client, std::string bucket,
                                                                      std::string key, TextPairs headers,
                                                                      int threads);
  MultipartUpload(const MultipartUpload&) = delete;
  MultipartUpload& operator=(const MultipartUpload&) = delete;
  ~MultipartUpload();

  // Hands the next part to a thread that sends it; waits while enough of them wait already. Fails with the
  // first error of an earlier part.
  [[nodiscard]] Status add(SharedBytes part);
  // Waits for all parts and completes the upload. is_done: see S3Request.
  [[nodiscard]] Status finish(const std::function<Result<bool>()>& is_done);

 private:
  struct Part {
    size_t index = 0;
    SharedBytes content{};
  };

  // By their index, from 0: what an upload that broke off has left.
  using StoredParts = std::map<size_t, StoredPart>;
  struct Begun {
    std::string id;
    StoredParts parts{};
  };

  MultipartUpload(S3Client& client, std::string bucket, std::string key, Begun begun, int threads);
  [[nodiscard]] static std::optional<Begun> find_open(S3Client& client, const std::string& bucket,
                                                      const std::string& key);
  [[nodiscard]] static Result<StoredParts> stored_parts(S3Client& client, const S3Request& of_upload);
  void work();
  [[nodiscard]] Result<std::string> send_part(const Part& part);
  [[nodiscard]] S3Request request(std::string method) const;
  void end_threads();

  S3Client& client_;
  const std::string bucket_;
  const std::string key_;
  const std::string id_;
  const StoredParts stored_;
  const size_t most_waiting_;
  bool is_complete_ = false;
  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Part> waiting_ GUARDED_BY(mutex_);
  bool has_all_ GUARDED_BY(mutex_) = false;
  std::vector<std::string> etags_ GUARDED_BY(mutex_);
  FirstFailure failure_;
  std::vector<std::thread> threads_;
};

}  // namespace templar
