#include "app/doctor/disk_need.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/run/parameter_layout.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class DiskNeeds : public ::testing::Test {
 protected:
  DiskNeeds() {
    config_.state_folder = folder_ / "state/me";
    config_.retention.keep_last = 3;
    spec_.network.gather_peer_count = 5;
    spec_.network.contribution_retention_windows = 7;
    set_bytes_ = parameter_count(parameter_layout(spec_.model)) * 4;
  }
  [[nodiscard]] int64_t sum(NodeRole role, const std::filesystem::path& store) const {
    int64_t sum = 0;
    for (const DiskNeed& need : disk_needs(spec_, role, config_, store, "bucket")) sum += need.bytes;
    return sum;
  }
  void write(const std::filesystem::path& path, size_t bytes) const {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << std::string(bytes, 'x');
  }

  const TemporaryFolder folder_;
  NodeConfig config_;
  RunSpec spec_ = load_run_spec("tiny").value();
  int64_t set_bytes_ = 0;
};

TEST_F(DiskNeeds, AreThoseOfTheRole) {
  const int64_t contribution = set_bytes_ / 100;
  EXPECT_EQ(sum(NodeRole::kEvaluator, {}), 2 * set_bytes_);
  EXPECT_EQ(sum(NodeRole::kEvaluator, folder_.path()), 2 * set_bytes_) << "it writes to no store";
  EXPECT_EQ(sum(NodeRole::kMiner, {}), 2 * set_bytes_ + 9 * set_bytes_ + 5 * contribution);
  EXPECT_EQ(sum(NodeRole::kMiner, folder_.path()), 11 * set_bytes_ + (5 + 7) * contribution);
  EXPECT_EQ(sum(NodeRole::kValidator, {}), 2 * set_bytes_ + 2 * 5 * contribution) << "sealed and opened";
  EXPECT_EQ(sum(NodeRole::kValidator, folder_.path()),
            2 * set_bytes_ + 4 * set_bytes_ + (2 * 5 + 5 * 7) * contribution);
}

TEST_F(DiskNeeds, OfOneFileSystemAreAddedUp) {
  const std::vector<DiskRoom> rooms =
      room_for({{"state", folder_ / "a/b/c", 1000, {}}, {"copies", folder_ / "d", 500, {}}});
  ASSERT_THAT(rooms, SizeIs(1));
  EXPECT_EQ(rooms[0].folder, folder_.path());
  EXPECT_EQ(rooms[0].what, "state, copies");
  EXPECT_EQ(rooms[0].missing_bytes, 1500);
  EXPECT_GT(rooms[0].available_bytes, 0);
}

TEST_F(DiskNeeds, CountWhatIsThereAlready) {
  write(folder_ / "a/x", 300);
  write(folder_ / "a/deep/y", 100);
  write(folder_ / "b/z", 9000);
  const std::vector<DiskRoom> rooms = room_for({{"a", folder_ / "a", 1000, folder_ / "a"},
                                                {"b", folder_ / "b", 1000, folder_ / "b"},
                                                {"c", folder_ / "c", 50, folder_ / "c"}});
  ASSERT_THAT(rooms, SizeIs(1));
  EXPECT_EQ(rooms[0].missing_bytes, 600 + 0 + 50) << "what is too much at one place is missing at no other";
}

TEST_F(DiskNeeds, AreLeftOutWhereNobodyCanTell) {
  std::filesystem::create_symlink(folder_ / "loop", folder_ / "loop");
  EXPECT_THAT(room_for({{"a", "/proc/self/no/such", 1, {}}}), SizeIs(::testing::Le(1u)));
  EXPECT_THAT(room_for({}), SizeIs(0));
}

TEST(NearestFolder, IsTheFirstThatExists) {
  const TemporaryFolder folder;
  EXPECT_EQ(nearest_folder(folder.path()), folder.path());
  EXPECT_EQ(nearest_folder(folder / "a/b/c"), folder.path());
  EXPECT_EQ(nearest_folder("/no/such/folder"), "/");
  EXPECT_EQ(nearest_folder("relative/no/such"), std::filesystem::current_path());
}

}  // namespace
}  // namespace templar::testing
