#include "adapters/s3/s3_object_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "adapters/s3/multipart_upload.h"
#include "adapters/s3/s3_answer.h"
#include "adapters/s3/utc_time.h"
#include "base/sha256.h"
#include "base/threads/cancellation.h"
#include "base/uuid.h"

namespace templar {
namespace {

// An answer that breaks off with less has hardly brought anything.
constexpr uint64_t kWordBytes = 64 << 10;
constexpr int kMostShortAnswers = 8;
constexpr std::chrono::milliseconds kShortAnswerPause{200};
constexpr const char* kPutHeader = "x-amz-meta-templar-put";
constexpr const char* kHashHeader = "x-amz-meta-templar-sha256";
constexpr uint64_t kMaxListBytes = uint64_t{8} << 20;  // an answer's; a thousand keys take a tenth of it
constexpr uint64_t kMostReservedBytes = uint64_t{64} << 20;
constexpr size_t kMostListed = 1'000'000;

std::unexpected<Error> missing_object(std::string_view bucket, std::string_view key) {
  return skip_error(fmt::format("object {}/{}: missing", bucket, key));
}

// "bytes 0-9/100": 100; also "bytes */100".
std::optional<uint64_t> whole_size(const TransferReply& reply) {
  const std::string text = reply.header("content-range");
  const size_t slash = text.rfind('/');
  uint64_t size = 0;
  if (slash == std::string::npos) return std::nullopt;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data() + slash + 1, end, size).ptr != end) return std::nullopt;
  return size;
}

std::unexpected<Error> garbled_object(std::string_view bucket, std::string_view key) {
  return retry_error(fmt::format("object {}/{}: what came is not what was put", bucket, key));
}

// Whether the answer is the rest, from that byte on, of the object with that ETag.
bool continues(const TransferReply& reply, uint64_t begin, const std::string& etag) {
  return reply.status == 206 && reply.header("etag") == etag &&
         reply.header("content-range").starts_with(fmt::format("bytes {}-", begin));
}

// Of a key as S3 has it, below that beginning; nullopt for one that nobody could ask for.
std::optional<std::string> key_below(std::string_view whole_key, std::string_view beginning) {
  if (!whole_key.starts_with(beginning)) return std::nullopt;
  const std::string_view key = whole_key.substr(beginning.size());
  if (!check_object_key(key)) return std::nullopt;
  return std::string(key);
}

}  // namespace

S3ObjectStore::S3ObjectStore(S3StoreOptions options, const Clock& clock)
    : options_(std::move(options)), client_(std::make_unique<S3Client>(options_.client, clock)) {}

S3ObjectStore::Place S3ObjectStore::place_of(std::string_view bucket, std::string_view key) const {
  std::string whole = options_.root;
  for (const std::string_view part : {bucket, key}) {
    if (!whole.empty()) whole += '/';
    whole += part;
  }
  const size_t slash = whole.find('/');
  return {whole.substr(0, slash), whole.substr(slash + 1)};
}

std::unexpected<Error> S3ObjectStore::unusable(const std::string& what) const {
  return std::unexpected(Error{client_->refusal(), what});
}

Result<std::optional<ObjectInfo>> S3ObjectStore::head(std::string_view bucket, std::string_view key) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const Place place = place_of(bucket, key);
  TRY_ASSIGN(const TransferReply reply,
             client_->send({.method = "HEAD", .bucket = place.bucket, .key = place.key}));
  if (reply.status == 404) return std::nullopt;
  const auto size = reply.content_length();
  const auto stored_at_ms = parse_http_date(reply.header("last-modified"));
  if (!size || !stored_at_ms)
    return unusable(fmt::format("object {}/{}: the server tells neither size nor time of it", bucket, key));
  return ObjectInfo{std::string(key), *size, *stored_at_ms, version_of_etag(reply.header("etag"))};
}

