#include "node/window/contribution_pool.h"

#include <algorithm>
#include <utility>

#include "base/files/scratch_file.h"
#include "base/log/log.h"

namespace templar {
namespace {

// What an entry costs besides the contribution's bytes, about.
constexpr size_t kEntryBytes = 1024;

void say_no_file(const Error& error) {
  log(LogLevel::kWarning, "gather", "a contribution stays in memory", {{"reason", error.message}});
}

// Content on its way: in memory as long as it is small, then in a scratch file.
class IncomingBytes {
 public:
  explicit IncomingBytes(size_t small_bytes) : small_bytes_(small_bytes) {}

  Status add(ByteView piece) {
    if (!file_ && !stays_in_memory_ && memory_.size() + piece.size() > small_bytes_) begin_file();
    if (!file_) {
      memory_.insert(memory_.end(), piece.begin(), piece.end());
      return {};
    }
    const Status written = file_->append(piece);
    if (!written) TRY(return_to_memory(written.error(), piece));
    return {};
  }
  [[nodiscard]] bool is_in_file() const { return file_.has_value(); }
  [[nodiscard]] Result<SharedBytes> share_file() { return file_->share(); }
  [[nodiscard]] Bytes take_memory() { return std::move(memory_); }

 private:
  void begin_file() {
    auto file = ScratchFile::create();
    Status begun = file ? file->append(memory_) : Status(std::unexpected(file.error()));
    if (!begun) {
      say_no_file(begun.error());
      stays_in_memory_ = true;
      return;
    }
    file_.emplace(std::move(*file));
    Bytes().swap(memory_);
  }
  // The disk is full.
  Status return_to_memory(const Error& why, ByteView piece) {
    say_no_file(why);
    TRY_ASSIGN(const ByteView written, file_->map());
    memory_.assign(written.begin(), written.end());
    memory_.insert(memory_.end(), piece.begin(), piece.end());
    file_.reset();
    stays_in_memory_ = true;
    return {};
  }

  const size_t small_bytes_;
  Bytes memory_;
  std::optional<ScratchFile> file_;
  bool stays_in_memory_ = false;
};

}  // namespace

ContributionPool::ContributionPool(const ContributionPoolOptions& options)
    : options_(options),
      reading_threads_(options.reading_threads),
      checking_threads_(options.checking_threads),
      in_memory_(std::make_shared<std::atomic<size_t>>(0)) {}

CallingThreads ContributionPool::threads(int useful_calls_at_once) {
  const int wanted = std::max(useful_calls_at_once, options_.checking_threads);
  return {reading_threads_, checking_threads_, std::min(wanted, options_.reading_threads)};
}

Result<SharedBytes> ContributionPool::hold(const ContentWriter& read) {
  IncomingBytes incoming(options_.small_bytes);
  TRY(read([&](ByteView piece) { return incoming.add(piece); }));
  if (incoming.is_in_file()) return incoming.share_file();
  Bytes bytes = incoming.take_memory();
  const size_t size = bytes.size();
  const bool is_small = size <= options_.small_bytes;
  if (is_small && in_memory_->fetch_add(size) + size <= options_.memory_bytes) {
    const auto owner = std::shared_ptr<const Bytes>(new Bytes(std::move(bytes)),
                                                    [counter = in_memory_, size](const Bytes* held) {
                                                      delete held;
                                                      counter->fetch_sub(size);
                                                    });
    return SharedBytes(*owner, owner);
  }
  if (!is_small) return SharedBytes(std::move(bytes));  // there was no room for a file
  in_memory_->fetch_sub(size);
  auto in_file = move_to_scratch_file(bytes);
  if (in_file) return in_file;
  say_no_file(in_file.error());
  return SharedBytes(std::move(bytes));
}

Result<ParsedObject> ContributionPool::parsed(int64_t window, std::string_view bucket,
                                              const ObjectInfo& object,
                                              const std::function<Result<SharedBytes>()>& read,
                                              const std::function<Result<Contribution>(SharedBytes)>& parse) {
  const bool is_shared = options_.kept_windows > 0 && !object.version.empty();
  std::string name;
  if (is_shared) {
    name.append(bucket).append("/").append(object.key);
    if (auto found = find(window, name, object)) return *std::move(found);
  }
  // Without the lock: two nodes that ask at the same moment both read, and none waits for the other's disk.
  TRY_ASSIGN(SharedBytes bytes, read());
  Result<Contribution> outcome = parse(std::move(bytes));
  ParsedObject parsed =
      outcome ? ParsedObject(*std::move(outcome)) : ParsedObject(std::move(outcome).error());
  if (is_shared) keep(window, std::move(name), {object.version, object.size_bytes, parsed});
  return parsed;
}

Hash256 ContributionPool::possession_proof(const Hash256& state_root, const Hash256& block_hash, uint32_t uid,
                                           int64_t window, const std::function<Hash256()>& prove) {
  const auto key = std::make_tuple(state_root, block_hash, uid);
  {
    const MutexLock lock(mutex_);
    const auto kept = windows_.find(window);
    if (kept != windows_.end()) {
      const auto found = kept->second.proofs.find(key);
      if (found != kept->second.proofs.end()) return found->second;
    }
  }
  const Hash256 proof = prove();
  const MutexLock lock(mutex_);
  if (Window* kept = use_window(window)) kept->proofs.emplace(key, proof);
  return proof;
}

size_t ContributionPool::kept_bytes() const {
  const MutexLock lock(mutex_);
  return kept_bytes_;
}

std::optional<ParsedObject> ContributionPool::find(int64_t window, std::string_view name,
                                                   const ObjectInfo& object) {
  const MutexLock lock(mutex_);
  const auto kept = windows_.find(window);
  if (kept == windows_.end()) return std::nullopt;
  const auto found = kept->second.contributions.find(name);
  if (found == kept->second.contributions.end()) return std::nullopt;
  if (found->second.version != object.version || found->second.size_bytes != object.size_bytes)
    return std::nullopt;
  kept->second.last_use = ++uses_;
  return found->second.parsed;
}

void ContributionPool::keep(int64_t window, std::string name, Kept kept) {
  const size_t bytes = kEntryBytes + static_cast<size_t>(kept.size_bytes);
  const MutexLock lock(mutex_);
  Window* const place = use_window(window);
  if (place == nullptr) return;
  if (const auto before = place->contributions.find(name); before != place->contributions.end()) {
    const size_t freed = kEntryBytes + static_cast<size_t>(before->second.size_bytes);
    place->bytes -= freed;
    kept_bytes_ -= freed;
    place->contributions.erase(before);
  }
  while (kept_bytes_ + bytes > options_.kept_bytes && windows_.size() > 1) drop_oldest(window);
  if (kept_bytes_ + bytes > options_.kept_bytes) return;
  place->contributions.emplace(std::move(name), std::move(kept));
  place->bytes += bytes;
  kept_bytes_ += bytes;
}

ContributionPool::Window* ContributionPool::use_window(int64_t window) {
  if (options_.kept_windows <= 0) return nullptr;
  Window& place = windows_[window];
  place.last_use = ++uses_;
  while (std::ssize(windows_) > options_.kept_windows) drop_oldest(window);
  return &place;
}

void ContributionPool::drop_oldest(int64_t but) {
  const auto oldest = std::ranges::min_element(windows_, {}, [&](const auto& entry) {
    return entry.first == but ? UINT64_MAX : entry.second.last_use;
  });
  kept_bytes_ -= oldest->second.bytes;
  windows_.erase(oldest);
}

}  // namespace templar
