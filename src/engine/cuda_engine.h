// The Engine on one NVIDIA card. A build without NVIDIA's toolkit has these functions too: they fail and say
// what is missing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace templar {

struct CudaEngineOptions : EngineOptions {
  CudaEngineOptions() { precision = Precision::kBf16; }

  int device = 0;  // as CUDA numbers them
  // The same bits from the same batches each time, on one kind of card and one version of the libraries. Off,
  // cuDNN may add the gradients of queries in any order, which is faster.
  bool deterministic = true;
};

// Succeeds where this build and this machine can compute on the card; else fails (fatal) and says what is
// missing: the toolkit at build time, the driver, the card, its generation, cuBLASLt.
[[nodiscard]] Status check_cuda_device(int device);

// Parameters are zero until somebody initialises or loads them. Fails (fatal) where check_cuda_device does,
// where the model's shape makes no sense or is beyond the kernels, or where the card has too little free
// memory.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_cuda_engine(const ModelSpec& model, const InnerSpec& inner,
                                                               const CudaEngineOptions& options);

// What the card reaches at best, measured now.
struct CudaPeaks {
  std::string card;
  double product_flops_per_second = 0;  // a bf16 product of 8192 x 8192 x 8192 random numbers, median
  double copy_bytes_per_second = 0;     // a copy of 2 GiB on the card, bytes read and written counted
};
[[nodiscard]] Result<CudaPeaks> measure_cuda_peaks(int device);

// Where the time of an engine that make_cuda_engine made goes.
class CudaMeter {
 public:
  // The engine outlives it (CHECK that it is one of the card's).
  explicit CudaMeter(Engine& engine);
  void begin();
  struct Part {
    const char* name;
    double seconds;
  };
  // Since begin(); waits for the card. Ends the measuring.
  [[nodiscard]] std::vector<Part> end();

 private:
  Engine& engine_;
};

}  // namespace templar
