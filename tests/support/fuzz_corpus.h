// The seeds that fuzzers start from, kept in fuzz/corpus/<fuzzer>/ and held to what the code makes today.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace templar::testing {

// Expects each seed's file to have exactly that content. After a change of format, a run with
// TEMPLAR_WRITE_CORPUS=1 in the environment writes them anew.
void expect_fuzz_corpus(const std::string& fuzzer, const std::vector<std::pair<std::string, Bytes>>& seeds);

}  // namespace templar::testing
