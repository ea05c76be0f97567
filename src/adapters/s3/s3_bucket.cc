#include "adapters/s3/s3_bucket.h"

#include <fmt/format.h>

namespace templar {

std::string public_reading_policy(const std::string& bucket) {
  return fmt::format(
      R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*",)"
      R"("Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::{0}","arn:aws:s3:::{0}/*"]}}]}})",
      bucket);
}

Status make_bucket(S3Client& client, const std::string& region, const std::string& bucket, bool is_public) {
  // Amazon wants the region of a bucket in the request, but of this one; others take or pass over it.
  const bool says_region = region != "us-east-1" && region != "auto";
  const std::string place = says_region
                                ? fmt::format(
                                      "<CreateBucketConfiguration><LocationConstraint>{}</LocationConstraint>"
                                      "</CreateBucketConfiguration>",
                                      region)
                                : "";
  const auto made = client.send({.method = "PUT",
                                 .bucket = bucket,
                                 .key = "",
                                 .body = as_bytes(std::string_view(place)),
                                 .welcome_refusals = {"BucketAlreadyOwnedByYou"}});
  if (!made) return std::unexpected(made.error());
  if (!is_public) return {};
  const std::string policy = public_reading_policy(bucket);
  const auto opened = client.send({.method = "PUT",
                                   .bucket = bucket,
                                   .key = "",
                                   .query = {{"policy", ""}},
                                   .body = as_bytes(std::string_view(policy))});
  if (opened) return {};
  return annotate(opened.error(), "the bucket is there, but could not be opened for reading");
}

}  // namespace templar
