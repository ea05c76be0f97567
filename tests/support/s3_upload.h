// Uploads in parts as StrictS3Server keeps them, and what it tells of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/s3/md5.h"
#include "base/sha256.h"
#include "support/s3_fault.h"
#include "support/s3_wire.h"

namespace templar::testing {

struct S3Upload {
  std::string bucket, key;
  std::map<std::string, std::string> metadata;
  std::map<size_t, std::string> parts;
  TimestampMs begun_at_ms = 0;
};

[[nodiscard]] inline std::string etag_of_part(const std::string& content, bool is_md5) {
  return is_md5 ? md5_hex(as_bytes(content)) : sha256(as_bytes(content)).hex().substr(0, 32);
}

// By their ids.
[[nodiscard]] inline std::string list_of_uploads(const std::map<std::string, S3Upload>& uploads,
                                                 const std::string& bucket, const std::string& prefix) {
  std::string entries;
  for (const auto& [id, upload] : uploads) {
    if (upload.bucket != bucket || !upload.key.starts_with(prefix)) continue;
    entries += "<Upload><Key>" + upload.key + "</Key><UploadId>" + id + "</UploadId><Initiated>" +
               utc_time(upload.begun_at_ms) + "</Initiated></Upload>";
  }
  return "<ListMultipartUploadsResult>" + entries + "</ListMultipartUploadsResult>";
}

// The two after that number; empty: the first two.
[[nodiscard]] inline std::string list_of_parts(const S3Upload& upload, const std::string& marker,
                                               bool etags_are_md5) {
  std::string entries;
  std::string last;
  auto part = upload.parts.upper_bound(marker.empty() ? 0 : std::stoul(marker));
  for (int i = 0; i < 2 && part != upload.parts.end(); ++i, ++part) {
    last = std::to_string(part->first);
    entries += "<Part><PartNumber>" + last + "</PartNumber><Size>" + std::to_string(part->second.size()) +
               "</Size><ETag>&quot;" + etag_of_part(part->second, etags_are_md5) + "&quot;</ETag></Part>";
  }
  const bool goes_on = part != upload.parts.end();
  return "<ListPartsResult><IsTruncated>" + std::string(goes_on ? "true" : "false") + "</IsTruncated>" +
         (goes_on ? "<NextPartNumberMarker>" + last + "</NextPartNumberMarker>" : "") + entries +
         "</ListPartsResult>";
}

// Why the parts that the request names, from the first on, make no object: their ETags, or sizes that a
// service would refuse.
[[nodiscard]] inline std::optional<S3No> judge_completion(const S3Upload& upload, const std::string& request,
                                                          size_t least_part_bytes, bool etags_are_md5) {
  std::string expected;
  std::vector<size_t> sizes;
  for (const auto& [number, content] : upload.parts) {
    const std::string named = "<Part><PartNumber>" + std::to_string(number) + "</PartNumber>";
    // What an earlier attempt has left behind the last is nothing to the object.
    if (request.find(named) == std::string::npos) continue;
    expected += named + "<ETag>&quot;" + etag_of_part(content, etags_are_md5) + "&quot;</ETag></Part>";
    sizes.push_back(content.size());
  }
  if (sizes.empty() || request.find(expected + "</CompleteMultipartUpload>") == std::string::npos)
    return S3No{400, "InvalidPart"};
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    if (sizes[i] != sizes[0]) return S3No{400, "InvalidPart"};
    if (sizes[i] < least_part_bytes) return S3No{400, "EntityTooSmall"};
  }
  if (sizes.size() > 1 && sizes.back() > sizes[0]) return S3No{400, "InvalidPart"};
  return std::nullopt;
}

}  // namespace templar::testing
