#include "app/world/device_option.h"

#include <fmt/format.h>

namespace templar {
namespace {

// More than any machine has.
constexpr int kCards = 16;
// Before the cards by number.
constexpr size_t kFirstCard = 2;

}  // namespace

Option device_option(std::optional<int>& card) {
  NamedChoice choice = {.names = {"cpu", "cuda"}, .chosen = {}, .choose = {}};
  for (int number = 0; number < kCards; ++number) choice.names.push_back(fmt::format("cuda:{}", number));
  choice.chosen = [&card] { return card ? kFirstCard + static_cast<size_t>(*card) : size_t{0}; };
  choice.choose = [&card](size_t chosen) {
    card.reset();
    if (chosen > 0) card = chosen < kFirstCard ? 0 : static_cast<int>(chosen - kFirstCard);
  };
  return {"--device",
          choice,
          "What computes the model: cpu, cuda or cuda:N, the card of that number",
          {.shows_default = true}};
}

}  // namespace templar
