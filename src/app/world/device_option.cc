#include "app/world/device_option.h"

#include <fmt/format.h>

#include "engine/cuda_engine.h"

namespace templar {
namespace {

// More than any machine has.
constexpr int kCards = 16;
// The choices before the cards by number.
constexpr size_t kCpu = 0;
constexpr size_t kAuto = 2;
constexpr size_t kFirstCard = 3;

}  // namespace

Option device_option(std::optional<int>& card) {
  NamedChoice choice = {.names = {"cpu", "cuda", "auto"}, .chosen = {}, .choose = {}};
  for (int number = 0; number < kCards; ++number) choice.names.push_back(fmt::format("cuda:{}", number));
  choice.chosen = [&card] { return card ? kFirstCard + static_cast<size_t>(*card) : kCpu; };
  choice.choose = [&card](size_t chosen) {
    card.reset();
    if (chosen == kCpu || (chosen == kAuto && !check_cuda_device(0))) return;
    card = chosen < kFirstCard ? 0 : static_cast<int>(chosen - kFirstCard);
  };
  return {"--device",
          choice,
          "What computes the model: cpu, cuda or cuda:N, the card of that number, or auto, a card if there "
          "is one",
          {.shows_default = true}};
}

}  // namespace templar
