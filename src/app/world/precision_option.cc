#include "app/world/precision_option.h"

#include <algorithm>
#include <array>

namespace templar {
namespace {

struct NamedPrecision {
  Precision precision;
  const char* name;
};
constexpr std::array kPrecisions = {NamedPrecision{Precision::kF32, "f32"},
                                    NamedPrecision{Precision::kBf16, "bf16"},
                                    NamedPrecision{Precision::kF32Deterministic, "f32-deterministic"}};

size_t place_of(Precision precision) {
  return std::ranges::find(kPrecisions, precision, &NamedPrecision::precision) - kPrecisions.begin();
}

}  // namespace

const char* name_of(Precision precision) {
  return kPrecisions.at(place_of(precision)).name;
}

std::optional<Precision> precision_named(std::string_view name) {
  const auto* found = std::ranges::find(kPrecisions, name, &NamedPrecision::name);
  if (found == kPrecisions.end()) return std::nullopt;
  return found->precision;
}

std::vector<std::string> precision_names() {
  std::vector<std::string> names;
  for (const NamedPrecision& each : kPrecisions) names.emplace_back(each.name);
  return names;
}

Option precision_option(Precision& precision) {
  NamedChoice choice;
  choice.names = precision_names();
  choice.chosen = [&precision] { return place_of(precision); };
  choice.choose = [&precision](size_t chosen) { precision = kPrecisions.at(chosen).precision; };
  return {
      "--precision",
      choice,
      "Of the matrix products: f32, or bf16 with f32 master weights; f32-deterministic gives the same bits "
      "with any number of threads on every x86-64 processor with AVX2",
      {.shows_default = true}};
}

}  // namespace templar
