// What a miner says about the samples it trained on, so that a validator can compare it with what was
// assigned.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/protocol/sample_receipt.h"

namespace templar {

// The same for any order of the ids.
[[nodiscard]] SampleReceipt make_receipt(std::span<const uint64_t> sample_ids);

}  // namespace templar
