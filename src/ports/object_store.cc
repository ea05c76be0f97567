#include "ports/object_store.h"

#include <fmt/format.h>

#include <algorithm>

namespace templar {
namespace {

constexpr size_t kMaxKeyBytes = 512;
constexpr size_t kMaxPartBytes = 255;

bool is_bucket_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

// A name as it may be shown: what others sent may be long and hold anything.
std::string shown(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 80)) text += is_key_character(c) || c == '/' ? c : '?';
  if (name.size() > 80) text += "...";
  return "'" + text + "'";
}

bool dots_alone(std::string_view part) {
  return part.find_first_not_of('.') == std::string_view::npos;
}

// Every part before a '/' is a whole part of a key; the rest after the last '/' is returned.
Result<std::string_view> check_whole_parts(std::string_view name, const std::string& what) {
  if (name.size() > kMaxKeyBytes) {
    return fatal_error(fmt::format("{}: {} bytes, at most {} are allowed", what, name.size(), kMaxKeyBytes));
  }
  for (size_t i = 0; i < name.size(); ++i) {
    if (is_key_character(name[i]) || name[i] == '/') continue;
    return fatal_error(fmt::format("{}: byte 0x{:02x} at {} is not one of A-Z a-z 0-9 . _ - /", what,
                                   static_cast<uint8_t>(name[i]), i));
  }
  size_t begin = 0;
  for (size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', begin)) {
    if (dots_alone(name.substr(begin, slash - begin))) {
      return fatal_error(fmt::format("{}: the part at byte {} is empty or made of dots alone", what, begin));
    }
    if (slash - begin > kMaxPartBytes) break;
    begin = slash + 1;
  }
  const size_t part_bytes = std::min(name.find('/', begin), name.size()) - begin;
  if (part_bytes > kMaxPartBytes) {
    return fatal_error(fmt::format("{}: the part at byte {} has {} bytes, at most {} are allowed", what,
                                   begin, part_bytes, kMaxPartBytes));
  }
  return name.substr(begin);
}

std::unexpected<Error> missing(std::string_view bucket, std::string_view key) {
  return skip_error(fmt::format("object {}/{}: missing", bucket, key));
}

}  // namespace

Status check_bucket_name(std::string_view bucket) {
  if (bucket.size() < 3 || bucket.size() > 63) {
    return fatal_error(
        fmt::format("bucket name {}: {} characters, 3 to 63 are allowed", shown(bucket), bucket.size()));
  }
  if (!std::ranges::all_of(bucket, is_bucket_character)) {
    return fatal_error(fmt::format("bucket name {}: only a-z, 0-9 and '-' are allowed", shown(bucket)));
  }
  return {};
}

Status check_object_key(std::string_view key) {
  const std::string what = "object key " + shown(key);
  TRY_ASSIGN(const std::string_view last, check_whole_parts(key, what));
  if (dots_alone(last)) return fatal_error(what + ": the last part is empty or made of dots alone");
  return {};
}

Status check_key_prefix(std::string_view prefix) {
  TRY(check_whole_parts(prefix, "prefix of object keys " + shown(prefix)));
  return {};
}

Status check_object_size(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                         uint64_t max_bytes) {
  if (size_bytes <= max_bytes) return {};
  return skip_error(
      fmt::format("object {}/{}: {} bytes, at most {} are allowed", bucket, key, size_bytes, max_bytes));
}

Status check_pieces_size(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                         uint64_t written_bytes) {
  if (written_bytes == size_bytes) return {};
  return fatal_error(fmt::format("object {}/{}: {} bytes were handed over, {} were announced", bucket, key,
                                 written_bytes, size_bytes));
}

Status ObjectReader::get_pieces(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                const PieceSink& sink) const {
  TRY_ASSIGN(const Bytes content, get(bucket, key, max_bytes));
  return sink(content);
}

Status ObjectReader::get_range_pieces(std::string_view bucket, std::string_view key, ByteRange range,
                                      const PieceSink& sink) const {
  TRY_ASSIGN(const Bytes content, get_range(bucket, key, range));
  return sink(content);
}

Status ObjectStore::put_pieces(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                               const ContentWriter& write) {
  Bytes content;
  TRY(write([&](ByteView piece) {
    content.insert(content.end(), piece.begin(), piece.end());
    return Status();
  }));
  TRY(check_pieces_size(bucket, key, size_bytes, content.size()));
  return put(bucket, key, content);
}

Result<bool> ObjectStore::has_content(std::string_view bucket, std::string_view key, ByteView content) const {
  const auto there = get(bucket, key, content.size());
  if (!there && there.error().kind == ErrorKind::kSkip) return false;
  if (!there) return std::unexpected(there.error());
  return std::ranges::equal(*there, content);
}

