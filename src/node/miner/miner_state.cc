// The file, little-endian: magic, run id, window, iterations, updates, then for each of feedback, first and
// second moment all parameters in canonical order (f32), then BLAKE2b-256 of everything before.
#include "node/miner/miner_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/files/file.h"
#include "base/files/file_writer.h"

namespace templar {
namespace {

constexpr std::string_view kMagic = "TMINER01";

ByteView bytes_of(std::span<const float> values) {
  return as_bytes(values);
}

std::array<ParameterSpans, 3> sections(ParameterSpans feedback, const OptimiserState& optimiser) {
  return {feedback, optimiser.first_moment, optimiser.second_moment};
}

Bytes encode_header(const Hash256& run_id, const MinerState& state, int64_t updates) {
  ByteWriter header;
  header.put_bytes(as_bytes(kMagic));
  header.put_bytes(run_id.bytes);
  header.put(state.window);
  header.put(state.iterations);
  header.put(updates);
  return header.take();
}

}  // namespace

Status save_miner_state(const std::filesystem::path& file, const Hash256& run_id, const MinerState& state,
                        ParameterSpans feedback, const OptimiserState& optimiser) {
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(file));
  Blake2b hash;
  const auto append = [&](ByteView piece) {
    hash.update(piece);
    return writer.append(piece);
  };
  TRY(append(encode_header(run_id, state, *optimiser.updates)));
  for (const ParameterSpans section : sections(feedback, optimiser)) {
    for (const std::span<float> values : section) TRY(append(bytes_of(values)));
  }
  TRY(writer.append(hash.finish256().bytes));
  return writer.commit();
}

Result<std::optional<MinerState>> load_miner_state(const std::filesystem::path& file, const Hash256& run_id,
                                                   ParameterSpans feedback, const OptimiserState& optimiser) {
  std::error_code unknown;
  if (!std::filesystem::exists(file, unknown) && !unknown) return std::nullopt;
  TRY_ASSIGN(const MappedFile mapped, MappedFile::open(file));
  const ByteView content = mapped.bytes();
  const auto refuse = [&](std::string_view what) {
    return skip_error(fmt::format("{}: {}", file.string(), what));
  };

  size_t expected = encode_header(run_id, {}, 0).size() + sizeof(Hash256);
  for (const ParameterSpans section : sections(feedback, optimiser)) {
    for (const std::span<float> values : section) expected += values.size_bytes();
  }
  if (content.size() != expected)
    return refuse(fmt::format("{} bytes, a state of this model has {}", content.size(), expected));
  const ByteView body = content.first(content.size() - sizeof(Hash256));
  if (!std::ranges::equal(blake2b_256(body).bytes, content.last(sizeof(Hash256))))
    return refuse("content does not fit its hash");

  ByteReader reader(body);
  TRY_ASSIGN(const ByteView magic, reader.get_bytes(kMagic.size(), "magic"));
  TRY_ASSIGN(const ByteView stored_run, reader.get_bytes(sizeof(Hash256), "run id"));
  if (as_text(magic) != kMagic) return refuse("not a miner's state");
  if (!std::ranges::equal(stored_run, run_id.bytes)) return refuse("of another run");
  MinerState state;
  TRY_ASSIGN(state.window, reader.get<int64_t>("window"));
  TRY_ASSIGN(state.iterations, reader.get<int64_t>("iterations"));
  TRY_ASSIGN(*optimiser.updates, reader.get<int64_t>("updates"));
  for (const ParameterSpans section : sections(feedback, optimiser)) {
    for (const std::span<float> values : section) {
      TRY_ASSIGN(const ByteView bytes, reader.get_bytes(values.size_bytes(), "values"));
      std::memcpy(values.data(), bytes.data(), bytes.size());
    }
  }
  return state;
}

}  // namespace templar
