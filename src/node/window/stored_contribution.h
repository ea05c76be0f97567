// What one bucket has of a window: a contribution, open or sealed, and of a sealed one the key. spec: the run
// spec in force in that window.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/protocol/aggregate_record.h"
#include "core/protocol/sealed_upload.h"
#include "core/run/window_plan.h"
#include "node/window/environment.h"
#include "node/window/peer_calls.h"

namespace templar {

// Sealed uploads that were downloaded before their keys were out, by uid.
struct DownloadedUpload {
  ObjectInfo object;
  SharedBytes bytes;
};
using DownloadedUploads = std::map<uint32_t, DownloadedUpload>;

// The contribution that a miner has published for a window, or why it does not count as far as the stores,
// the bytes and the miner's key on the ledger tell: not the window's model nor its samples. at_hand, if it is
// given, is used in place of a download where the store has the same version. Fails (retry) where the store
// was away.
[[nodiscard]] PeerAnswer read_published(const NodeEnvironment& environment, const RunSpec& spec,
                                        int64_t window, const PutWindow& times, const Registration& miner,
                                        const PeerCall& call, const DownloadedUploads* at_hand = nullptr);

// The contribution that a record names, as its miner has published it; its time is not judged. Fails (retry)
// where the store was away, (skip) where it has no such object, something else in its place, or no key to it.
[[nodiscard]] PeerAnswer read_named(const NodeEnvironment& environment, const RunSpec& spec, int64_t window,
                                    const std::string& bucket, const AcceptedContribution& wanted,
                                    const PeerCall& call);
// The same of a validator's copy, which is open.
[[nodiscard]] PeerAnswer read_named_copy(const NodeEnvironment& environment, const RunSpec& spec,
                                         int64_t window, const std::string& bucket,
                                         const AcceptedContribution& wanted, const PeerCall& call);

// The sealed upload that a miner has stored in time, not opened; nullopt where it has none that could count.
// Fails (retry) where the store was away.
[[nodiscard]] Result<std::optional<DownloadedUpload>> download_upload(const NodeEnvironment& environment,
                                                                      const RunSpec& spec, int64_t window,
                                                                      const PutWindow& times,
                                                                      const Registration& miner,
                                                                      const PeerCall& call);

// What the bucket has under that key. Fails (retry) where the store was away.
[[nodiscard]] Result<std::optional<ObjectInfo>> look_at(const NodeEnvironment& environment,
                                                        std::string_view bucket, const std::string& key,
                                                        const PeerCall& call);

[[nodiscard]] Verdict missing_verdict(std::string reason);

}  // namespace templar