Result<bool> S3ObjectStore::hand_over(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                      const BodySink& sink) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const Place place = place_of(bucket, key);
  Sha256 hash;
  uint64_t handed_over = 0;
  std::string etag;
  bool is_replaced = false;
  bool has_refused = false;  // the sink
  int short_answers = 0;
  while (true) {
    const uint64_t begin = handed_over;
    S3Request request{
        .method = "GET", .bucket = place.bucket, .key = place.key, .max_body_bytes = max_bytes - begin};
    if (begin > 0) request.headers = {{"range", fmt::format("bytes={}-", begin)}};
    request.sink = [&](const TransferReply& reply, ByteView piece) -> Status {
      if (begin == 0) etag = reply.header("etag");
      is_replaced = begin > 0 && !continues(reply, begin, etag);
      if (is_replaced) return garbled_object(bucket, key);
      const Status sunk = sink(reply, piece);
      has_refused = !sunk;
      hash.update(piece);
      handed_over += piece.size();
      return sunk;
    };
    const auto reply = client_->send(request);
    if (is_replaced || (reply && reply->status == 416)) return false;
    if (reply && reply->status == 404) return missing_object(bucket, key);
    if (reply && reply->is_too_large) {
      const uint64_t rest = reply->content_length().value_or(max_bytes - begin + 1);
      TRY(check_object_size(bucket, key, begin + rest, max_bytes));
    }
    if (reply) {
      const std::string put_hash = reply->header(kHashHeader);
      return put_hash.empty() || put_hash == hash.finish().hex();
    }
    if (has_refused || !goes_on(reply.error(), handed_over - begin, short_answers))
      return std::unexpected(reply.error());
  }
}

bool S3ObjectStore::goes_on(const Error& error, uint64_t got_bytes, int& short_answers) const {
  if (error.kind != ErrorKind::kRetry || got_bytes == 0 || is_thread_cancelled()) return false;
  // Who gives a few bytes a connection keeps nobody busy for ever.
  if (got_bytes >= kWordBytes) return true;
  return ++short_answers <= kMostShortAnswers && client_->wait(kShortAnswerPause);
}

Result<Bytes> S3ObjectStore::get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const {
  // What was garbled on its way, or replaced meanwhile, comes whole the second time.
  for (int attempt = 0; attempt < 2; ++attempt) {
    Bytes content;
    const auto collect = [&](const TransferReply& reply, ByteView piece) -> Status {
      // No more on a server's word than this; what comes then grows by itself.
      if (content.empty()) content.reserve(std::min(reply.content_length().value_or(0), kMostReservedBytes));
      content.insert(content.end(), piece.begin(), piece.end());
      return {};
    };
    TRY_ASSIGN(const bool is_as_put, hand_over(bucket, key, max_bytes, collect));
    if (is_as_put) return content;
  }
  return garbled_object(bucket, key);
}

Status S3ObjectStore::get_pieces(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                 const PieceSink& sink) const {
  TRY_ASSIGN(const bool is_as_put,
             hand_over(bucket, key, max_bytes, [&](const auto&, ByteView piece) { return sink(piece); }));
  if (!is_as_put) return garbled_object(bucket, key);
  return {};
}

Status S3ObjectStore::check_range_answer(std::string_view bucket, std::string_view key, ByteRange range,
                                         const TransferReply& reply) const {
  if (reply.status == 404) return missing_object(bucket, key);
  if (reply.status == 416) {
    TRY_ASSIGN(const auto info, head(bucket, key));
    if (!info) return missing_object(bucket, key);
    TRY(check_object_range(bucket, key, range, info->size_bytes));
    return unusable(fmt::format("object {}/{}: the server does not give ranges", bucket, key));
  }
  if (const auto whole = whole_size(reply)) TRY(check_object_range(bucket, key, range, *whole));
  return {};
}

