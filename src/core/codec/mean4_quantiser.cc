#include "core/codec/mean4_quantiser.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace templar {
namespace {

float quantiser_scale(std::span<const float> centred, const CodecSpec& codec) {
  if (centred.size() < 2) return 1.0f;
  double squares = 0;
  for (const float c : centred) squares += static_cast<double>(c) * c;
  const double deviation = std::sqrt(squares / static_cast<double>(centred.size() - 1));
  const auto scale = static_cast<float>(codec.quantiser_range_sigmas * deviation /
                                        static_cast<double>(codec.quantiser_bins));
  return scale == 0.0f || !std::isfinite(scale) ? 1.0f : scale;
}

}  // namespace

QuantisedValues quantise_mean4(std::span<const float> values, const CodecSpec& codec) {
  CHECK(!values.empty() && codec.quantiser_bins >= 2 && codec.quantiser_bins <= 256);
  QuantisedValues result;
  double sum = 0;
  for (const float value : values) sum += value;
  const auto shift = static_cast<float>(sum / static_cast<double>(values.size()));
  std::vector<float> centred;
  centred.reserve(values.size());
  for (const float value : values) centred.push_back(value - shift);
  const float scale = quantiser_scale(centred, codec);

  const size_t bins = codec.quantiser_bins;
  const auto middle = static_cast<float>(codec.quantiser_bins / 2);
  const auto highest = static_cast<float>(codec.quantiser_bins - 1);
  std::vector<double> bin_sums(bins, 0);
  std::vector<int64_t> bin_counts(bins, 0);
  result.codes.reserve(values.size());
  for (const float c : centred) {
    // nearbyint rounds half to even; it is exact, so no library can differ.
    const auto code = static_cast<size_t>(std::clamp(std::nearbyint(c / scale + middle), 0.0f, highest));
    bin_sums[code] += c;
    ++bin_counts[code];
    result.codes.push_back(static_cast<uint8_t>(code));
  }
  for (size_t bin = 0; bin < bins; ++bin) {
    if (bin_counts[bin] == 0) {
      result.codebook.push_back(0.0f);
      continue;
    }
    const float value = shift + static_cast<float>(bin_sums[bin] / static_cast<double>(bin_counts[bin]));
    result.codebook.push_back(value == 0.0f ? 0.0f : value);  // one spelling of zero
  }
  return result;
}

}  // namespace templar
