// What a person sees of a running localnet: one line a window, now and then the miners by weight.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "app/localnet/run_folder.h"
#include "app/run/run_view.h"
#include "base/clock.h"

namespace templar {

class LiveView {
 public:
  explicit LiveView(const LocalRun& run);

  // Nothing is said of the windows that are already there.
  void skip_to_end(const RunView& known);

  // Prints the windows that all nodes have reported since the last call, and those where somebody's report
  // has been missing for two windows. all: the rest, too.
  void show(const RunView& known, bool all = false);

 private:
  [[nodiscard]] bool is_complete(const RunView& known, int64_t window) const;
  void print_window(const RunView& known, int64_t window);
  void print_table(const RunView& known) const;

  const LocalRun& run_;
  size_t miners_ = 0;
  int64_t parameter_bytes_ = 0;  // of the model in f32
  int64_t next_window_ = 0;      // the first that is not printed yet
  double tokens_ = 0;            // of the windows that were printed
  Stopwatch since_start_;
};

}  // namespace templar