Status S3ObjectStore::get_range_pieces(std::string_view bucket, std::string_view key, ByteRange range,
                                       const PieceSink& sink) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const auto other_ranges = [&] {
    return unusable(
        fmt::format("object {}/{}: the server gives other ranges than those asked for", bucket, key));
  };
  if (range.begin >= range.end) {
    // No request asks for nothing.
    TRY_ASSIGN(const auto info, head(bucket, key));
    if (!info) return missing_object(bucket, key);
    return check_object_range(bucket, key, range, info->size_bytes);
  }
  const Place place = place_of(bucket, key);
  uint64_t reached = range.begin;
  std::string etag;
  int short_answers = 0;
  while (true) {
    const uint64_t begin = reached;
    bool has_refused = false;
    S3Request request{.method = "GET",
                      .bucket = place.bucket,
                      .key = place.key,
                      .headers = {{"range", fmt::format("bytes={}-{}", begin, range.end - 1)}},
                      .max_body_bytes = range.end - begin};
    request.sink = [&](const TransferReply& reply, ByteView piece) -> Status {
      has_refused = true;
      TRY(check_range_answer(bucket, key, range, reply));
      if (reply.status != 206) return other_ranges();
      if (begin == range.begin) etag = reply.header("etag");
      if (begin > range.begin && !continues(reply, begin, etag)) return garbled_object(bucket, key);
      TRY(sink(piece));
      has_refused = false;
      reached += piece.size();
      return {};
    };
    const auto reply = client_->send(request);
    if (reply) {
      TRY(check_range_answer(bucket, key, range, *reply));
      if (reply->status != 206 || reply->is_too_large || reached != range.end) return other_ranges();
      return {};
    }
    if (has_refused || !goes_on(reply.error(), reached - begin, short_answers))
      return std::unexpected(reply.error());
  }
}

Result<Bytes> S3ObjectStore::get_range(std::string_view bucket, std::string_view key, ByteRange range) const {
  Bytes content;
  TRY(get_range_pieces(bucket, key, range, [&](ByteView piece) -> Status {
    if (content.empty()) content.reserve(std::min(range.end - range.begin, kMostReservedBytes));
    content.insert(content.end(), piece.begin(), piece.end());
    return {};
  }));
  return content;
}

Result<std::vector<ObjectInfo>> S3ObjectStore::list(std::string_view bucket, std::string_view prefix) const {
  TRY(check_bucket_name(bucket));
  TRY(check_key_prefix(prefix));
  const Place place = place_of(bucket, prefix);
  // With the whole prefix but for the part that is asked for.
  const std::string beginning = place.key.substr(0, place.key.size() - prefix.size());
  std::vector<ObjectInfo> found;
  std::string token;
  size_t seen = 0;
  do {
    TextPairs query{
        {"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", "1000"}, {"prefix", place.key}};
    if (!token.empty()) query.emplace_back("continuation-token", token);
    TRY_ASSIGN(const TransferReply reply, client_->send({.method = "GET",
                                                         .bucket = place.bucket,
                                                         .key = "",
                                                         .query = std::move(query),
                                                         .max_body_bytes = kMaxListBytes}));
    if (reply.status == 404) return std::vector<ObjectInfo>();
    auto page = parse_list_page(as_text(reply.body));
    if (!page) return unusable(fmt::format("list of {}: {}", bucket, page.error().message));
    // Pages without objects count as well.
    seen += 1 + page->objects.size();
    if (seen > kMostListed || (!token.empty() && page->next == token))
      return unusable(fmt::format("list of {}: it has no end", bucket));
    for (ObjectInfo& info : page->objects) {
      auto key = key_below(info.key, beginning);
      if (!key || !key->starts_with(prefix)) continue;
      info.key = std::move(*key);
      found.push_back(std::move(info));
    }
    token = page->next;
  } while (!token.empty());
  std::ranges::sort(found, {}, &ObjectInfo::key);
  return found;
}

std::function<Result<bool>()> S3ObjectStore::finder(const Place& place, const std::string& put_id) const {
  return [this, place, put_id]() -> Result<bool> {
    // While the server is away, the put itself is what tries again.
    TRY_ASSIGN(
        const TransferReply reply,
        client_->send({.method = "HEAD", .bucket = place.bucket, .key = place.key, .most_retries = 1}));
    return reply.is_good() && reply.header(kPutHeader) == put_id;
  };
}

Status S3ObjectStore::await_turn(const Place& place) {
  const double now = since_open_.seconds();
  double turn = now;
  {
    const MutexLock lock(mutex_);
    std::erase_if(next_write_, [now](const auto& written) { return written.second <= now; });
    const auto [written, is_first] = next_write_.try_emplace(place.bucket + "/" + place.key, now);
    turn = written->second;
    written->second = turn + std::chrono::duration<double>(options_.between_writes).count();
  }
  if (turn <= now) return {};
  const auto pause = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(turn - now));
  return client_->wait(pause) ? Status() : retry_error(place.bucket + "/" + place.key + ": cancelled");
}

