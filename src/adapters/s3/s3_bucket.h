// Making a bucket that a node's objects can lie in.
#pragma once

#include <string>

#include "adapters/s3/s3_client.h"

namespace templar {

// Makes the bucket, unless it is ours already; is_public: everybody may then read and list what is in it, and
// nothing else. Fails as S3Client::send does: (its refusal) where the name is somebody else's, where the keys
// may not, and where the service has no policies for buckets.
[[nodiscard]] Status make_bucket(S3Client& client, const std::string& region, const std::string& bucket,
                                 bool is_public);

// The policy that lets everybody read the bucket.
[[nodiscard]] std::string public_reading_policy(const std::string& bucket);

}  // namespace templar
