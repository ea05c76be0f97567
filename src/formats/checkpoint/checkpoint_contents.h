// What a checkpoint consists of, wherever its files go.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/run/parameter_layout.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/manifest.h"
#include "formats/safetensors/model_shards.h"
#include "ports/object_store.h"
#include "ports/tokenizer.h"

namespace templar {

// All of it is the caller's.
struct CheckpointContents {
  const RunSpec& spec;
  CheckpointInfo info;
  ConstParameterSpans parameters;  // those of the spec's model (CHECK)
  std::span<const TokenizerFile> tokenizer;
  uint64_t shard_bytes = kDefaultShardBytes;  // see plan_shards
};

// Puts one file under its name: write is called once, as with ObjectStore::put_pieces. Called for several
// files at once.
using PutFile = std::function<Status(std::string_view name, uint64_t size_bytes, const ContentWriter& write)>;

// Puts all files but the manifest, hashing them on the way, those of the model several at once: two more than
// threads, at most five. Holds 32 MiB for each of them besides the parameters. Returns the manifest, not yet
// signed; fails as put does, and (fatal) where a file has a name that it can't have.
[[nodiscard]] Result<CheckpointManifest> put_contents(const CheckpointContents& contents, int threads,
                                                      const PutFile& put);

}  // namespace templar
