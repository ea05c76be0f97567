// An object's content in parts, several at once: how S3 takes what is large.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "adapters/s3/s3_client.h"
#include "base/threads/first_failure.h"
#include "base/threads/mutex.h"

namespace templar {

// How an object of that size is cut: parts of at least least_part_bytes, at most 10,000.
[[nodiscard]] uint64_t multipart_part_bytes(uint64_t size_bytes, uint64_t least_part_bytes);

// Sends parts until finish(), which makes an object of them. An upload that goes away before is aborted, so
// that the server keeps nothing of it. One caller at a time.
class MultipartUpload {
 public:
  // headers: the object's. Fails as S3Client::send, and (retry) where the answer is none.
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

  MultipartUpload(S3Client& client, std::string bucket, std::string key, std::string id, int threads);
  void work();
  [[nodiscard]] Result<std::string> send_part(const Part& part);
  [[nodiscard]] S3Request request(std::string method) const;
  void end_threads();

  S3Client& client_;
  const std::string bucket_;
  const std::string key_;
  const std::string id_;
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
