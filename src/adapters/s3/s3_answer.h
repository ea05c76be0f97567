// What S3 servers say: errors, lists, uploads in parts. All of it comes from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/object_store.h"

namespace templar {

struct S3Refusal {
  std::string code;     // "SlowDown"; empty where the body has none
  std::string message;  // on one line, at most 300 bytes, nothing in it commands a terminal
};

// An error's body; empty fields where it is none (HEAD has no body, proxies answer in HTML).
[[nodiscard]] S3Refusal parse_refusal(std::string_view body);

struct ListPage {
  std::vector<ObjectInfo> objects;  // whole keys of the bucket, as the server lists them
  std::string next;                 // the token for the next page; empty: this was the last
};

// An answer to ListObjectsV2 with encoding-type=url. Fails (skip) if it is none or a field is wrong.
[[nodiscard]] Result<ListPage> parse_list_page(std::string_view body);

// The id in an answer to CreateMultipartUpload; fails (skip).
[[nodiscard]] Result<std::string> parse_upload_id(std::string_view body);

// An upload in parts that is neither complete nor aborted.
struct OpenUpload {
  std::string key;
  std::string id;
  TimestampMs begun_at_ms = 0;
};
// An answer to ListMultipartUploads, of which the first page is enough for who asks for one key. Fails
// (skip).
[[nodiscard]] Result<std::vector<OpenUpload>> parse_open_uploads(std::string_view body);

struct StoredPart {
  int64_t number = 0;  // from 1
  uint64_t size_bytes = 0;
  std::string etag;  // see version_of_etag; mostly the MD5 of its content
};
struct PartPage {
  std::vector<StoredPart> parts;
  std::string next;  // the number after which the next page begins; empty: this was the last
};
// An answer to ListParts. Fails (skip).
[[nodiscard]] Result<PartPage> parse_part_page(std::string_view body);

// CompleteMultipartUpload may answer 200 with an error inside: the error, if it is one. Fails (skip) if it is
// neither an error nor a completed upload.
[[nodiscard]] Result<std::optional<S3Refusal>> parse_completion(std::string_view body);

// What is sent to complete an upload: the parts' ETags, from part 1 on.
[[nodiscard]] std::string completion_request(const std::vector<std::string>& etags);

// An object's version, of the ETag that a server gives. It is no hash: of objects in parts it never is one.
[[nodiscard]] std::string version_of_etag(std::string_view etag);

}  // namespace templar
