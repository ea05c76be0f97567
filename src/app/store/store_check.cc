#include "app/store/store_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "adapters/file_store/file_object_store.h"
#include "app/world/open_store.h"
#include "base/files/file.h"
#include "base/random.h"
#include "base/uuid.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckBucket = "templar-check";
constexpr int kLatencySamples = 7;
// Contributions count within a put window of about a minute, by the store's clock.
constexpr int64_t kClocksDifferMs = 5'000;

class StoreCheck {
 public:
  StoreCheck(const StoreAddress& address, const StoreCheckOptions& options, const Clock& clock,
             const std::function<void(const CheckedProperty&)>& seen)
      : address_(address), options_(options), clock_(clock), seen_(seen) {}

  Result<std::vector<CheckedProperty>> run() {
    const auto* folder = std::get_if<FileAddress>(&address_);
    if (folder == nullptr) return run_all();
    const fs::path temporary = fs::path(folder->folder) / FileObjectStore::kTemporaryName;
    const bool was_there = is_there(temporary);
    auto found = run_all();
    std::error_code error;  // it is not empty: somebody else writes there now
    if (!was_there) fs::remove(temporary, error);
    return found;
  }

 private:
  Result<std::vector<CheckedProperty>> run_all() {
    TRY_ASSIGN(const auto store, open_store(address_, access(), clock_));
    const std::string key = random_uuid();
    if (!check_writing(*store, key)) return std::move(found_);
    check_reading(*store, key);
    check_listing(*store, key);
    check_clock(*store, key);
    check_latency(*store, key);
    check_throughput(*store, key + "-large");
    if (const auto* s3 = std::get_if<S3Address>(&address_)) {
      check_strangers(key);
      check_for_peers(*s3);
    }
    check_removing(*store, key);
    return std::move(found_);
  }

  [[nodiscard]] StoreAccess access(bool without_keys = false) const {
    return {.without_keys = without_keys,
            .profile = options_.profile,
            .is_cancelled = options_.is_cancelled,
            .most_retries = options_.most_retries};
  }

  void note(CheckVerdict verdict, std::string name, std::string text) {
    found_.push_back({verdict, std::move(name), std::move(text)});
    seen_(found_.back());
  }
  bool note_status(const Status& status, const std::string& name, const std::string& good) {
    note(status ? CheckVerdict::kGood : CheckVerdict::kBad, name, status ? good : status.error().message);
    return status.has_value();
  }

  bool check_writing(ObjectStore& store, const std::string& key) {
    return note_status(store.put(kCheckBucket, key, as_bytes(key)), "write", "an object was put");
  }

  void check_reading(ObjectStore& store, const std::string& key) {
    const auto content = store.get(kCheckBucket, key, 1 << 10);
    const bool is_equal = content && as_text(*content) == key;
    note(is_equal ? CheckVerdict::kGood : CheckVerdict::kBad, "read",
         is_equal  ? "it came back equal"
         : content ? "what came back is not what was put: is there a cache in between?"
                   : content.error().message);
  }

  void check_listing(ObjectStore& store, const std::string& key) {
    const auto listed = store.list(kCheckBucket, key);
    const bool is_listed = listed && listed->size() == 1;
    note(is_listed ? CheckVerdict::kGood : CheckVerdict::kBad, "list",
         is_listed ? "it is listed"
         : listed  ? "it is not listed: the service must show a list with all that was put before"
                   : listed.error().message);
  }

  void check_clock(ObjectStore& store, const std::string& key) {
    // Put anew, so that little time has gone by.
    const Status status = store.put(kCheckBucket, key, as_bytes(key));
    if (!status) return note(CheckVerdict::kBad, "clock", status.error().message);
    const TimestampMs now_ms = clock_.now_ms();
    const auto info = store.head(kCheckBucket, key);
    if (!info || !*info)
      return note(CheckVerdict::kBad, "clock", info ? "the object is gone" : info.error().message);
    const int64_t ahead_ms = (*info)->stored_at_ms - now_ms;
    const bool is_close = std::abs(ahead_ms) <= kClocksDifferMs;
    const double ahead_seconds =
        static_cast<double>(ahead_ms / 100) / 10;  // what is next to nothing has no sign
    note(is_close ? CheckVerdict::kGood : CheckVerdict::kWarning, "clock",
         fmt::format("the store's is {:+.1f} s from ours{}", ahead_seconds,
                     is_close ? "" : ": set this machine's clock (contributions count by the store's)"));
  }

