// The file, little-endian: magic, run id, window, iterations, updates, the contribution (its size before it),
// the number of tensors; each tensor's name (its length before it), its number of values and these (f32);
// then BLAKE2b-256 of everything before. The tensors: the feedback of each parameter, "NAME.feedback", then
// the optimiser's moments.
//
// The older forms: "TMINER02" has no contribution. "TMINER01" has no names and no numbers either: after
// updates, for each of feedback, AdamW's first and its second moment, all parameters in canonical order.
#include "node/miner/miner_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/files/file.h"
#include "base/files/file_writer.h"

namespace templar {
namespace {

constexpr std::string_view kMagic = "TMINER03";
constexpr std::string_view kMagicWithoutContribution = "TMINER02";
constexpr std::string_view kMagicWithoutNames = "TMINER01";

// All that the file holds, in its order.
std::vector<Moment> tensors_of(const ParameterLayout& layout, ParameterSpans feedback,
                               const OptimiserState& optimiser) {
  std::vector<Moment> tensors;
  for (size_t i = 0; i < layout.size(); ++i) tensors.push_back({layout[i].name + ".feedback", feedback[i]});
  tensors.insert(tensors.end(), optimiser.moments.begin(), optimiser.moments.end());
  return tensors;
}

// The same in the older form's order; nullopt if the optimiser isn't AdamW, which alone that form knew.
std::optional<std::vector<Moment>> tensors_of_older_form(const ParameterLayout& layout,
                                                         ParameterSpans feedback,
                                                         const OptimiserState& optimiser) {
  std::vector<Moment> tensors = tensors_of(layout, feedback, {});
  for (const std::string_view kind : {".exp_avg", ".exp_avg_sq"}) {
    for (const Moment& moment : optimiser.moments) {
      if (moment.name.ends_with(kind)) tensors.push_back(moment);
    }
  }
  if (tensors.size() != 3 * layout.size()) return std::nullopt;
  return tensors;
}

Bytes encode_header(const Hash256& run_id, const MinerState& state, int64_t updates, size_t tensors) {
  ByteWriter header;
  header.put_bytes(as_bytes(kMagic));
  header.put_bytes(run_id.bytes);
  header.put(state.window);
  header.put(state.iterations);
  header.put(updates);
  header.put(static_cast<uint64_t>(state.contribution.size()));
  header.put_bytes(state.contribution);
  header.put(static_cast<uint32_t>(tensors));
  return header.take();
}

Bytes encode_tensor_header(const Moment& tensor) {
  ByteWriter header;
  header.put(static_cast<uint16_t>(tensor.name.size()));
  header.put_bytes(as_bytes(std::string_view(tensor.name)));
  header.put(static_cast<uint64_t>(tensor.values.size()));
  return header.take();
}

// The values' bytes in the file, one view a tensor; fails (skip) unless these are its tensors, and all of it.
Result<std::vector<ByteView>> find_values(ByteReader& reader, std::span<const Moment> tensors, bool named) {
  if (named) {
    TRY_ASSIGN(const auto count, reader.get<uint32_t>("number of tensors"));
    if (count != tensors.size())
      return skip_error(fmt::format("{} tensors, a state of this run has {}", count, tensors.size()));
  }
  std::vector<ByteView> values;
  for (const Moment& tensor : tensors) {
    if (named) {
      const Bytes expected = encode_tensor_header(tensor);
      TRY_ASSIGN(const ByteView header, reader.get_bytes(expected.size(), "a tensor's name"));
      if (!std::ranges::equal(header, expected))
        return skip_error("has no " + tensor.name +
                          ", or one of another size, where this run's state has it");
    }
    TRY_ASSIGN(const ByteView bytes, reader.get_bytes(tensor.values.size_bytes(), tensor.name.c_str()));
    values.push_back(bytes);
  }
  if (reader.remaining() != 0)
    return skip_error(fmt::format("{} bytes more than a state of this model has", reader.remaining()));
  return values;
}

}  // namespace

Status save_miner_state(const MinerStateFile& file, const MinerState& state, ParameterSpans feedback,
                        const OptimiserState& optimiser, Durability durability) {
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(file.path));
  Blake2b hash;
  const auto append = [&](ByteView piece) {
    hash.update(piece);
    return writer.append(piece);
  };
  const std::vector<Moment> tensors = tensors_of(file.layout, feedback, optimiser);
  TRY(append(encode_header(file.run_id, state, optimiser.updates, tensors.size())));
  for (const Moment& tensor : tensors) {
    TRY(append(encode_tensor_header(tensor)));
    TRY(append(as_bytes(std::span<const float>(tensor.values))));
  }
  TRY(writer.append(hash.finish256().bytes));
  return writer.commit(durability);
}

namespace {

Result<MinerState> read_miner_state(ByteView content, const MinerStateFile& file, ParameterSpans feedback,
                                    OptimiserState& optimiser) {
  if (content.size() < kMagic.size() + sizeof(Hash256)) return skip_error("too short for a miner's state");
  const ByteView body = content.first(content.size() - sizeof(Hash256));
  if (!std::ranges::equal(blake2b_256(body).bytes, content.last(sizeof(Hash256))))
    return skip_error("content does not fit its hash");
  ByteReader reader(body);
  TRY_ASSIGN(const ByteView magic, reader.get_bytes(kMagic.size(), "magic"));
  const bool has_contribution = as_text(magic) == kMagic;
  const bool named = has_contribution || as_text(magic) == kMagicWithoutContribution;
  if (!named && as_text(magic) != kMagicWithoutNames) return skip_error("not a miner's state");
  TRY_ASSIGN(const ByteView stored_run, reader.get_bytes(sizeof(Hash256), "run id"));
  if (!std::ranges::equal(stored_run, file.run_id.bytes)) return skip_error("of another run");
  MinerState state;
  TRY_ASSIGN(state.window, reader.get<int64_t>("window"));
  TRY_ASSIGN(state.iterations, reader.get<int64_t>("iterations"));
  TRY_ASSIGN(const auto updates, reader.get<int64_t>("updates"));
  if (has_contribution) {
    TRY_ASSIGN(const auto size, reader.get<uint64_t>("the contribution's size"));
    TRY_ASSIGN(const ByteView contribution, reader.get_bytes(size, "contribution"));
    state.contribution.assign(contribution.begin(), contribution.end());
  }
  const std::optional<std::vector<Moment>> tensors =
      named ? tensors_of(file.layout, feedback, optimiser)
            : tensors_of_older_form(file.layout, feedback, optimiser);
  if (!tensors) return skip_error("of a miner with AdamW, and the run's optimiser is another one");
  TRY_ASSIGN(const std::vector<ByteView> values, find_values(reader, *tensors, named));
  // Nothing is changed before all of the file is known to fit.
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy((*tensors)[i].values.data(), values[i].data(), values[i].size());
  optimiser.updates = updates;
  return state;
}

}  // namespace

Result<std::optional<MinerState>> load_miner_state(const MinerStateFile& file, ParameterSpans feedback,
                                                   OptimiserState& optimiser) {
  std::error_code unknown;
  // Only a file that surely isn't there is none: if the look at it fails, opening it says why.
  if (!std::filesystem::exists(file.path, unknown) && !unknown) return std::nullopt;
  TRY_ASSIGN(const MappedFile mapped, MappedFile::open(file.path));
  auto state = read_miner_state(mapped.bytes(), file, feedback, optimiser);
  if (!state) return skip_error(fmt::format("{}: {}", file.path.string(), state.error().message));
  return *state;
}

}  // namespace templar