Result<bool> ObjectStore::put_if(std::string_view bucket, std::string_view key, ByteView content,
                                 const PutCondition& condition) {
  TRY_ASSIGN(const std::optional<ObjectInfo> there, head(bucket, key));
  const bool holds =
      condition.version.empty() ? !there.has_value() : there && there->version == condition.version;
  if (!holds) return has_content(bucket, key, content);
  TRY(put(bucket, key, content));
  return true;
}

Status check_object_range(std::string_view bucket, std::string_view key, ByteRange range,
                          uint64_t size_bytes) {
  if (range.begin > range.end) {
    return fatal_error(
        fmt::format("object {}/{}: the range {} to {} is backwards", bucket, key, range.begin, range.end));
  }
  if (range.end <= size_bytes) return {};
  return skip_error(fmt::format("object {}/{}: has {} bytes, bytes {} to {} were wanted", bucket, key,
                                size_bytes, range.begin, range.end));
}

const MemoryObjectStore::Object* MemoryObjectStore::find(std::string_view bucket,
                                                         std::string_view key) const {
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return nullptr;
  const auto object = found->second.find(key);
  return object == found->second.end() ? nullptr : &object->second;
}

ObjectInfo MemoryObjectStore::info_of(std::string_view key, const Object& object) {
  return {std::string(key), object.content.size(), object.stored_at_ms, std::to_string(object.version)};
}

Result<std::optional<ObjectInfo>> MemoryObjectStore::head(std::string_view bucket,
                                                          std::string_view key) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const MutexLock lock(mutex_);
  const Object* object = find(bucket, key);
  if (object == nullptr) return std::nullopt;
  return info_of(key, *object);
}

Result<Bytes> MemoryObjectStore::get(std::string_view bucket, std::string_view key,
                                     uint64_t max_bytes) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const MutexLock lock(mutex_);
  const Object* object = find(bucket, key);
  if (object == nullptr) return missing(bucket, key);
  TRY(check_object_size(bucket, key, object->content.size(), max_bytes));
  return object->content;
}

Result<Bytes> MemoryObjectStore::get_range(std::string_view bucket, std::string_view key,
                                           ByteRange range) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const MutexLock lock(mutex_);
  const Object* object = find(bucket, key);
  if (object == nullptr) return missing(bucket, key);
  TRY(check_object_range(bucket, key, range, object->content.size()));
  const auto begin = object->content.begin();
  return Bytes(begin + static_cast<ptrdiff_t>(range.begin), begin + static_cast<ptrdiff_t>(range.end));
}

Result<std::vector<ObjectInfo>> MemoryObjectStore::list(std::string_view bucket,
                                                        std::string_view prefix) const {
  TRY(check_bucket_name(bucket));
  TRY(check_key_prefix(prefix));
  const MutexLock lock(mutex_);
  std::vector<ObjectInfo> found;
  const auto objects = buckets_.find(bucket);
  if (objects == buckets_.end()) return found;
  for (auto i = objects->second.lower_bound(prefix);
       i != objects->second.end() && i->first.starts_with(prefix); ++i) {
    found.push_back(info_of(i->first, i->second));
  }
  return found;
}

Status MemoryObjectStore::put(std::string_view bucket, std::string_view key, ByteView content) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  Bytes copy(content.begin(), content.end());
  const MutexLock lock(mutex_);
  store(bucket, key, std::move(copy));
  return {};
}

Result<bool> MemoryObjectStore::put_if(std::string_view bucket, std::string_view key, ByteView content,
                                       const PutCondition& condition) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  Bytes copy(content.begin(), content.end());
  const MutexLock lock(mutex_);
  const Object* object = find(bucket, key);
  const std::string version = object == nullptr ? "" : std::to_string(object->version);
  if (version != condition.version) return object != nullptr && object->content == copy;
  store(bucket, key, std::move(copy));
  return true;
}

void MemoryObjectStore::store(std::string_view bucket, std::string_view key, Bytes content) {
  auto objects = buckets_.find(bucket);
  if (objects == buckets_.end()) objects = buckets_.emplace(bucket, Bucket()).first;
  objects->second.insert_or_assign(std::string(key), Object{std::move(content), clock_.now_ms(), ++puts_});
}

Status MemoryObjectStore::remove(std::string_view bucket, std::string_view key) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const MutexLock lock(mutex_);
  const auto objects = buckets_.find(bucket);
  if (objects == buckets_.end()) return {};
  if (const auto object = objects->second.find(key); object != objects->second.end())
    objects->second.erase(object);
  return {};
}

}  // namespace templar
