#include "core/codec/parameter_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/bfloat16.h"
#include "base/check.h"
#include "base/threads/first_failure.h"
#include "core/codec/block_log_quantiser.h"
#include "core/codec/dct.h"
#include "core/codec/decoded_tiles.h"
#include "core/codec/mean4_quantiser.h"
#include "core/codec/top_k.h"
#include "core/coding/block_log.h"

namespace templar {
namespace {

// Encodes chunks one after the other. One a thread.
class ChunkEncoder {
 public:
  ChunkEncoder(const BlendedInput& input, const CodecSpec& codec, const TileTransform& transform,
               const Remainder& remainder, EncodedParameter& encoded, FirstFailure& failure)
      : input_(input),
        plan_(encoded.plan),
        transform_(transform),
        remainder_(remainder),
        encoded_(encoded),
        failure_(failure),
        transforms_(codec.use_dct),
        is_bf16_(codec.quantiser == Quantiser::kNoneBf16),
        tile_(plan_.chunk_elements()),
        coefficients_(transforms_ ? tile_.size() : 0),
        scratch_(coefficients_.size()),
        sent_values_(plan_.kept) {}

  // Reads the chunk, and writes the positions and exact values of what is kept.
  bool select(int64_t chunk, std::span<float> kept_values) {
    const TileRows rows = tile_rows(plan_, chunk);
    const bool is_finite = store_at_once() ? read_and_store_tile(input_, rows, tile_, remainder_.out)
                                           : read_tile(input_, rows, tile_);
    if (!is_finite) return fail_on_element(chunk);
    std::span<const float> values = tile_;
    if (transforms_) {
      std::ranges::copy(tile_, coefficients_.begin());
      transform_.forward(coefficients_, scratch_);
      values = coefficients_;
    }
    const std::span<uint16_t> positions = positions_of(chunk);
    select_top_k(values, positions, selection_);
    float largest = 0;
    for (size_t i = 0; i < kept_values.size(); ++i) {
      kept_values[i] = values[positions[i]];
      // Only a transform that overflows gives NaN from finite values.
      largest = std::isnan(kept_values[i]) ? std::numeric_limits<float>::infinity()
                                           : std::max(largest, std::fabs(kept_values[i]));
    }
    if (largest <= kMaxCodebookMagnitude) return true;
    // Of several failures the first element that is not finite is told, before any value that is too large.
    failure_.note(input_.size() + chunk,
                  {ErrorKind::kSkip,
                   fmt::format("a value of {}, at most {} can be sent", largest, kMaxCodebookMagnitude)});
    return false;
  }

  // Quantises what select() has kept of the chunk, or takes it as it is, and stores what is left of it.
  void finish_chunk(int64_t chunk, std::span<const float> kept_values) {
    const size_t kept = plan_.kept;
    if (encoded_.values.empty()) {
      const auto codes = std::span(encoded_.codes).subspan(chunk * kept, kept);
      encoded_.scales[chunk] = quantise_chunk(kept_values, encoded_.codebook, codes);
    } else {
      const auto sent = std::span(encoded_.values).subspan(chunk * kept, kept);
      for (size_t i = 0; i < kept; ++i) {
        const float value = is_bf16_ ? to_float(to_bf16(kept_values[i])) : kept_values[i];
        sent[i] = value == 0.0f ? 0.0f : value;  // -0 becomes +0
      }
    }
    if (remainder_.out.empty()) return;
    const TileRows rows = tile_rows(plan_, chunk);
    if (!remainder_.subtract_sent) {
      // Without a transform it is stored already.
      if (transforms_) store_tile(rows);
      return;
    }
    // What peers will decode, not what was selected: so the quantiser's error stays in the remainder as well.
    decode_values(encoded_, chunk, sent_values_);
    if (!transforms_) return subtract_sent(positions_of(chunk), sent_values_, rows, remainder_.out);
    transform_.inverse_sparse(positions_of(chunk), sent_values_, coefficients_, scratch_);
    store_difference(tile_, coefficients_, rows, remainder_.out);
  }

  // Stores the chunk as select() has read it, where that has not done so.
  void store_whole(int64_t chunk) {
    if (!remainder_.out.empty() && transforms_) store_tile(tile_rows(plan_, chunk));
  }

  // Takes a chunk's values, as they were sent, out of their elements.
  static void subtract_sent(std::span<const uint16_t> positions, std::span<const float> values,
                            const TileRows& rows, std::span<float> out) {
    size_t row_end = rows.columns;  // as a position in the tile
    size_t row = rows.first;
    for (size_t i = 0; i < positions.size(); ++i) {
      for (; positions[i] >= row_end; row_end += rows.columns) row += rows.stride;
      out[row + positions[i] + rows.columns - row_end] -= values[i];
    }
  }

