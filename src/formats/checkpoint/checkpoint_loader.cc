#include "formats/checkpoint/checkpoint_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "base/files/large_read.h"
#include "base/threads/first_failure.h"
#include "core/consensus/blake2b_lanes.h"
#include "core/consensus/state_root.h"
#include "formats/safetensors/safetensors.h"

namespace templar {
namespace {

// Names with their shapes take less than this in a header that we wrote.
constexpr uint64_t kHeaderBytesOfTensor = 1024;
constexpr int kReadersWaiting = 6;  // for the disk or the store, while as many as the team's threads hash

// Reads pieces from the file's beginning until that much is there.
Status extend(const CheckpointFiles& files, const CheckpointFile& file, uint64_t wanted_bytes,
              Bytes& content) {
  while (content.size() < std::min(wanted_bytes, file.size_bytes)) {
    TRY_ASSIGN(const Bytes piece, read_piece(files, file, content.size() / kPieceBytes));
    content.insert(content.end(), piece.begin(), piece.end());
  }
  return {};
}

Result<SafetensorsHeader> read_header(const CheckpointFiles& files, const CheckpointFile& file,
                                      const ParameterLayout& layout) {
  const uint64_t limit =
      std::min(kMaxHeaderBytesOfFile, (layout.size() + 1) * kHeaderBytesOfTensor + kLargeReadAlignment);
  Bytes content;
  TRY(extend(files, file, kSafetensorsPrefixBytes, content));
  const size_t prefix_bytes = std::min<size_t>(content.size(), kSafetensorsPrefixBytes);
  TRY_ASSIGN(const uint64_t header_bytes,
             safetensors_header_bytes(ByteView(content).first(prefix_bytes), file.size_bytes, limit));
  TRY(extend(files, file, kSafetensorsPrefixBytes + header_bytes, content));
  return parse_safetensors_header(ByteView(content).subspan(kSafetensorsPrefixBytes, header_bytes),
                                  file.size_bytes);
}

// Notes where the file's tensors lie; places is in the layout's order.
Status locate_in_file(const CheckpointFiles& files, const CheckpointFile& file, const ParameterLayout& layout,
                      std::vector<TensorPlace>& places) {
  TRY_ASSIGN(const SafetensorsHeader header, read_header(files, file, layout));
  std::map<std::string_view, size_t> index;
  for (size_t i = 0; i < layout.size(); ++i) index[layout[i].name] = i;
  ParameterLayout own;
  std::vector<size_t> own_index;
  for (const SafetensorsEntry& entry : header.tensors) {
    const auto found = index.find(entry.name);
    if (found == index.end()) continue;  // match_layout says so below
    own.push_back(layout[found->second]);
    own_index.push_back(found->second);
  }
  TRY_ASSIGN(const std::vector<SafetensorsEntry> entries, match_layout(header, own));
  for (size_t i = 0; i < entries.size(); ++i) {
    TensorPlace& place = places[own_index[i]];
    if (place.file != nullptr)
      return skip_error(fmt::format("tensor '{}': also in {}", entries[i].name, place.file->name));
    place = {&file, header.data_begin + entries[i].begin};
  }
  return {};
}

// A part of a tensor, as it is read and hashed at once.
struct Slice {
  TensorPlace place;
  std::span<uint8_t> bytes;
  std::span<Hash256> hashes;  // of its state blocks
};
constexpr uint64_t kSliceBytes = kBlake2bLanes * kStateBlockBytes;

std::vector<Slice> cut(const std::vector<TensorPlace>& places, ParameterSpans parameters,
                       std::vector<std::vector<Hash256>>& hashes) {
  std::vector<Slice> slices;
  for (size_t i = 0; i < places.size(); ++i) {
    const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(parameters[i].data()),
                                   parameters[i].size_bytes());
    for (uint64_t begin = 0; begin < bytes.size(); begin += kSliceBytes) {
      const uint64_t size = std::min<uint64_t>(kSliceBytes, bytes.size() - begin);
      slices.push_back({{places[i].file, places[i].offset + begin},
                        bytes.subspan(begin, size),
                        std::span(hashes[i]).subspan(begin / kStateBlockBytes,
                                                     (size + kStateBlockBytes - 1) / kStateBlockBytes)});
    }
  }
  return slices;
}

// Reads and hashes on some threads more than the team has where reads wait for a disk or a store, so that it
// is busy while others hash.
Status read_slices(const CheckpointFiles& files, const std::vector<Slice>& slices, const ThreadTeam& team) {
  FirstFailure failure;
  std::atomic<size_t> next{0};
  ThreadTeam readers(team.threads() + (files.waits_at_reads ? kReadersWaiting : 0));
  readers.run([&](int) {
    for (size_t i = next++; i < slices.size() && !failure.before(i); i = next++) {
      const Slice& slice = slices[i];
      if (auto read = files.read(slice.place.file->name, slice.place.offset, slice.bytes); !read) {
        failure.note(i, read.error());
      } else {
        hash_state_blocks(slice.bytes, slice.hashes);
      }
    }
  });
  return failure.status();
}

// What is wrong with a model whose state root is not the manifest's.
Status explain(const CheckpointFiles& files, const CheckpointManifest& manifest, const Hash256& root,
               ThreadTeam& team) {
  for (const CheckpointFile& file : manifest.files) {
    if (is_model_file(file.name)) TRY(check_file(files, file, team));
  }
  return skip_error(fmt::format("{}: state root {}, the manifest says {}", files.where, root.brief(),
                                manifest.state_root.brief()));
}

}  // namespace

