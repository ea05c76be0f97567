// An object store in a folder, for networks on one machine or on a shared file system.
#pragma once

#include <filesystem>
#include <string>

#include "base/threads/mutex.h"
#include "ports/object_store.h"

namespace templar {

// A bucket is a folder under the root, a key a path in it; what is being written lies in root/.tmp, which no
// bucket name can reach. Any number of threads and processes may use one root at once; a writer killed at any
// instant leaves nothing that readers see. The time of an object is the given clock's at its put, kept as the
// file's modification time.
//
// One thing is narrower than the contract: an object can't be where others have a folder. put of "a/b" fails
// (fatal) while there is an object "a", and put of "a" while there is one under "a/".
class FileObjectStore final : public ObjectStore {
 public:
  // Touches nothing; the folders are made by the first put. The clock must outlive the store.
  FileObjectStore(std::filesystem::path root, const Clock& clock);

  [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                       std::string_view key) const override;
  [[nodiscard]] Result<Bytes> get(std::string_view bucket, std::string_view key,
                                  uint64_t max_bytes) const override;
  [[nodiscard]] Status get_pieces(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                  const PieceSink& sink) const override;
  [[nodiscard]] Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                        ByteRange range) const override;
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                     std::string_view prefix) const override;
  [[nodiscard]] int useful_calls_at_once() const override { return 1; }
  [[nodiscard]] Status put(std::string_view bucket, std::string_view key, ByteView content) override;
  [[nodiscard]] Status put_pieces(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                  const ContentWriter& write) override;
  // A new object comes into its place in one step; one that is to be replaced is looked at before.
  [[nodiscard]] Result<bool> put_if(std::string_view bucket, std::string_view key, ByteView content,
                                    const PutCondition& condition) override;
  [[nodiscard]] Status remove(std::string_view bucket, std::string_view key) override;

  // Removes what killed writers left in root/.tmp and nobody has touched for that long, by the file system's
  // own time. The first put of every store does it with an hour. Returns how many files went.
  [[nodiscard]] Result<int> sweep_temporary_files(int64_t older_than_seconds);

  static constexpr int64_t kSweepAgeSeconds = 3600;
  static constexpr const char* kTemporaryName = ".tmp";

 private:
  [[nodiscard]] std::filesystem::path path_of(std::string_view bucket, std::string_view key) const;
  [[nodiscard]] std::filesystem::path temporary_folder() const { return root_ / kTemporaryName; }
  [[nodiscard]] Status prepare_once();
  // False, where only something new is wanted: there is an object already.
  [[nodiscard]] Result<bool> move_into_place(const std::filesystem::path& temporary, std::string_view bucket,
                                             std::string_view key, bool only_new);
  // Likewise.
  [[nodiscard]] Result<bool> write_object(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                          const ContentWriter& write, bool only_new);

  std::filesystem::path root_;
  const Clock& clock_;
  Mutex mutex_;
  bool prepared_ GUARDED_BY(mutex_) = false;
};

// The last parts of a folder's path as a key: what the keys of the objects in the folder begin with if it is
// that many levels below a bucket. Of ".../a bucket/checkpoints/12" two parts are "checkpoints/12".
[[nodiscard]] std::string key_of_folder(const std::filesystem::path& folder, int parts);

}  // namespace templar
