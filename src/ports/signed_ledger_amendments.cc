// How a signed ledger keeps the owner's amendments: docs/decisions/0033-amendments.md.
#include <fmt/format.h>

#include <array>

#include "ports/signed_ledger_state.h"

namespace templar {

Result<std::vector<Amendment>> SignedLedger::State::amendments() {
  if (!knows_amendments) {
    TRY(read_amendments());
    knows_amendments = true;
  }
  return amended;
}

Status SignedLedger::State::read_amendments() {
  TRY_ASSIGN(const std::vector<Notice> notices, board.list(kAmendmentNotices));
  for (const Notice& notice : notices) {
    const auto next = static_cast<int64_t>(amended.size()) + 1;
    if (notice.key < numbered_notice(kAmendmentNotices, next)) continue;
    const auto [entry, said] = content_of<AmendmentEntry>(notice);
    const Amendment* before = amended.empty() ? nullptr : &amended.back();
    if (!said || entry->author != owner || said->number != next ||
        notice.key != numbered_notice(kAmendmentNotices, next) ||
        said->previous != (before == nullptr ? Hash256{} : before->hash) ||
        (before != nullptr && said->first_window < before->first_window))
      break;
    TRY_ASSIGN(const bool came_late, is_too_late(notice, said->before_block));
    if (came_late) break;
    amended.push_back({.number = said->number,
                       .first_window = said->first_window,
                       .before_block = said->before_block,
                       .changes = said->changes,
                       .hash = amendment_hash(run_id, *said)});
  }
  return {};
}

// By the board's own order, which is the same for everybody and at any time: the amendment was read before,
// so where there is no block yet it is in time.
Result<bool> SignedLedger::State::is_too_late(const Notice& amendment, int64_t before_block) {
  TRY_ASSIGN(const std::optional<Notice> notice, board.read(numbered_notice(kBlockNotices, before_block)));
  if (!notice || notice->revision > amendment.revision) return false;
  TRY_ASSIGN(const std::optional<Block> made, check_block(*notice));
  return made.has_value();
}

Result<std::vector<Amendment>> SignedLedger::amendments() const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  return state_->amendments();
}

Result<Amendment> OwnerWriter::amend(int64_t first_window, int64_t before_block,
                                     const std::vector<std::string>& changes) {
  TRY(check_owner());
  SignedLedger::State& state = *ledger_.state_;
  const MutexLock lock(state.mutex);
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<Amendment> before, state.amendments());
  const Amendment* last = before.empty() ? nullptr : &before.back();
  if (last != nullptr && last->first_window == first_window && last->changes == changes) return *last;
  if (last != nullptr && last->first_window > first_window)
    return skip_error(fmt::format("amendment {} begins in window {}: the next one begins there or later",
                                  last->number, last->first_window));
  const AmendmentEntry content{.number = static_cast<int64_t>(before.size()) + 1,
                               .previous = last == nullptr ? Hash256{} : last->hash,
                               .first_window = first_window,
                               .before_block = before_block,
                               .changes = changes};
  TRY(check_entry_content(content));
  TRY_ASSIGN(const auto slot,
             state.read_slot<AmendmentEntry>(numbered_notice(kAmendmentNotices, content.number)));
  TRY_ASSIGN(const auto block, state.read_slot<BlockEntry>(numbered_notice(kBlockNotices, before_block)));
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<Amendment> now, state.amendments());
  if (now.size() != before.size()) return retry_error("ledger: another amendment was made meanwhile");
  TRY_ASSIGN(const std::optional<Block> made, state.block(before_block));
  if (made)
    return skip_error(
        fmt::format("window {} can't be amended any more: block {} is made", first_window, before_block));
  const Bytes sealed =
      seal_ledger_entry({.run_id = state.run_id, .author = {}, .sequence = 0, .content = content}, key_);
  TRY_ASSIGN(const bool written,
             board_.write(slot.second.key, sealed, std::array{slot.second, block.second}));
  if (!written) return retry_error("ledger: it has changed meanwhile");
  return Amendment{.number = content.number,
                   .first_window = first_window,
                   .before_block = before_block,
                   .changes = changes,
                   .hash = amendment_hash(state.run_id, content)};
}

}  // namespace templar
