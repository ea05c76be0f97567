#include "node/window/stored_contribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/back_off.h"
#include "core/protocol/object_keys.h"

namespace templar {
namespace {

// A store that does not answer is asked again at once, and then counts as away: a gather that waited for one
// peer's store would keep all others waiting.
constexpr int kStoreRetries = 2;

template <typename Call>
auto ask_store(const Call& call) {
  return retry_at_once(kStoreRetries, ErrorKind::kRetry, call);
}

uint64_t largest_object(const NodeEnvironment& environment, const RunSpec& spec, bool is_sealed) {
  return static_cast<uint64_t>(is_sealed ? max_upload_size(environment.layout, spec.codec)
                                         : max_contribution_size(environment.layout, spec.codec));
}

// Fails (retry): it may be there all the same.
std::unexpected<Error> given_up() {
  return retry_error("given up");
}

// An object, in memory or in a scratch file.
Result<SharedBytes> download(const NodeEnvironment& environment, std::string_view bucket,
                             const ObjectInfo& object, uint64_t limit, const PeerCall& call) {
  // With the limit again: since the look at its size the object may have been replaced.
  const auto hand_over = [&](const PieceSink& sink) {
    return environment.store.get_pieces(bucket, object.key, limit, [&](ByteView piece) {
      call.hear_bytes(piece.size());
      return sink(piece);
    });
  };
  if (!call.make_room(object.size_bytes)) return given_up();
  TRY_ASSIGN(SharedBytes bytes, ask_store([&] { return environment.contributions->hold(hand_over); }));
  if (bytes.view().size() != object.size_bytes) {
    return skip_error(fmt::format("{}/{} has {} bytes, and was said to have {}", bucket, object.key,
                                  bytes.view().size(), object.size_bytes));
  }
  if (!call.arrive()) return given_up();
  return bytes;
}

// What read gives, or gave when another node of this process read the same version of the object.
Result<ParsedObject> parsed_object(const NodeEnvironment& environment, const RunSpec& spec, int64_t window,
                                   std::string_view bucket, const ObjectInfo& object,
                                   const std::function<Result<SharedBytes>()>& read) {
  return environment.contributions->parsed(window, bucket, object, read, [&](SharedBytes bytes) {
    return parse_contribution(std::move(bytes), environment.layout, spec.codec);
  });
}

// An answer of what has been read: the contribution, or why the bytes are none.
PeerAnswer answer_of(Result<ParsedObject> object, const PeerCall& call) {
  if (!object && object.error().kind == ErrorKind::kRetry) return std::unexpected(std::move(object).error());
  if (!object) return missing_verdict("store: " + object.error().message);
  if (const Error* problem = std::get_if<Error>(&*object)) return invalid_verdict(problem->message);
  // What another node has read is here as well.
  if (!call.arrive()) return given_up();
  return std::get<Contribution>(*std::move(object));
}

// Whether the object was stored while contributions could be; the reason says by how much it was not.
Verdict judge_time(const ObjectInfo& info, const PutWindow& times) {
  if (info.stored_at_ms < times.opens_ms) {
    return {VerdictCode::kTooEarly,
            fmt::format("stored {} ms before the window began", times.opens_ms - info.stored_at_ms)};
  }
  if (info.stored_at_ms >= times.uploads_end_ms) {
    const bool is_sealed = times.uploads_end_ms != times.closes_ms;
    return {VerdictCode::kTooLate,
            fmt::format("stored {} ms after the {}", info.stored_at_ms - times.uploads_end_ms,
                        is_sealed ? "window was over" : "put window closed")};
  }
  return {};
}

Verdict judge_size(const ObjectInfo& info, uint64_t limit) {
  if (info.size_bytes <= limit) return {};
  return invalid_verdict(fmt::format("{} bytes, at most {} are legal", info.size_bytes, limit));
}

PeerAnswer read_open(const NodeEnvironment& environment, const RunSpec& spec, int64_t window,
                     std::string_view bucket, const ObjectInfo& object, const PeerCall& call) {
  const uint64_t limit = largest_object(environment, spec, false);
  if (Verdict size = judge_size(object, limit); !size.accepted()) return size;
  return answer_of(parsed_object(environment, spec, window, bucket, object,
                                 [&] { return download(environment, bucket, object, limit, call); }),
                   call);
}

// Of sealed uploads.

using JudgeHeader = std::function<Verdict(const UploadHeader&)>;

struct UploadPlace {
  const std::string& bucket;
  int64_t window = 0;
  ObjectInfo object;
  SharedBytes at_hand{};  // empty: it is not
};

// The header, or why it is none that counts. Fails as store calls do.
Result<std::variant<UploadHeader, Verdict>> read_upload_header(const NodeEnvironment& environment,
                                                               const UploadPlace& place,
                                                               const JudgeHeader& judge) {
  Bytes read;
  ByteView first = place.at_hand.view();
  if (first.empty()) {
    const ByteRange range{0, std::min<uint64_t>(place.object.size_bytes, kUploadHeaderBytes)};
    TRY_ASSIGN(read,
               ask_store([&] { return environment.store.get_range(place.bucket, place.object.key, range); }));
    first = read;
  }
  const auto header = parse_upload_header(first);
  if (!header) return invalid_verdict(header.error().message);
  if (std::cmp_not_equal(upload_size(header->size_bytes), place.object.size_bytes)) {
    return invalid_verdict(fmt::format("{} bytes, the upload of {} has {}", place.object.size_bytes,
                                       header->size_bytes, upload_size(header->size_bytes)));
  }
  if (Verdict verdict = judge(*header); !verdict.accepted()) return verdict;
  return *header;
}

// The key that the header names, or why it is not there. Its time is judged where times are given.
Result<std::variant<CipherKey, Verdict>> read_upload_key(const NodeEnvironment& environment,
                                                         const UploadPlace& place, const UploadHeader& header,
                                                         const PutWindow* times, const PeerCall& call) {
  const std::string name = upload_key_key(place.window);
  TRY_ASSIGN(const auto info, look_at(environment, place.bucket, name, call));
  if (!info) return Verdict{VerdictCode::kNoKey, "nothing stored as its key"};
  if (times != nullptr && info->stored_at_ms >= times->closes_ms) {
    return Verdict{VerdictCode::kNoKey, fmt::format("key stored {} ms after the put window closed",
                                                    info->stored_at_ms - times->closes_ms)};
  }
  if (info->size_bytes != kUploadKeyBytes)
    return Verdict{VerdictCode::kWrongKey, fmt::format("{} bytes stored as its key", info->size_bytes)};
  // Once more, so that one read that went wrong takes a window from nobody.
  for (int reading = 0; reading < 2; ++reading) {
    auto bytes = ask_store([&] { return environment.store.get(place.bucket, name, kUploadKeyBytes); });
    if (!bytes && bytes.error().kind == ErrorKind::kRetry) return std::unexpected(std::move(bytes).error());
    if (!bytes || bytes->size() != kUploadKeyBytes) continue;
    CipherKey key;
    std::ranges::copy(*bytes, key.bytes.begin());
    if (upload_key_hash(key) == header.key_hash) return key;
  }
  return Verdict{VerdictCode::kWrongKey, "what is stored as its key is not the key that the upload names"};
}

// Decrypted into memory or a scratch file of its own.
Result<SharedBytes> open_into_pool(const NodeEnvironment& environment, const UploadHeader& header,
                                   ByteView upload, const CipherKey& key) {
  return environment.contributions->hold(
      [&](const PieceSink& sink) { return open_upload(header, upload, key, sink); });
}

PeerAnswer read_sealed(const NodeEnvironment& environment, const RunSpec& spec, const UploadPlace& place,
                       const JudgeHeader& judge, const PutWindow* times, const PeerCall& call) {
  const uint64_t limit = largest_object(environment, spec, true);
  if (Verdict size = judge_size(place.object, limit); !size.accepted()) return size;
  auto named = read_upload_header(environment, place, judge);
  if (!named && named.error().kind == ErrorKind::kRetry) return std::unexpected(std::move(named).error());
  if (!named) return missing_verdict("store: " + named.error().message);
  if (auto* verdict = std::get_if<Verdict>(&*named)) return std::move(*verdict);
  const auto& header = std::get<UploadHeader>(*named);
  // The key stands before the content: what can't be opened is not worth a download.
  TRY_ASSIGN(auto found, read_upload_key(environment, place, header, times, call));
  if (auto* verdict = std::get_if<Verdict>(&found)) return std::move(*verdict);
  const auto& key = std::get<CipherKey>(found);

  std::optional<Verdict> not_opened;
  const auto read = [&]() -> Result<SharedBytes> {
    SharedBytes upload = place.at_hand;
    if (upload.view().empty()) {
      TRY_ASSIGN(upload, download(environment, place.bucket, place.object, limit, call));
    } else if (!call.arrive()) {
      return given_up();
    }
    auto content = open_into_pool(environment, header, upload.view(), key);
    if (!content && content.error().kind == ErrorKind::kSkip)
      not_opened = invalid_verdict(content.error().message);
    return content;
  };
  auto object = parsed_object(environment, spec, place.window, place.bucket, place.object, read);
  if (not_opened) return *std::move(not_opened);
  TRY_ASSIGN(auto answer, answer_of(std::move(object), call));
  const auto* contribution = std::get_if<Contribution>(&answer);
  if (contribution != nullptr && contribution->content_hash() != header.content_hash) {
    return invalid_verdict(fmt::format("the upload names content {}, and has {}", header.content_hash.brief(),
                                       contribution->content_hash().brief()));
  }
  return answer;
}

// The contribution, if it is the one that a record names; a verdict becomes an error.
PeerAnswer only_named(PeerAnswer answer, const AcceptedContribution& wanted) {
  if (!answer) return answer;
  if (const auto* verdict = std::get_if<Verdict>(&*answer)) return skip_error(verdict->reason);
  const auto& contribution = std::get<Contribution>(*answer);
  if (contribution.header().uid == wanted.uid && contribution.content_hash() == wanted.content_hash)
    return answer;
  return skip_error(fmt::format("content {} is stored, the leader's record names {}",
                                contribution.content_hash().brief(), wanted.content_hash.brief()));
}

std::unexpected<Error> is_missing(std::string_view bucket, std::string_view key) {
  return skip_error(fmt::format("object {}/{}: missing", bucket, key));
}

}  // namespace

Verdict missing_verdict(std::string reason) {
  return {VerdictCode::kMissing, std::move(reason)};
}

Result<std::optional<ObjectInfo>> look_at(const NodeEnvironment& environment, std::string_view bucket,
                                          const std::string& key, const PeerCall& call) {
  TRY_ASSIGN(auto info, ask_store([&] { return environment.store.head(bucket, key); }));
  call.hear_answer();
  return info;
}

PeerAnswer read_published(const NodeEnvironment& environment, const RunSpec& spec, int64_t window,
                          const PutWindow& times, const Registration& miner, const PeerCall& call,
                          const DownloadedUploads* at_hand) {
  // Time and size stand before the content: what is late or too large is not worth a download.
  TRY_ASSIGN(const auto info, look_at(environment, miner.bucket, contribution_key(window), call));
  if (!info) return missing_verdict("nothing stored");
  if (Verdict time = judge_time(*info, times); !time.accepted()) return time;
  if (!spec.network.sealed_uploads) return read_open(environment, spec, window, miner.bucket, *info, call);
  UploadPlace place{.bucket = miner.bucket, .window = window, .object = *info};
  if (at_hand != nullptr) {
    const auto found = at_hand->find(miner.uid);
    const bool is_same = found != at_hand->end() && !info->version.empty() &&
                         found->second.object.version == info->version &&
                         found->second.object.size_bytes == info->size_bytes;
    if (is_same) place.at_hand = found->second.bytes;
  }
  const ExpectedContribution expected{.run_id = environment.run_id,
                                      .window = window,
                                      .uid = miner.uid,
                                      .public_key = miner.key,
                                      .samples = std::nullopt,
                                      .content_hash = std::nullopt};
  return read_sealed(
      environment, spec, place, [&](const UploadHeader& header) { return check_upload(header, expected); },
      &times, call);
}

// Neither time nor content is judged: the leader has judged it, and the hash says that it is the same one.
PeerAnswer read_named(const NodeEnvironment& environment, const RunSpec& spec, int64_t window,
                      const std::string& bucket, const AcceptedContribution& wanted, const PeerCall& call) {
  const std::string key = contribution_key(window);
  TRY_ASSIGN(const auto info, look_at(environment, bucket, key, call));
  if (!info) return is_missing(bucket, key);
  if (!spec.network.sealed_uploads)
    return only_named(read_open(environment, spec, window, bucket, *info, call), wanted);
  const auto is_named = [&wanted](const UploadHeader& header) -> Verdict {
    if (header.content_hash == wanted.content_hash) return {};
    return invalid_verdict(fmt::format("content {} is stored, the leader's record names {}",
                                       header.content_hash.brief(), wanted.content_hash.brief()));
  };
  return only_named(read_sealed(environment, spec, {.bucket = bucket, .window = window, .object = *info},
                                is_named, nullptr, call),
                    wanted);
}

PeerAnswer read_named_copy(const NodeEnvironment& environment, const RunSpec& spec, int64_t window,
                           const std::string& bucket, const AcceptedContribution& wanted,
                           const PeerCall& call) {
  const std::string key = accepted_contribution_key(window, wanted.uid);
  TRY_ASSIGN(const auto info, look_at(environment, bucket, key, call));
  if (!info) return is_missing(bucket, key);
  return only_named(read_open(environment, spec, window, bucket, *info, call), wanted);
}

Result<std::optional<DownloadedUpload>> download_upload(const NodeEnvironment& environment,
                                                        const RunSpec& spec, int64_t window,
                                                        const PutWindow& times, const Registration& miner,
                                                        const PeerCall& call) {
  TRY_ASSIGN(const auto info, look_at(environment, miner.bucket, contribution_key(window), call));
  const uint64_t limit = largest_object(environment, spec, true);
  // Without a version nobody could tell later whether it is still the same.
  if (!info || info->version.empty() || !judge_time(*info, times).accepted() || info->size_bytes > limit)
    return std::nullopt;
  auto bytes = download(environment, miner.bucket, *info, limit, call);
  if (!bytes && bytes.error().kind == ErrorKind::kRetry) return std::unexpected(std::move(bytes).error());
  if (!bytes) return std::nullopt;
  return DownloadedUpload{*info, *std::move(bytes)};
}

}  // namespace templar
