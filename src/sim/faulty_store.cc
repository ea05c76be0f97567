#include "sim/faulty_store.h"

namespace templar {
namespace {

std::unexpected<Error> away(std::string_view bucket, std::string_view key) {
  return retry_error(std::string(bucket) + "/" + std::string(key) + ": the store is away");
}

}  // namespace

void FaultyStore::set_fault(std::string_view bucket, std::string_view key, const StoreFault& fault) {
  const MutexLock lock(mutex_);
  faults_[{std::string(bucket), std::string(key)}] = fault;
}

StoreFault FaultyStore::fault_of(std::string_view bucket, std::string_view key, int StoreFault::* use) const {
  const MutexLock lock(mutex_);
  const auto found = faults_.find({std::string(bucket), std::string(key)});
  if (found == faults_.end()) return {};
  const StoreFault fault = found->second;
  if (use != nullptr && fault.*use > 0) --(found->second.*use);
  return fault;
}

Result<std::optional<ObjectInfo>> FaultyStore::head(std::string_view bucket, std::string_view key) const {
  const StoreFault fault = fault_of(bucket, key, &StoreFault::failing_reads);
  if (fault.failing_reads > 0) return away(bucket, key);
  TRY_ASSIGN(std::optional<ObjectInfo> info, store_.head(bucket, key));
  if (info) info->stored_at_ms += fault.delay_ms;
  return info;
}

Result<Bytes> FaultyStore::get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const {
  const StoreFault fault = fault_of(bucket, key, &StoreFault::failing_reads);
  if (fault.failing_reads > 0) return away(bucket, key);
  TRY_ASSIGN(Bytes bytes, store_.get(bucket, key, max_bytes));
  if (fault.corrupt && !bytes.empty()) bytes[bytes.size() / 2] ^= 1;
  if (fault_of(bucket, key, &StoreFault::torn_reads).torn_reads > 0) bytes.resize(bytes.size() / 2);
  return bytes;
}

Result<Bytes> FaultyStore::get_range(std::string_view bucket, std::string_view key, ByteRange range) const {
  const StoreFault fault = fault_of(bucket, key, &StoreFault::failing_reads);
  if (fault.failing_reads > 0) return away(bucket, key);
  TRY_ASSIGN(Bytes bytes, store_.get_range(bucket, key, range));
  if (!fault.corrupt) return bytes;
  TRY_ASSIGN(const std::optional<ObjectInfo> info, store_.head(bucket, key));
  const uint64_t damaged = info ? info->size_bytes / 2 : 0;
  if (damaged >= range.begin && damaged < range.end) bytes[damaged - range.begin] ^= 1;
  return bytes;
}

Result<std::vector<ObjectInfo>> FaultyStore::list(std::string_view bucket, std::string_view prefix) const {
  TRY_ASSIGN(std::vector<ObjectInfo> objects, store_.list(bucket, prefix));
  for (ObjectInfo& object : objects) object.stored_at_ms += fault_of(bucket, object.key).delay_ms;
  return objects;
}

Status FaultyStore::put(std::string_view bucket, std::string_view key, ByteView content) {
  const StoreFault fault = fault_of(bucket, key, &StoreFault::failing_puts);
  if (fault.failing_puts > 0) return away(bucket, key);
  if (fault.lose) return {};
  return store_.put(bucket, key, content);
}

Status FaultyStore::put_pieces(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                               const ContentWriter& write) {
  const StoreFault fault = fault_of(bucket, key, &StoreFault::failing_puts);
  if (fault.failing_puts > 0) return away(bucket, key);
  if (fault.lose) return {};
  return store_.put_pieces(bucket, key, size_bytes, write);
}

Status FaultyStore::remove(std::string_view bucket, std::string_view key) {
  return store_.remove(bucket, key);
}

}  // namespace templar
