// An S3 server, on the loopback unless it is told otherwise, that takes nothing that the strictest of
// services refuses: it checks each signature against what arrived, cuts no part of an upload short, knows no
// checksum headers and no aws-chunked bodies, and fails as a test says. Its clock stands still unless a test
// moves it.
#pragma once

#include <httplib.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/s3/signature.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/sha256.h"
#include "base/threads/mutex.h"
#include "base/utf8.h"
#include "support/s3_fault.h"
#include "support/s3_upload.h"
#include "support/s3_wire.h"

namespace templar::testing {

// Thread-safe.
class StrictS3Server {
 public:
  struct Rules {
    bool requires_pauses_between_writes = false;  // 429 for a second write to a key in the same second
    size_t least_part_bytes = size_t{5} << 20;
    size_t most_listed = 1000;  // keys of a page
    std::string region = "auto";
    std::string address = "127.0.0.1";
    int port = 0;                    // 0: any that is free
    bool tells_of_uploads = true;    // otherwise 403 for a list of the open ones
    bool part_etags_are_md5 = true;  // as most services have them; otherwise they say nothing of the content
    bool knows_conditions = true;    // otherwise 501 for a put with If-Match or If-None-Match
    std::string congestion_control;  // of TCP; empty: the system's
  };

  StrictS3Server() : StrictS3Server(Rules()) {}
  explicit StrictS3Server(Rules rules) : rules_(std::move(rules)) {
    const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
      handle(request, response);
    };
    server_.Get(".*", handler);  // HEAD as well
    server_.Put(".*", handler);
    server_.Post(".*", handler);
    server_.Delete(".*", handler);
    server_.set_tcp_nodelay(true);
    // A kept connection has a thread of its own.
    server_.new_task_queue = [] { return new httplib::ThreadPool(kConnections); };
    server_.set_socket_options([this](socket_t socket) {
      httplib::default_socket_options(socket);
      const std::string& name = rules_.congestion_control;
      CHECK(name.empty() || ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                                         static_cast<socklen_t>(name.size())) == 0);
    });
    port_ = rules_.port;
    if (port_ == 0) {
      port_ = server_.bind_to_any_port(rules_.address);
    } else {
      CHECK(server_.bind_to_port(rules_.address, port_));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  StrictS3Server(const StrictS3Server&) = delete;
  StrictS3Server& operator=(const StrictS3Server&) = delete;
  ~StrictS3Server() {
    {
      const MutexLock lock(mutex_);
      has_ended_ = true;
      changed_.notify_all();
    }
    server_.stop();
    thread_.join();
  }

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string endpoint() const {
    return "http://" + rules_.address + ":" + std::to_string(port_);
  }

  // A user may do everything in the buckets that are his. A public bucket may be read by everybody.
  void add_user(const std::string& access_key, const std::string& secret_key) {
    const MutexLock lock(mutex_);
    secrets_[access_key] = secret_key;
  }
  void add_bucket(const std::string& name, const std::string& owner, bool is_public = false) {
    const MutexLock lock(mutex_);
    buckets_[name] = {owner, is_public, {}};
  }
  // From now on whoever is not the owner is told 403 of what is missing there, as by services that let him
  // read but not list.
  void hide_missing(const std::string& bucket) {
    const MutexLock lock(mutex_);
    buckets_[bucket].hides_missing = true;
  }
  // The next requests of that method fail so, one after the other.
  void fail_next(const std::string& method, S3Fault fault, int times = 1) {
    const MutexLock lock(mutex_);
    for (int i = 0; i < times; ++i) faults_[method].push_back(fault);
  }
  // All requests of that method for that bucket fail so.
  void fail_always(const std::string& method, const std::string& bucket, S3Fault fault) {
    const MutexLock lock(mutex_);
    lasting_faults_[{method, bucket}] = fault;
  }
  // Requests of that method that have arrived.
  [[nodiscard]] int requests(const std::string& method) const {
    const MutexLock lock(mutex_);
    const auto found = requests_.find(method);
    return found == requests_.end() ? 0 : found->second;
  }
  [[nodiscard]] size_t open_uploads() const {
    const MutexLock lock(mutex_);
    return uploads_.size();
  }
  // An upload in parts as a process leaves it that is killed.
  void leave_upload(const std::string& bucket, const std::string& key, const std::string& id,
                    const std::map<size_t, std::string>& parts) {
    const MutexLock lock(mutex_);
    uploads_[id] = {bucket, key, {}, parts, clock.now_ms()};
  }
  [[nodiscard]] int parts_sent() const {
    const MutexLock lock(mutex_);
    return parts_sent_;
  }
  // Puts of that object that were done.
  [[nodiscard]] int writes(const std::string& bucket, const std::string& key) const {
    const MutexLock lock(mutex_);
    const auto found = writes_.find(bucket + "/" + key);
    return found == writes_.end() ? 0 : found->second;
  }
  // Sizes of the parts that an object went up in; empty for one that came whole.
  [[nodiscard]] std::vector<size_t> parts(const std::string& bucket, const std::string& key) const {
    const MutexLock lock(mutex_);
    return buckets_.at(bucket).objects.at(key).part_sizes;
  }
  // Puts an object there as another tool would.
  void place(const std::string& bucket, const std::string& key, const std::string& content) {
    const MutexLock lock(mutex_);
    store(bucket, key, {.content = content});
  }

  VirtualClock clock{1'800'000'000'000};

 private:
  static constexpr size_t kConnections = 96;

  struct Object {
    std::string content{};
    std::map<std::string, std::string> metadata{};
    std::vector<size_t> part_sizes{};
    TimestampMs stored_at_ms = 0;
    std::string etag{};
  };
  struct Bucket {
    std::string owner;
    bool is_public = false;
    std::map<std::string, Object> objects{};
    bool hides_missing = false;
  };
  void store(const std::string& bucket, const std::string& key, Object object) REQUIRES(mutex_) {
    object.stored_at_ms = clock.now_ms();
    object.etag = sha256(as_bytes(object.content)).hex().substr(0, 32);
    if (!object.part_sizes.empty()) object.etag += "-" + std::to_string(object.part_sizes.size());
    buckets_[bucket].objects[key] = std::move(object);
    ++writes_[bucket + "/" + key];
  }

  void handle(const httplib::Request& request, httplib::Response& response) {
    response.set_header("Date", http_date(clock.now_ms()));
    std::optional<S3Fault> fault;
    {
      const MutexLock lock(mutex_);
      ++requests_[request.method];
      auto& waiting = faults_[request.method];
      if (!waiting.empty()) {
        fault = waiting.front();
        waiting.pop_front();
      }
    }
    const S3Wire wire(request);
    if (!fault) {
      const MutexLock lock(mutex_);
      const auto lasting = lasting_faults_.find({request.method, wire.bucket});
      if (lasting != lasting_faults_.end()) fault = lasting->second;
    }
    if (fault && fail_before(*fault, response)) return;
    {
      const MutexLock lock(mutex_);
      if (const auto refused = serve(wire, request, response)) refuse(response, *refused);
    }
    if (fault) fail_after(*fault, response);
  }

  // True if nothing is to be done any more.
  bool fail_before(S3Fault fault, httplib::Response& response) {
    if (answer_at_once(fault, response)) return true;
    switch (fault) {
      case S3Fault::kRedirect:
        response.status = 307;
        response.set_header("Location", endpoint() + "/elsewhere/name");
        return true;
      case S3Fault::kNoAnswer:
        wait_for_end();
        return true;
      case S3Fault::kEndless:
        response.status = 200;
        response.set_chunked_content_provider("application/octet-stream",
                                              [](size_t, httplib::DataSink& sink) {
                                                const std::string piece(1 << 16, 'e');
                                                return sink.write(piece.data(), piece.size());
                                              });
        return true;
      default:
        return false;
    }
  }

  void fail_after(S3Fault fault, httplib::Response& response) {
    const std::string content = response.body;
    if (fault == S3Fault::kWrongBytes && !content.empty()) {
      response.body[content.size() / 2] ^= 1;
    } else if (fault == S3Fault::kDoneButServerError) {
      refuse(response, {500, "InternalError"});
    } else if (fault == S3Fault::kDoneButCutAnswer || fault == S3Fault::kCutBody ||
               fault == S3Fault::kStall || fault == S3Fault::kTrickle) {
      response.body.clear();
      response.set_content_provider(content.size() + 100, "application/octet-stream",
                                    [this, content, fault](size_t offset, size_t, httplib::DataSink& sink) {
                                      const size_t half = content.size() / 2;
                                      if (offset < half)
                                        return sink.write(content.data() + offset, half - offset);
                                      if (fault == S3Fault::kStall) wait_for_end();
                                      if (fault == S3Fault::kTrickle)
                                        return !wait_a_moment() && sink.write("t", 1);
                                      return false;
                                    });
    }
  }

  void wait_for_end() {
    const MutexLock lock(mutex_);
    changed_.wait(mutex_, [this]() REQUIRES(mutex_) { return has_ended_; });
  }

  // Returns whether the server ends.
  bool wait_a_moment() {
    const MutexLock lock(mutex_);
    changed_.wait_for(mutex_, std::chrono::milliseconds(100),
                      [this]() REQUIRES(mutex_) { return has_ended_; });
    return has_ended_;
  }

  // The user, "" for nobody.
  std::optional<S3No> authorize(const S3Wire& wire, const httplib::Request& request, std::string& user)
      REQUIRES(mutex_) {
    if (!request.has_header("Authorization")) return std::nullopt;
    user = wire.access_key;
    const auto secret = secrets_.find(user);
    if (secret == secrets_.end()) return S3No{403, "InvalidAccessKeyId"};
    if (wire.region != rules_.region) return S3No{400, "AuthorizationHeaderMalformed"};
    const auto time_ms = wire.time_ms();
    if (!time_ms || std::abs(*time_ms - clock.now_ms()) > 15 * 60'000)
      return S3No{403, "RequestTimeTooSkewed"};
    if (sha256(as_bytes(request.body)).hex() != request.get_header_value("x-amz-content-sha256"))
      return S3No{400, "XAmzContentSHA256Mismatch"};
    const S3Credentials keys{user, secret->second, ""};
    if (authorization(wire.signed_request(request), keys, {*time_ms, wire.region, "s3"}) !=
        request.get_header_value("Authorization"))
      return S3No{403, "SignatureDoesNotMatch"};
    return std::nullopt;
  }

  std::optional<S3No> serve(const S3Wire& wire, const httplib::Request& request, httplib::Response& response)
      REQUIRES(mutex_) {
    for (const auto& [name, value] : request.headers) {
      const std::string plain = ascii_lower(name);
      if (plain.starts_with("x-amz-checksum") || plain.starts_with("x-amz-sdk") || plain == "x-amz-trailer")
        return S3No{501, "NotImplemented"};
      if (plain == "content-encoding" || value.starts_with("STREAMING-")) return S3No{501, "NotImplemented"};
    }
    std::string user;
    if (const auto refused = authorize(wire, request, user)) return refused;
    const auto bucket = buckets_.find(wire.bucket);
    if (bucket == buckets_.end()) return S3No{404, "NoSuchBucket"};
    const bool reads = request.method == "GET" || request.method == "HEAD";
    const bool may = (!user.empty() && user == bucket->second.owner) || (reads && bucket->second.is_public);
    if (!may) return S3No{403, "AccessDenied"};
    if (wire.key.size() > 1024) return S3No{400, "KeyTooLongError"};
    if (wire.key.empty() && wire.has("uploads")) return list_uploads(wire, response);
    if (wire.key.empty()) return list(wire, bucket->second, response);
    if (request.method == "GET" && wire.has("uploadId")) return list_parts(wire, response);
    if (reads && user.empty() && bucket->second.hides_missing && !bucket->second.objects.contains(wire.key))
      return S3No{403, "AccessDenied"};
    if (reads) return read(wire, bucket->second, response);
    if (request.method == "DELETE") return erase(wire, bucket->second, response);
    return write(wire, request, response);
  }

  std::optional<S3No> list(const S3Wire& wire, const Bucket& bucket, httplib::Response& response)
      REQUIRES(mutex_) {
    const std::string prefix = wire.parameter("prefix");
    const std::string after = wire.parameter("continuation-token");
    std::string entries;
    std::string last;
    size_t listed = 0;
    bool is_truncated = false;
    for (const auto& [key, object] : bucket.objects) {
      if (!key.starts_with(prefix) || (!after.empty() && key <= after)) continue;
      if (listed == rules_.most_listed) {
        is_truncated = true;
        break;
      }
      ++listed;
      last = key;
      entries += "<Contents><Key>" + percent_encoded(key, EncodedPart::kPath) + "</Key><LastModified>" +
                 utc_time(object.stored_at_ms) + "</LastModified><ETag>&quot;" + object.etag +
                 "&quot;</ETag><Size>" + std::to_string(object.content.size()) + "</Size></Contents>";
    }
    response.status = 200;
    response.body = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>" +
                    std::string(is_truncated ? "true" : "false") + "</IsTruncated>" +
                    (is_truncated ? "<NextContinuationToken>" + last + "</NextContinuationToken>" : "") +
                    entries + "</ListBucketResult>";
    return std::nullopt;
  }

  std::optional<S3No> list_uploads(const S3Wire& wire, httplib::Response& response) REQUIRES(mutex_) {
    if (!rules_.tells_of_uploads) return S3No{403, "AccessDenied"};
    response.status = 200;
    response.body = list_of_uploads(uploads_, wire.bucket, wire.parameter("prefix"));
    return std::nullopt;
  }

  std::optional<S3No> list_parts(const S3Wire& wire, httplib::Response& response) REQUIRES(mutex_) {
    const auto upload = uploads_.find(wire.parameter("uploadId"));
    if (upload == uploads_.end()) return S3No{404, "NoSuchUpload"};
    response.status = 200;
    response.body =
        list_of_parts(upload->second, wire.parameter("part-number-marker"), rules_.part_etags_are_md5);
    return std::nullopt;
  }

  std::optional<S3No> read(const S3Wire& wire, const Bucket& bucket, httplib::Response& response)
      REQUIRES(mutex_) {
    const auto found = bucket.objects.find(wire.key);
    if (found == bucket.objects.end()) return S3No{404, "NoSuchKey"};
    const Object& object = found->second;
    response.body = object.content;
    response.set_header("ETag", "\"" + object.etag + "\"");
    response.set_header("Last-Modified", http_date(object.stored_at_ms));
    for (const auto& [name, value] : object.metadata) response.set_header(name.c_str(), value);
    return std::nullopt;
  }

  std::optional<S3No> erase(const S3Wire& wire, Bucket& bucket, httplib::Response& response)
      REQUIRES(mutex_) {
    response.status = 204;
    if (!wire.has("uploadId")) {
      bucket.objects.erase(wire.key);
    } else if (uploads_.erase(wire.parameter("uploadId")) == 0) {
      return S3No{404, "NoSuchUpload"};
    }
    return std::nullopt;
  }

  std::optional<S3No> write(const S3Wire& wire, const httplib::Request& request, httplib::Response& response)
      REQUIRES(mutex_) {
    response.status = 200;
    if (request.method == "POST" && wire.has("uploads")) {
      const std::string id = "upload-" + std::to_string(++last_upload_);
      uploads_[id] = {wire.bucket, wire.key, wire.metadata, {}, clock.now_ms()};
      response.body =
          "<InitiateMultipartUploadResult><UploadId>" + id + "</UploadId></InitiateMultipartUploadResult>";
      return std::nullopt;
    }
    if (!wire.has("uploadId")) {
      if (request.method != "PUT") return S3No{405, "MethodNotAllowed"};
      TimestampMs& last_ms = last_write_ms_[wire.bucket + "/" + wire.key];
      if (rules_.requires_pauses_between_writes && clock.now_ms() - last_ms < 1000) {
        clock.advance(1000);
        return S3No{429, "TooManyRequests"};
      }
      last_ms = clock.now_ms();
      const auto& objects = buckets_[wire.bucket].objects;
      const auto there = objects.find(wire.key);
      const auto etag = there == objects.end() ? std::nullopt : std::optional(there->second.etag);
      if (const auto refused = judge_conditions(request, etag, rules_.knows_conditions)) return refused;
      store(wire.bucket, wire.key, {.content = request.body, .metadata = wire.metadata});
      return std::nullopt;
    }
    const auto upload = uploads_.find(wire.parameter("uploadId"));
    if (upload == uploads_.end()) return S3No{404, "NoSuchUpload"};
    if (request.method == "POST") return complete(upload->first, upload->second, request, response);
    upload->second.parts[std::stoul(wire.parameter("partNumber"))] = request.body;
    ++parts_sent_;
    response.set_header("ETag", "\"" + etag_of_part(request.body, rules_.part_etags_are_md5) + "\"");
    return std::nullopt;
  }

  std::optional<S3No> complete(const std::string& id, const S3Upload& upload, const httplib::Request& request,
                               httplib::Response& response) REQUIRES(mutex_) {
    if (const auto refused =
            judge_completion(upload, request.body, rules_.least_part_bytes, rules_.part_etags_are_md5))
      return refused;
    Object object{.metadata = upload.metadata};
    for (const auto& [number, content] : upload.parts) {
      if (request.body.find("<PartNumber>" + std::to_string(number) + "<") == std::string::npos) continue;
      object.part_sizes.push_back(content.size());
      object.content += content;
    }
    store(upload.bucket, upload.key, std::move(object));
    uploads_.erase(id);
    response.body = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>";
    return std::nullopt;
  }

  const Rules rules_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  bool has_ended_ GUARDED_BY(mutex_) = false;
  std::map<std::string, std::string> secrets_ GUARDED_BY(mutex_);
  std::map<std::string, Bucket> buckets_ GUARDED_BY(mutex_);
  std::map<std::string, S3Upload> uploads_ GUARDED_BY(mutex_);
  std::map<std::string, int> requests_ GUARDED_BY(mutex_);
  std::map<std::string, int> writes_ GUARDED_BY(mutex_);
  std::map<std::string, TimestampMs> last_write_ms_ GUARDED_BY(mutex_);
  std::map<std::string, std::deque<S3Fault>> faults_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, S3Fault> lasting_faults_
      GUARDED_BY(mutex_);  // by method and bucket
  int last_upload_ GUARDED_BY(mutex_) = 0;
  int parts_sent_ GUARDED_BY(mutex_) = 0;
  httplib::Server server_;
  int port_ = -1;
  std::thread thread_;
};

}  // namespace templar::testing