 private:
  // Without a transform nearly everything that is left is what was read.
  [[nodiscard]] bool store_at_once() const { return !transforms_ && !remainder_.out.empty(); }

  [[nodiscard]] std::span<uint16_t> positions_of(int64_t chunk) {
    const size_t kept = plan_.kept;
    return std::span(encoded_.positions).subspan(chunk * kept, kept);
  }

  void store_tile(const TileRows& rows) {
    for (size_t row = 0; row < rows.rows; ++row) {
      std::ranges::copy(std::span(tile_).subspan(row * rows.columns, rows.columns),
                        remainder_.out.begin() + (rows.first + row * rows.stride));
    }
  }

  bool fail_on_element(int64_t chunk) {
    const auto bad = std::ranges::find_if(tile_, [](float value) { return !std::isfinite(value); });
    const int64_t offset = bad - tile_.begin();
    const int64_t element = plan_.first_element(chunk) + offset / plan_.tile_columns * plan_.columns +
                            offset % plan_.tile_columns;
    failure_.note(element, {ErrorKind::kSkip, fmt::format("element {} is {}", element, *bad)});
    return false;
  }

  const BlendedInput& input_;
  const ChunkPlan& plan_;
  const TileTransform& transform_;
  const Remainder& remainder_;
  EncodedParameter& encoded_;
  FirstFailure& failure_;
  bool transforms_;
  bool is_bf16_;
  std::vector<float> tile_;          // as read
  std::vector<float> coefficients_;  // transformed; then what was sent, transformed back
  std::vector<float> scratch_;
  std::vector<float> sent_values_;
  TopKScratch selection_;
};

// Takes what was sent out of all of out.
void subtract_all_sent(const EncodedParameter& encoded, const CodecSpec& codec, std::span<float> out,
                       ThreadTeam& team) {
  if (codec.use_dct) {
    for_each_decoded_tile(encoded, codec, team, [&](int64_t chunk, std::span<const float> tile) {
      subtract_tile(tile, tile_rows(encoded.plan, chunk), out);
    });
    return;
  }
  for_each_sent_chunk(encoded, team, [&](int64_t chunk, auto positions, auto values) {
    ChunkEncoder::subtract_sent(positions, values, tile_rows(encoded.plan, chunk), out);
  });
}

}  // namespace

Result<EncodedParameter> encode_parameter(const BlendedInput& input, const ParameterInfo& parameter,
                                          const CodecSpec& codec, ThreadTeam& team,
                                          const Remainder& remainder) {
  CHECK(std::ssize(input) == parameter.count());
  CHECK(remainder.out.empty() || remainder.out.size() == input.size());
  EncodedParameter encoded;
  encoded.plan = plan_chunks(parameter.shape, codec);
  const size_t chunks = encoded.plan.chunk_count();
  const size_t kept = encoded.plan.kept;
  encoded.positions.resize(chunks * kept);
  const bool chunk_by_chunk = codec.quantiser != Quantiser::kMean4;
  std::vector<float> values;  // of all chunks, where they are quantised together
  if (codec.quantiser == Quantiser::kNone || codec.quantiser == Quantiser::kNoneBf16) {
    encoded.values.resize(chunks * kept);
  } else if (chunk_by_chunk) {
    encoded.codebook = block_log_codebook(codec.quantiser_bins);
    encoded.codes.resize(chunks * kept);
    encoded.scales.resize(chunks);
  } else {
    values.resize(chunks * kept);
  }
  const TileTransform transform(encoded.plan, codec);
  FirstFailure failure;
  team.for_ranges(chunks, chunk_grain(encoded.plan), [&](size_t begin, size_t end) {
    ChunkEncoder encoder(input, codec, transform, remainder, encoded, failure);
    std::vector<float> chunk_values(kept);
    for (size_t i = begin; i < end; ++i) {
      const int64_t chunk = i;
      if (chunk_by_chunk) {
        if (encoder.select(chunk, chunk_values)) encoder.finish_chunk(chunk, chunk_values);
      } else if (encoder.select(chunk, std::span(values).subspan(i * kept, kept))) {
        encoder.store_whole(chunk);
      }
    }
  });
  // Asked at the end, of all threads: the lowest failure is told, whichever thread came first.
  if (const Status status = failure.status(); !status)
    return annotate(status.error(), "compress " + parameter.name);
  if (chunk_by_chunk) return encoded;

  QuantisedValues quantised = quantise_mean4(values, codec);
  encoded.codes = std::move(quantised.codes);
  encoded.codebook = std::move(quantised.codebook);
  // A bin's mean of values at the limit may round to one step beyond it.
  for (float& entry : encoded.codebook)
    entry = std::clamp(entry, -kMaxCodebookMagnitude, kMaxCodebookMagnitude);
  if (!remainder.out.empty() && remainder.subtract_sent)
    subtract_all_sent(encoded, codec, remainder.out, team);
  return encoded;
}

}  // namespace templar
