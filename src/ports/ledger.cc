#include "ports/ledger.h"

namespace templar {

std::string bucket_of(const PublicKey& key) {
  return "node-" + key.hex().substr(0, 32);
}

}  // namespace templar
