// Keeps files of measurements from growing for ever: of older windows ever fewer stay, and a sum of all.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace templar {

// Beside a file "x.jsonl" that has grown: its newest whole part, and what is left of all before that.
[[nodiscard]] std::filesystem::path moved_metrics_file(const std::filesystem::path& file);  // "x.jsonl.1"
[[nodiscard]] std::filesystem::path thinned_metrics_file(
    const std::filesystem::path& file);  // "x.jsonl.thinned"

// Moves the file's content aside, so that the next line begins it anew; what had been moved aside before is
// added to the thinned file. There the windows stay that a power of two divides, the smallest one with which
// they come to no more than max_bytes; all of localnet_begin, localnet_call, model_divergence and
// network_alarm; of other measurements without a window none. Its first line, metrics_thinned, sums up what
// it has seen of the node's windows, those that stay included. Each of the three files is replaced whole:
// whoever is killed in between loses nothing; of windows, what a reader then finds twice lies below
// metrics_thinned's below_window, and of what always stays the next rotation keeps one. For the file of one
// node, written by one process.
[[nodiscard]] Status rotate_metrics(const std::filesystem::path& file, uint64_t max_bytes);

}  // namespace templar
