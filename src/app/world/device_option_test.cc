#include "app/world/device_option.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/cuda_engine.h"

namespace templar {
namespace {

struct Read {
  int exit_code = 0;
  std::optional<int> card;
};

Read read_device(const std::string& word) {
  Read read;
  read.card = 7;  // is replaced, whatever it was
  CommandLine command_line("templar", "", "");
  Verb verb = command_line.root().add_verb("work", "");
  verb.add_options({device_option(read.card)});
  ::testing::internal::CaptureStderr();
  read.exit_code = command_line.run({"work", "--device", word});
  std::fflush(stderr);
  const std::string errors = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(read.exit_code != 0, !errors.empty()) << errors;
  return read;
}

TEST(DeviceOption, NamesTheCpuOrACardByNumber) {
  EXPECT_EQ(read_device("cpu").card, std::nullopt);
  EXPECT_EQ(read_device("cuda").card, 0);
  EXPECT_EQ(read_device("cuda:0").card, 0);
  EXPECT_EQ(read_device("cuda:12").card, 12);
}

TEST(DeviceOption, TakesACardByItselfWhereThereIsOne) {
  const Read read = read_device("auto");
  EXPECT_EQ(read.exit_code, 0);
  EXPECT_EQ(read.card.has_value(), check_cuda_device(0).has_value());
}

TEST(DeviceOption, RefusesOtherWords) {
  for (const char* word : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:1234", "CUDA"}) {
    EXPECT_EQ(read_device(word).exit_code, 2) << word;
  }
}

TEST(DeviceOption, IsTheCpuByDefault) {
  std::optional<int> card;
  std::optional<int> other = 3;
  EXPECT_EQ(arguments_of({device_option(card)}, {device_option(card)}), std::vector<std::string>{});
  EXPECT_EQ(arguments_of({device_option(other)}, {device_option(card)}),
            (std::vector<std::string>{"--device", "cuda:3"}));
}

}  // namespace
}  // namespace templar
