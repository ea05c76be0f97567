#include "formats/checkpoint/checkpoint_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "formats/checkpoint/checkpoint_loader.h"

namespace templar {
namespace {

constexpr uint64_t kMaxRunSpecBytes = uint64_t{1} << 20;

// One of the two that are compared.
struct Side {
  const CheckpointFiles& files;
  CheckpointManifest manifest;
  ParameterLayout layout;
  std::vector<TensorPlace> places;  // of manifest's files
};

Status open_side(Side& side) {
  TRY_ASSIGN(side.manifest, read_manifest(side.files));
  TRY_ASSIGN(const RunSpec spec, read_run_spec(side.files, side.manifest));
  side.layout = parameter_layout(spec.model);
  TRY_ASSIGN(side.places, locate_tensors(side.files, side.manifest, side.layout));
  return {};
}

Status read_values(const Side& side, size_t parameter, size_t first, std::span<float> out) {
  const TensorPlace& place = side.places[parameter];
  return side.files.read(place.file->name, place.offset + first * sizeof(float),
                         {reinterpret_cast<uint8_t*>(out.data()), out.size_bytes()});
}

struct Squares {
  double of_difference = 0;
  double of_a = 0;
};

double relative(const Squares& squares) {
  if (squares.of_difference == 0) return 0;
  return std::sqrt(squares.of_difference) / std::sqrt(squares.of_a);
}

void compare_values(std::span<const float> a, std::span<const float> b, size_t first,
                    ParameterDifference& difference, Squares& squares) {
  for (size_t i = 0; i < a.size(); ++i) {
    squares.of_a += double{a[i]} * a[i];
    if (std::bit_cast<uint32_t>(a[i]) == std::bit_cast<uint32_t>(b[i])) continue;
    if (difference.different++ == 0) difference.first_different = first + i;
    const double distance = std::abs(double{b[i]} - double{a[i]});
    difference.largest = std::isnan(distance) ? distance : std::max(difference.largest, distance);
    squares.of_difference += distance * distance;
  }
}

Result<ParameterDifference> compare_parameter(const Side& a, const Side& b, size_t parameter,
                                              Squares& total) {
  constexpr size_t kValues = kPieceBytes / sizeof(float);
  const ParameterInfo& info = a.layout[parameter];
  ParameterDifference difference{.name = info.name, .values = info.count()};
  std::vector<float> values_a(std::min<size_t>(kValues, info.count()));
  std::vector<float> values_b(values_a.size());
  Squares squares;
  for (int64_t first = 0; first < info.count(); first += kValues) {
    const size_t count = std::min<int64_t>(kValues, info.count() - first);
    const std::span<float> part_a = std::span(values_a).first(count);
    const std::span<float> part_b = std::span(values_b).first(count);
    TRY(read_values(a, parameter, first, part_a));
    TRY(read_values(b, parameter, first, part_b));
    compare_values(part_a, part_b, first, difference, squares);
  }
  difference.relative = relative(squares);
  total.of_a += squares.of_a;
  total.of_difference += squares.of_difference;
  return difference;
}

}  // namespace

bool CheckpointDifference::equal() const {
  return std::ranges::all_of(parameters, [](const ParameterDifference& p) { return p.different == 0; });
}

Result<RunSpec> read_run_spec(const CheckpointFiles& files, const CheckpointManifest& manifest) {
  const CheckpointFile& file = *manifest.find(kRunSpecName);
  if (file.size_bytes > kMaxRunSpecBytes)
    return skip_error(
        fmt::format("{}: {}: {} bytes are too many", files.where, kRunSpecName, file.size_bytes));
  Bytes text;
  TRY(read_checked(files, file, [&](ByteView piece) {
    text.insert(text.end(), piece.begin(), piece.end());
    return Status();
  }));
  auto spec = parse_run_spec(as_text(text));
  if (!spec) return skip_error(fmt::format("{}: {}: {}", files.where, kRunSpecName, spec.error().message));
  if (run_id(*spec) == manifest.run_id) return spec;
  return skip_error(fmt::format("{}: {}: makes run {}, the manifest says {}", files.where, kRunSpecName,
                                run_id(*spec).brief(), manifest.run_id.brief()));
}

Result<CheckpointDifference> compare_checkpoints(const CheckpointFiles& a, const CheckpointFiles& b) {
  Side side_a{.files = a, .manifest = {}, .layout = {}, .places = {}};
  Side side_b{.files = b, .manifest = {}, .layout = {}, .places = {}};
  TRY(open_side(side_a));
  TRY(open_side(side_b));
  if (side_a.layout != side_b.layout)
    return skip_error(fmt::format("{} and {} hold models of different shapes", a.where, b.where));
  CheckpointDifference difference{
      .a = side_a.manifest, .b = side_b.manifest, .parameters = {}, .relative = 0};
  Squares total;
  for (size_t i = 0; i < side_a.layout.size(); ++i) {
    TRY_ASSIGN(ParameterDifference parameter, compare_parameter(side_a, side_b, i, total));
    difference.parameters.push_back(std::move(parameter));
  }
  difference.relative = relative(total);
  return difference;
}

}  // namespace templar
