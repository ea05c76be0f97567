#include "node/window/object_retention.h"

#include "core/protocol/object_keys.h"

namespace templar {

Status remove_older_than(ObjectStore& store, std::string_view bucket, std::string_view prefix,
                         int64_t keep_from) {
  TRY_ASSIGN(const std::vector<ObjectInfo> objects, store.list(bucket, prefix));
  for (const ObjectInfo& object : objects) {
    const auto window = window_in_key(prefix, object.key);
    if (window && *window < keep_from) TRY(store.remove(bucket, object.key));
  }
  return {};
}

}  // namespace templar
