#include "node/catch_up/first_model.h"

#include "base/log/log.h"
#include "formats/checkpoint/checkpoint_loader.h"

namespace templar {

Status begin_first_model(const NodeEnvironment& environment, Replica& replica, int64_t window) {
  const BootstrapSpec& bootstrap = environment.spec.bootstrap;
  if (bootstrap.bucket.empty()) {
    return replica.begin_initial(window);
  }
  const CheckpointFiles files = checkpoint_in_store(environment.store, bootstrap.bucket, bootstrap.window);
  const Status loaded = replica.load([&](ParameterSpans parameters) {
    return load_bootstrap(files, bootstrap, environment.layout, parameters, replica.team());
  });
  // Elsewhere another checkpoint would be tried. The run spec names this one, so only a person can help.
  if (!loaded && loaded.error().kind == ErrorKind::kSkip)
    return fatal_error("the checkpoint that the run spec begins with can't be used: " +
                       loaded.error().message);
  TRY(loaded);
  TRY(replica.begin_loaded(window, 0, window));
  log(LogLevel::kInfo, "checkpoint", "another run's weights", {{"where", files.where}, {"window", window}});
  return {};
}

}  // namespace templar
