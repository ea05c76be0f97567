// How fast pseudo-gradients become a contribution, and how small it is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/memcpy_time.h"
#include "base/result.h"

namespace templar {

struct CodecBenchOptions {
  CodecSpec codec;  // use_dct is set to both
  int threads = 2;
  int rounds = 5;
  std::function<void(int round)> on_round;  // before each; may be empty
};

struct CodecBenchTimes {
  double compress_seconds = 0;  // error feedback, transform, top-k, quantiser, residual
  double code_seconds = 0;      // and the coding of it; both the best of all rounds
  [[nodiscard]] double seconds() const { return compress_seconds + code_seconds; }
};

struct CodecBenchReport {
  int64_t parameters = 0;
  int64_t kept = 0;
  MemcpySeconds memcpy;
  CodecBenchTimes plain;
  CodecBenchTimes dct;
  // Without the transform: bits of a position in chunks that are not sent whole, and of a value with all
  // headers.
  double index_bits = 0;
  double bits_per_value = 0;
};

// Fails as compress() does.
[[nodiscard]] Result<CodecBenchReport> run_codec_bench(const BenchGradient& gradient,
                                                       const CodecBenchOptions& options);

// What the quantisers make of a pseudo-gradient with its error feedback.
struct QuantiserReport {
  std::string name;
  bool use_dct = false;
  double relative_error = 0;  // of the kept values: the root of the squared error over the squared values
  double index_bits = 0;
  double bits_per_value = 0;
};

[[nodiscard]] Result<std::vector<QuantiserReport>> compare_quantisers(const BenchGradient& gradient,
                                                                      const CodecSpec& codec,
                                                                      ThreadTeam& team);

}  // namespace templar
