#include "app/localnet/block_pacer.h"

#include "app/localnet/run_folder.h"

namespace templar {

BlockPacer::BlockPacer(const LedgerReader& ledger, BlockMaker& maker, const NetworkSpec& network,
                       int64_t windows, double stall_seconds)
    : ledger_(ledger),
      maker_(maker),
      network_(network),
      windows_(windows),
      stall_seconds_(stall_seconds),
      clock_(ledger, network) {}

Status BlockPacer::make_due_blocks(const std::function<Result<bool>(int64_t window)>& all_published) {
  TRY_ASSIGN(const std::optional<int64_t> window, clock_.current_window());
  if (!window) return make_block(kGenesisMs);
  if (*window > 0) TRY(make_blocks_until_closed(*window - 1));
  TRY_ASSIGN(const bool published, all_published(*window));
  if (!published && since_block_.seconds() < stall_seconds_) return {};
  return make_blocks_until_closed(*window);
}

Status BlockPacer::make_blocks_until_closed(int64_t window) {
  for (;;) {
    TRY_ASSIGN(const bool closed, clock_.is_closed(window));
    TRY_ASSIGN(const bool over, clock_.is_closed(windows_ - 1, network_.record_wait_seconds));
    if (closed || over) return {};
    TRY_ASSIGN(const std::optional<Block> latest, ledger_.latest_block());
    TRY(make_block(latest->time_ms + network_.block_seconds * 1000));
  }
}

Status BlockPacer::make_block(TimestampMs time_ms) {
  since_block_ = Stopwatch();
  const auto block = maker_.make_block(time_ms);
  if (!block) return std::unexpected(block.error());
  return {};
}

}  // namespace templar
