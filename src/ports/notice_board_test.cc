#include "ports/notice_board.h"

#include "support/contracts/notice_board_contract.h"

namespace templar::testing {
namespace {

struct MemoryNoticesHarness {
  NoticeBoard& board() { return notices; }

  MemoryNoticeBoard notices;
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, NoticeBoardContract, MemoryNoticesHarness);

}  // namespace templar::testing
