// All that lies below a store's address, by names from there on: what the verb `store` works on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/world/open_store.h"

namespace templar {

class StoreFolder {
 public:
  // Takes a piece that begins at that byte of the content. Called by several threads at once.
  using PlacingSink = std::function<Status(uint64_t offset, ByteView piece)>;
  // How many bytes have been moved, and of how many.
  using Progress = std::function<void(uint64_t done_bytes, uint64_t all_bytes)>;

  // Fails as open_store.
  [[nodiscard]] static Result<StoreFolder> open(const StoreAddress& address, const StoreAccess& access,
                                                const Clock& clock);

  // What begins so, in the order of the names; all of it for "". Names are relative to the address.
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(const std::string& prefix) const;
  // Fails (fatal) if there is no such object.
  [[nodiscard]] Result<ObjectInfo> info(const std::string& name) const;
  // The object's content, several ranges at once, piece by piece by the threads that fetch them, in any
  // order. progress is told by these threads, one at a time. Fails as the sink, (fatal) where there is no
  // such object, and (retry) if it was replaced meanwhile.
  [[nodiscard]] Status get(const std::string& name, const PlacingSink& sink, const Progress& progress) const;
  [[nodiscard]] Status put(const std::string& name, uint64_t size_bytes, const ContentWriter& write);
  [[nodiscard]] Status remove(const std::string& name);

 private:
  struct Place {
    std::string bucket;
    std::string key;
  };

  StoreFolder(StoreAddress address, std::unique_ptr<ObjectStore> store)
      : address_(std::move(address)), store_(std::move(store)) {}
  [[nodiscard]] Result<Place> place_of(const std::string& name) const;
  [[nodiscard]] Result<std::vector<ObjectInfo>> list_files(const std::string& folder,
                                                           const std::string& prefix) const;

  StoreAddress address_;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace templar