Result<TransferReply> S3ObjectStore::put_whole(const Place& place, ByteView content,
                                               const TextPairs& condition) {
  const std::string put_id = random_uuid();
  const std::string hash = sha256(content).hex();
  S3Request request{.method = "PUT",
                    .bucket = place.bucket,
                    .key = place.key,
                    .headers = {{kPutHeader, put_id}, {kHashHeader, hash}},
                    .body = content,
                    .body_hash = hash,
                    .is_done = finder(place, put_id)};
  request.headers.insert(request.headers.end(), condition.begin(), condition.end());
  if (!condition.empty()) request.welcome_refusals = {"NotImplemented", "NoSuchKey"};
  return client_->send(request);
}

Result<bool> S3ObjectStore::put_if(std::string_view bucket, std::string_view key, ByteView content,
                                   const PutCondition& condition) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  if (!knows_conditions_ || content.size() >= options_.multipart_from_bytes)
    return ObjectStore::put_if(bucket, key, content, condition);
  const Place place = place_of(bucket, key);
  TRY(await_turn(place));
  // Ceph's gateway takes ETags without the quotation marks alone, others with them alone.
  std::vector<TextPairs> spellings{{{"if-none-match", "*"}}};
  if (!condition.version.empty())
    spellings = {{{"if-match", '"' + condition.version + '"'}}, {{"if-match", condition.version}}};
  for (const TextPairs& spelling : spellings) {
    TRY_ASSIGN(const TransferReply reply, put_whole(place, content, spelling));
    if (reply.is_good()) return true;
    if (reply.status != 412 && reply.status != 404) {
      knows_conditions_ = false;
      return ObjectStore::put_if(bucket, key, content, condition);
    }
    TRY_ASSIGN(const std::optional<ObjectInfo> there, head(bucket, key));
    const bool holds = there && there->version == condition.version;
    if (!holds) break;
  }
  // It may be what a first attempt has put whose answer was lost.
  return has_content(bucket, key, content);
}

Status S3ObjectStore::put(std::string_view bucket, std::string_view key, ByteView content) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  TRY(await_turn(place_of(bucket, key)));
  if (content.size() < options_.multipart_from_bytes) {
    TRY(put_whole(place_of(bucket, key), content));
    return {};
  }
  return put_parts(bucket, key, content.size(), [&](const auto& sink) { return sink(content); });
}

Status S3ObjectStore::put_pieces(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                 const ContentWriter& write) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  if (size_bytes < options_.multipart_from_bytes)
    return ObjectStore::put_pieces(bucket, key, size_bytes, write);
  TRY(await_turn(place_of(bucket, key)));
  return put_parts(bucket, key, size_bytes, write);
}

Status S3ObjectStore::put_parts(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                const ContentWriter& write) {
  const Place place = place_of(bucket, key);
  const std::string put_id = random_uuid();
  const uint64_t part_bytes = multipart_part_bytes(size_bytes, options_.part_bytes);
  TRY_ASSIGN(const auto upload, MultipartUpload::begin(*client_, place.bucket, place.key,
                                                       {{kPutHeader, put_id}}, options_.part_threads));
  Bytes part;
  uint64_t written_bytes = 0;
  TRY(write([&](ByteView piece) -> Status {
    written_bytes += piece.size();
    // More than was announced is never sent.
    if (written_bytes > size_bytes) return {};
    while (!piece.empty()) {
      if (part.empty()) part.reserve(part_bytes);
      const size_t taken = std::min<size_t>(piece.size(), part_bytes - part.size());
      part.insert(part.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(taken));
      piece = piece.subspan(taken);
      if (part.size() == part_bytes) TRY(upload->add(std::exchange(part, {})));
    }
    return {};
  }));
  TRY(check_pieces_size(bucket, key, size_bytes, written_bytes));
  if (!part.empty()) TRY(upload->add(std::move(part)));
  return upload->finish(finder(place, put_id));
}

Status S3ObjectStore::remove(std::string_view bucket, std::string_view key) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const Place place = place_of(bucket, key);
  TRY(client_->send({.method = "DELETE", .bucket = place.bucket, .key = place.key}));
  return {};
}

}  // namespace templar