  void check_latency(ObjectStore& store, const std::string& key) {
    std::vector<double> seconds;
    for (int i = 0; i < kLatencySamples; ++i) {
      const Stopwatch watch;
      if (!store.head(kCheckBucket, key)) return;
      seconds.push_back(watch.seconds());
    }
    std::ranges::sort(seconds);
    note(CheckVerdict::kGood, "latency",
         fmt::format("{:.1f} ms in the median of {}", seconds[kLatencySamples / 2] * 1000, kLatencySamples));
  }

  void check_throughput(ObjectStore& store, const std::string& key) {
    Bytes content(options_.sample_bytes);
    Random random(1, "store check");
    for (uint8_t& byte : content) byte = static_cast<uint8_t>(random.next());
    const Stopwatch up;
    Status status = store.put(kCheckBucket, key, content);
    const double up_seconds = up.seconds();
    const Stopwatch down;
    const auto back = status ? store.get(kCheckBucket, key, content.size()) : Bytes();
    const double down_seconds = down.seconds();
    if (status && !back) status = std::unexpected(back.error());
    if (status && *back != content) status = fatal_error("what came back is not what was put");
    const double megabits = static_cast<double>(content.size()) * 8 / 1e6;
    note_status(
        status, "throughput",
        fmt::format("{:.0f} Mbit/s up, {:.0f} Mbit/s down ({:.1f} MB, one object)", megabits / up_seconds,
                    megabits / down_seconds, static_cast<double>(content.size()) / 1e6));
    if (const Status removed = store.remove(kCheckBucket, key); !removed)
      note(CheckVerdict::kWarning, "remove", removed.error().message);
  }

  // What anybody may do who knows the address.
  void check_strangers(const std::string& key) {
    const auto opened = open_store(options_.for_peers ? *options_.for_peers : address_, access(true), clock_);
    if (!opened) return note(CheckVerdict::kBad, "others", opened.error().message);
    ObjectStore& store = **opened;
    const bool can_read = store.get(kCheckBucket, key, 1 << 10).has_value();
    note(can_read ? CheckVerdict::kGood : CheckVerdict::kWarning, "others read",
         can_read ? "as peers do"
                  : "they can't: peers can't fetch what a node puts here; let everybody get objects by the "
                    "bucket's policy, or register a key that may (--read-key-file)");
    const auto missing = store.head(kCheckBucket, key + "-missing");
    if (can_read && (!missing || *missing)) {
      note(CheckVerdict::kWarning, "others miss",
           "what is missing looks forbidden to them: they can't tell a late contribution from a locked "
           "bucket; let "
           "everybody list the bucket, too (s3:ListBucket)");
    }
    const bool can_write = store.put(kCheckBucket, key + "-stranger", as_bytes(key)).has_value();
    if (can_write) static_cast<void>(store.remove(kCheckBucket, key + "-stranger"));
    note(can_write ? CheckVerdict::kBad : CheckVerdict::kGood, "others write",
         can_write ? "they can: anybody could replace what a node puts here; forbid it by the "
                     "bucket's policy"
                   : "they can't");
  }

  void check_for_peers(const S3Address& address) {
    const Status status =
        check_peer_address(options_.for_peers ? *options_.for_peers : address, options_.peer_rules);
    note(status ? CheckVerdict::kGood : CheckVerdict::kWarning, "address",
         status ? "peers would take it"
                : "peers would refuse it: " + status.error().message +
                      " (a run of one house may allow it: network.allow_http_stores, "
                      "network.allow_private_stores)");
  }

  void check_removing(ObjectStore& store, const std::string& key) {
    note_status(store.remove(kCheckBucket, key), "remove", "what this check had put is gone");
  }

  const StoreAddress& address_;
  const StoreCheckOptions& options_;
  const Clock& clock_;
  const std::function<void(const CheckedProperty&)>& seen_;
  std::vector<CheckedProperty> found_;
};

}  // namespace

Result<std::vector<CheckedProperty>> check_store(const StoreAddress& address,
                                                 const StoreCheckOptions& options, const Clock& clock,
                                                 const std::function<void(const CheckedProperty&)>& seen) {
  return StoreCheck(address, options, clock, seen).run();
}

}  // namespace templar
