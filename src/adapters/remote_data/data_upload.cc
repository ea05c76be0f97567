#include "adapters/remote_data/data_upload.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "adapters/shards/data_folder.h"
#include "base/files/descriptor.h"
#include "base/files/file.h"
#include "base/threads/first_failure.h"
#include "base/threads/mutex.h"
#include "base/threads/thread_team.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr uint64_t kMaxMarkBytes = 1024;
// Servers of one service may differ a little in their time, and some stamp whole seconds.
constexpr int64_t kClocksDifferMs = 2000;

struct LocalFile {
  DataFile file;
  uint64_t size_bytes = 0;
};

// What is there already, by name.
using FoundObjects = std::map<std::string, ObjectInfo, std::less<>>;

struct LocalSet {
  fs::path folder;
  Bytes manifest;
  Hash256 manifest_hash;
  std::vector<LocalFile> files;
};

Result<uint64_t> size_of_file(const fs::path& path) {
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  if (error) return file_error(path, error.value());
  return size;
}

Result<LocalSet> open_local_set(const fs::path& folder) {
  const auto read = read_manifest(folder);
  if (!read) return annotate(read.error(), "only a data set that `templar data prepare` made can be pushed");
  TRY(open_data_folder(folder));  // every file is there, and as large as it must be
  TRY_ASSIGN(Bytes text, read_file(folder / kManifestFile, kMaxDataManifestBytes));
  auto manifest = parse_manifest(as_text(text));
  if (!manifest) return annotate(manifest.error(), (folder / kManifestFile).string());
  LocalSet set{.folder = folder, .manifest = std::move(text), .manifest_hash = {}, .files = {}};
  set.manifest_hash = blake2b_256(set.manifest);
  for (DataFile& file : files_of_manifest(*manifest)) {
    const bool is_taken = file.name == kManifestFile || file.name == kPendingFile;
    if (const Status allowed = check_object_key(file.name); !allowed || is_taken) {
      return fatal_error(fmt::format("{}: a file of that name can't be pushed; prepare the data set anew",
                                     (folder / file.name).string()));
    }
    TRY_ASSIGN(const uint64_t size_bytes, size_of_file(folder / file.name));
    set.files.push_back({std::move(file), size_bytes});
  }
  return set;
}

class Upload {
 public:
  Upload(const LocalSet& set, ObjectStore& store, const DataObjects& objects, const UploadOptions& options)
      : set_(set), store_(store), objects_(objects), options_(options) {
    report_.manifest_hash = set.manifest_hash;
    report_.files = set.files.size() + 1;
    report_.total_bytes = set.manifest.size();
    for (const LocalFile& file : set.files) report_.total_bytes += file.size_bytes;
  }

  Result<UploadReport> run() {
    TRY(look());
    TRY(open_place());
    std::vector<const LocalFile*> missing;
    for (const LocalFile& file : set_.files) {
      if (is_there_already(file)) {
        note_done(file.size_bytes);
      } else {
        missing.push_back(&file);
      }
    }
    TRY(send_all(missing));
    report_.sent_files = missing.size();
    for (const LocalFile* file : missing) report_.sent_bytes += file->size_bytes;
    if (!is_complete_) TRY(put_manifest());
    if (!is_complete_ || found_.contains(kPendingFile))
      TRY(store_.remove(objects_.bucket, objects_.key_of(kPendingFile)));
    return report_;
  }

 private:
  // What lies there: the objects of the prefix itself, not those of folders below it.
  Status look() {
    const std::string beginning = objects_.key_of("");
    TRY_ASSIGN(const std::vector<ObjectInfo> listed, store_.list(objects_.bucket, beginning));
    for (const ObjectInfo& info : listed) found_.emplace(info.key.substr(beginning.size()), info);
    std::set<std::string_view> ours = {kManifestFile, kPendingFile};
    for (const LocalFile& file : set_.files) ours.insert(file.file.name);
    for (const auto& [name, info] : found_) {
      const bool is_foreign = !ours.contains(name) && name.find('/') == std::string::npos;
      report_.foreign_objects += is_foreign ? 1 : 0;
    }
    return {};
  }

  // Sees whether another data set is there, and from then on there is none until put_manifest().
  Status open_place() {
    TRY_ASSIGN(const auto manifest, small_object(kManifestFile, kMaxDataManifestBytes));
    if (manifest && !options_.replaces) {
      is_complete_ = *manifest == set_.manifest;
      if (is_complete_) return {};
      return fatal_error(fmt::format(
          "{}: another data set is there (manifest {}, yours {}): push to another place, or replace "
          "it with --force; nodes that train on it will fail",
          objects_.where, blake2b_256(*manifest).brief(), set_.manifest_hash.brief()));
    }
    if (manifest) TRY(store_.remove(objects_.bucket, objects_.key_of(kManifestFile)));
    const std::string mark = set_.manifest_hash.hex();
    TRY_ASSIGN(const auto pending, small_object(kPendingFile, kMaxMarkBytes));
    if (!manifest && pending && as_text(*pending) == mark) {
      marked_at_ms_ = found_.find(kPendingFile)->second.stored_at_ms;
      return {};
    }
    return store_.put(objects_.bucket, objects_.key_of(kPendingFile), as_bytes(mark));
  }

