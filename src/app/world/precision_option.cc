#include "app/world/precision_option.h"

#include <array>

namespace templar {
namespace {

constexpr std::array kPrecisions = {Precision::kF32, Precision::kBf16};

}  // namespace

const char* name_of(Precision precision) {
  return precision == Precision::kBf16 ? "bf16" : "f32";
}

Option precision_option(Precision& precision) {
  NamedChoice choice;
  for (const Precision each : kPrecisions) choice.names.emplace_back(name_of(each));
  choice.chosen = [&precision] { return precision == kPrecisions[0] ? size_t{0} : size_t{1}; };
  choice.choose = [&precision](size_t chosen) { precision = kPrecisions.at(chosen); };
  return {"--precision",
          choice,
          "Of the matrix products: f32, or bf16 with f32 master weights",
          {.shows_default = true}};
}

}  // namespace templar
