#include "adapters/shards/file_hash.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/files/file.h"

namespace templar {

Result<Hash256> hash_file(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_error(path, errno);
  Blake2b hash;
  Bytes buffer(1 << 20);
  ssize_t count;
  int error = 0;
  do {
    count = ::read(file, buffer.data(), buffer.size());
    if (count < 0) error = errno;
    if (count > 0) hash.update(ByteView(buffer).first(static_cast<size_t>(count)));
  } while (count > 0 || (count < 0 && error == EINTR));
  ::close(file);
  if (count < 0) return file_error(path, error);
  return hash.finish256();
}

}  // namespace templar