  Status put_manifest() {
    TRY(store_.put(objects_.bucket, objects_.key_of(kManifestFile), set_.manifest));
    ++report_.sent_files;
    report_.sent_bytes += set_.manifest.size();
    return {};
  }

  // Nothing where there is none, or a larger one.
  [[nodiscard]] Result<std::optional<Bytes>> small_object(const std::string& name, uint64_t max_bytes) const {
    if (!found_.contains(name)) return std::nullopt;
    Result<Bytes> content = store_.get(objects_.bucket, objects_.key_of(name), max_bytes);
    if (content) return *std::move(content);
    if (content.error().kind == ErrorKind::kSkip) return Bytes();
    return std::unexpected(content.error());
  }

  // A whole data set was put by somebody who had all of it. Else only what came after our mark is ours: a
  // shard of another data set may have the same name and size.
  [[nodiscard]] bool is_there_already(const LocalFile& file) const {
    const auto found = found_.find(file.file.name);
    if (found == found_.end() || found->second.size_bytes != file.size_bytes) return false;
    return is_complete_ || (marked_at_ms_ && found->second.stored_at_ms >= *marked_at_ms_ + kClocksDifferMs);
  }

  Status send_all(const std::vector<const LocalFile*>& files) {
    ThreadTeam team(std::clamp<int>(static_cast<int>(files.size()), 1, options_.files_at_once));
    FirstFailure failure;
    std::atomic<size_t> next{0};
    team.run([&](int) {
      for (size_t i = next++; i < files.size() && !has_failed_; i = next++) {
        Status sent = send(*files[i]);
        // The first ends the others, whose errors say no more.
        if (!sent && !has_failed_.exchange(true)) failure.note(i, std::move(sent).error());
      }
    });
    return failure.status();
  }

  Status send(const LocalFile& local) {
    const fs::path path = set_.folder / local.file.name;
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return file_error(path, errno);
    const auto write = [&](const std::function<Status(ByteView)>& sink) -> Status {
      Blake2b hash;
      Bytes buffer(kReadBytes);
      for (uint64_t done = 0; done < local.size_bytes;) {
        // Another file that failed ends this one as well: what was sent of it would be in vain.
        if (has_failed_ || (options_.is_cancelled && options_.is_cancelled()))
          return retry_error(path.string() + ": not sent to its end");
        const auto piece = std::span(buffer).first(std::min<uint64_t>(kReadBytes, local.size_bytes - done));
        const ReadOutcome read = read_at(file.get(), done, piece);
        if (read.error != 0) return file_error(path, read.error);
        if (read.size != piece.size())
          return fatal_error(path.string() + ": became shorter while it was read");
        hash.update(piece);
        done += piece.size();
        // The store keeps nothing of a file whose end is refused.
        if (done == local.size_bytes) TRY(check_hash(path, hash.finish256(), local.file.hash));
        TRY(sink(piece));
        note_done(piece.size());
      }
      return {};
    };
    const Status sent =
        store_.put_pieces(objects_.bucket, objects_.key_of(local.file.name), local.size_bytes, write);
    return sent ? sent : annotate(sent.error(), objects_.name_of(local.file.name));
  }

  static Status check_hash(const fs::path& path, const Hash256& hash, const Hash256& expected) {
    if (hash == expected) return {};
    return fatal_error(
        fmt::format("{}: corrupt: its hash is {}, the manifest says {}: prepare the data set "
                    "anew, or put a good copy of the file there",
                    path.string(), hash.brief(), expected.brief()));
  }

  void note_done(uint64_t bytes) {
    const MutexLock lock(mutex_);
    done_bytes_ += bytes;
    if (options_.progress) options_.progress(done_bytes_, report_.total_bytes);
  }

  const LocalSet& set_;
  ObjectStore& store_;
  const DataObjects& objects_;
  const UploadOptions& options_;
  UploadReport report_;
  FoundObjects found_;
  bool is_complete_ = false;                 // this data set is there, to its last file
  std::optional<TimestampMs> marked_at_ms_;  // an upload of this data set was begun then
  std::atomic<bool> has_failed_ = false;
  Mutex mutex_;
  uint64_t done_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace

Result<UploadReport> upload_data(const fs::path& folder, ObjectStore& store, const DataObjects& objects,
                                 const UploadOptions& options) {
  TRY_ASSIGN(const LocalSet set, open_local_set(folder));
  return Upload(set, store, objects, options).run();
}

}  // namespace templar