CheckpointInfo info_of(const CheckpointManifest& manifest) {
  return {manifest.window, manifest.outer_step, manifest.state_root, manifest.start_window};
}

Result<CheckpointManifest> read_expected_manifest(const CheckpointFiles& files, std::optional<int64_t> window,
                                                  const ExpectedCheckpoint& expected) {
  TRY_ASSIGN(CheckpointManifest manifest, read_manifest(files));
  if (manifest.signer != expected.signer) {
    return skip_error(fmt::format("{}: signed by {}, not by {}", files.where,
                                  manifest.signer.hex().substr(0, 8), expected.signer.hex().substr(0, 8)));
  }
  if (manifest.run_id != expected.run_id) {
    return skip_error(fmt::format("{}: of run {}, ours is {}", files.where, manifest.run_id.brief(),
                                  expected.run_id.brief()));
  }
  if (window && manifest.window != *window) {
    return skip_error(fmt::format("{}: its manifest is that of window {}", files.where, manifest.window));
  }
  return manifest;
}

Result<std::vector<TensorPlace>> locate_tensors(const CheckpointFiles& files,
                                                const CheckpointManifest& manifest,
                                                const ParameterLayout& layout) {
  if (Status plausible = check_plausible(manifest, layout); !plausible)
    return annotate(std::move(plausible).error(), files.where);
  std::vector<TensorPlace> places(layout.size());
  for (const CheckpointFile& file : manifest.files) {
    if (!is_model_file(file.name)) continue;
    TRY(check_size(files, file));
    if (Status status = locate_in_file(files, file, layout, places); !status)
      return annotate(std::move(status).error(), files.where + ": " + file.name);
  }
  for (size_t i = 0; i < layout.size(); ++i) {
    if (places[i].file == nullptr)
      return skip_error(fmt::format("{}: tensor '{}': missing", files.where, layout[i].name));
  }
  return places;
}

Status load_model(const CheckpointFiles& files, const CheckpointManifest& manifest,
                  const ParameterLayout& layout, ParameterSpans parameters, ThreadTeam& team) {
  TRY_ASSIGN(const std::vector<TensorPlace> places, locate_tensors(files, manifest, layout));
  for (const CheckpointFile& file : manifest.files) {
    // The small files are of no use here, but a checkpoint is whole or it is none.
    if (!is_model_file(file.name)) TRY(read_checked(files, file, [](ByteView) { return Status(); }));
  }
  std::vector<std::vector<Hash256>> hashes = state_block_places(layout);
  TRY(read_slices(files, cut(places, parameters, hashes), team));
  const Hash256 root = assemble_state_tree(layout, std::move(hashes)).root;
  return root == manifest.state_root ? Status() : explain(files, manifest, root, team);
}

Status load_bootstrap(const CheckpointFiles& files, const BootstrapSpec& bootstrap,
                      const ParameterLayout& layout, ParameterSpans parameters, ThreadTeam& team) {
  TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(files));
  if (manifest.state_root.hex() != bootstrap.state_root) {
    return skip_error(fmt::format("{}: state root {}, the run spec says {}", files.where,
                                  manifest.state_root.hex(), bootstrap.state_root));
  }
  return load_model(files, manifest, layout, parameters, team);
}

Result<CheckpointInfo> load_checkpoint_files(const CheckpointFiles& files, std::optional<int64_t> window,
                                             const ExpectedCheckpoint& expected, ParameterSpans parameters,
                                             ThreadTeam& team) {
  TRY_ASSIGN(const CheckpointManifest manifest, read_expected_manifest(files, window, expected));
  TRY(load_model(files, manifest, expected.layout, parameters, team));
  return info_of(manifest);
}

}  // namespace templar
