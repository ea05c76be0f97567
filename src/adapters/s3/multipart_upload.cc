#include "adapters/s3/multipart_upload.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapters/s3/md5.h"
#include "adapters/s3/s3_answer.h"
#include "base/log/log.h"
#include "base/log/log_context.h"

namespace templar {
namespace {

constexpr uint64_t kMostParts = 10'000;
constexpr uint64_t kPartGrain = uint64_t{1} << 20;

}  // namespace

uint64_t multipart_part_bytes(uint64_t size_bytes, uint64_t least_part_bytes) {
  const uint64_t needed = (size_bytes + kMostParts - 1) / kMostParts;
  if (needed <= least_part_bytes) return least_part_bytes;
  return (needed + kPartGrain - 1) / kPartGrain * kPartGrain;
}

MultipartUpload::MultipartUpload(S3Client& client, std::string bucket, std::string key, Begun begun,
                                 int threads)
    : client_(client),
      bucket_(std::move(bucket)),
      key_(std::move(key)),
      id_(std::move(begun.id)),
      stored_(std::move(begun.parts)),
      most_waiting_(static_cast<size_t>(threads)) {
  for (int thread = 0; thread < threads; ++thread) {
    threads_.emplace_back([this, fields = current_log_context()] {
      const LogContext context(fields);
      work();
    });
  }
}

Result<std::unique_ptr<MultipartUpload>> MultipartUpload::begin(S3Client& client, std::string bucket,
                                                                std::string key, TextPairs headers,
                                                                int threads) {
  if (auto open = find_open(client, bucket, key)) {
    return std::unique_ptr<MultipartUpload>(
        new MultipartUpload(client, std::move(bucket), std::move(key), *std::move(open), threads));
  }
  const S3Request create{.method = "POST",
                         .bucket = bucket,
                         .key = key,
                         .query = {{"uploads", ""}},
                         .headers = std::move(headers)};
  TRY_ASSIGN(const TransferReply reply, client.send(create));
  auto id = parse_upload_id(as_text(reply.body));
  if (!id) return retry_error(fmt::format("s3://{}/{}: {}", bucket, key, id.error().message));
  return std::unique_ptr<MultipartUpload>(
      new MultipartUpload(client, std::move(bucket), std::move(key), {.id = *std::move(id)}, threads));
}

Result<MultipartUpload::StoredParts> MultipartUpload::stored_parts(S3Client& client,
                                                                   const S3Request& of_upload) {
  StoredParts stored;
  std::string after;
  do {
    S3Request list = of_upload;
    list.query.emplace_back("max-parts", "1000");
    if (!after.empty()) list.query.emplace_back("part-number-marker", after);
    TRY_ASSIGN(const TransferReply reply, client.send(list));
    if (!reply.is_good()) return retry_error("the upload is not there any more");
    TRY_ASSIGN(PartPage page, parse_part_page(as_text(reply.body)));
    // A server that goes on from where it was would be asked without end.
    if (!page.next.empty() && (page.parts.empty() || page.next == after))
      return skip_error("a list of parts that does not go on");
    for (StoredPart& part : page.parts) {
      const auto index = static_cast<size_t>(part.number - 1);
      stored.insert_or_assign(index, std::move(part));
    }
    after = page.next;
  } while (!after.empty());
  return stored;
}

// Without it everything is sent, so a failure is none.
std::optional<MultipartUpload::Begun> MultipartUpload::find_open(S3Client& client, const std::string& bucket,
                                                                 const std::string& key) {
  const S3Request ask{.method = "GET",
                      .bucket = bucket,
                      .key = "",
                      .query = {{"prefix", key}, {"uploads", ""}},
                      .most_retries = 1};
  const auto reply = client.send(ask);
  if (!reply || !reply->is_good()) return std::nullopt;
  const auto uploads = parse_open_uploads(as_text(reply->body));
  if (!uploads) return std::nullopt;
  const OpenUpload* newest = nullptr;
  for (const OpenUpload& upload : *uploads) {
    const bool is_newer = newest == nullptr || upload.begun_at_ms > newest->begun_at_ms;
    if (upload.key == key && is_newer) newest = &upload;
  }
  if (newest == nullptr) return std::nullopt;
  auto parts = stored_parts(client, {.method = "GET",
                                     .bucket = bucket,
                                     .key = key,
                                     .query = {{"uploadId", newest->id}},
                                     .most_retries = 1});
  if (!parts || parts->empty()) return std::nullopt;
  log(LogLevel::kInfo, "s3", "an upload that broke off is gone on with",
      {{"object", bucket + "/" + key}, {"parts", static_cast<int64_t>(parts->size())}});
  return Begun{newest->id, *std::move(parts)};
}

MultipartUpload::~MultipartUpload() {
  failure_.note(0, {ErrorKind::kRetry, "the upload was given up"});
  end_threads();
  if (is_complete_) return;
  S3Request abort = request("DELETE");
  abort.even_if_cancelled = true;
  const auto aborted = client_.send(abort);
  if (aborted) return;
  log(LogLevel::kWarning, "s3", "an upload in parts could not be aborted: what it has sent takes room there",
      {{"object", bucket_ + "/" + key_}, {"reason", aborted.error().message}});
}

S3Request MultipartUpload::request(std::string method) const {
  return {.method = std::move(method), .bucket = bucket_, .key = key_, .query = {{"uploadId", id_}}};
}

Result<std::string> MultipartUpload::send_part(const Part& part) {
  const auto stored = stored_.find(part.index);
  if (stored != stored_.end() && stored->second.size_bytes == part.content.view().size() &&
      !stored->second.etag.empty() && stored->second.etag == md5_hex(part.content.view()))
    return stored->second.etag;
  S3Request put = request("PUT");
  put.query.emplace_back("partNumber", std::to_string(part.index + 1));
  put.body = part.content.view();
  TRY_ASSIGN(const TransferReply reply, client_.send(put));
  std::string etag = version_of_etag(reply.header("etag"));
  if (etag.empty()) return retry_error(fmt::format("s3://{}/{}: a part without an ETag", bucket_, key_));
  return etag;
}

void MultipartUpload::work() {
  MutexLock lock(mutex_);
  while (true) {
    changed_.wait(mutex_, [this]() REQUIRES(mutex_) { return has_all_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Part part = std::move(waiting_.front());
    waiting_.pop_front();
    changed_.notify_all();
    lock.unlock();
    Result<std::string> etag = failure_.status() ? send_part(part) : std::string();
    lock.lock();
    if (etag) {
      etags_[part.index] = std::move(*etag);
    } else {
      failure_.note(part.index + 1, etag.error());
    }
  }
}

Status MultipartUpload::add(SharedBytes part) {
  TRY(failure_.status());
  const MutexLock lock(mutex_);
  changed_.wait(mutex_, [this]() REQUIRES(mutex_) { return waiting_.size() < most_waiting_; });
  waiting_.push_back({etags_.size(), std::move(part)});
  etags_.emplace_back();
  changed_.notify_all();
  return {};
}

void MultipartUpload::end_threads() {
  {
    const MutexLock lock(mutex_);
    has_all_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Status MultipartUpload::finish(const std::function<Result<bool>()>& is_done) {
  end_threads();
  TRY(failure_.status());
  S3Request complete = request("POST");
  std::string body;
  {
    const MutexLock lock(mutex_);
    body = completion_request(etags_);
  }
  complete.body = as_bytes(body);
  complete.is_done = is_done;
  auto reply = client_.send(complete);
  std::optional<Error> error;
  if (!reply) {
    error = reply.error();
  } else if (!reply->body.empty()) {
    const auto refusal = parse_completion(as_text(reply->body));
    if (!refusal) error = refusal.error();
    if (refusal && *refusal) error = Error{ErrorKind::kRetry, (*refusal)->code + ": " + (*refusal)->message};
  }
  if (error) {
    // A first attempt whose answer was lost may have made the object, and the next one found no upload.
    const auto done = is_done();
    if (!done || !*done) {
      const std::string what =
          fmt::format("s3://{}/{}: the upload in parts was not completed", bucket_, key_);
      // An answer that nobody understands may be another one the next time.
      if (error->kind == ErrorKind::kSkip) error->kind = ErrorKind::kRetry;
      return annotate(*error, what);
    }
  }
  is_complete_ = true;
  return {};
}

}  // namespace templar
