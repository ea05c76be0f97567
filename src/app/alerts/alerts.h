// Who is told of a node's alarms, by its options.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/alerts/alert_teller.h"
#include "node/window/environment.h"

namespace templar {

struct AlertOptions {
  std::string command;  // see run_alert_command; empty: none
  std::string webhook;  // http(s)://, gets alert_json by POST; empty: none. A secret, also on the log
};

// How long one telling may take; a node that ends waits no longer for it.
inline constexpr std::chrono::seconds kAlertSeconds{30};

class Alerts {
 public:
  // Tells, as long as it lives, of the environment's alarms. Remembers in alerts-command.json and
  // alerts-webhook.json of the folder what it has told. nullptr where the options name nobody. Fails (fatal)
  // where the webhook is no address.
  [[nodiscard]] static Result<std::unique_ptr<Alerts>> open(const AlertOptions& options,
                                                            const std::filesystem::path& folder,
                                                            const NodeEnvironment& environment,
                                                            const NodeName& name);
  ~Alerts();
  Alerts(const Alerts&) = delete;
  Alerts& operator=(const Alerts&) = delete;

 private:
  explicit Alerts(std::shared_ptr<StandingAlarms> alarms) : alarms_(std::move(alarms)) {}

  const std::shared_ptr<StandingAlarms> alarms_;
  std::vector<std::unique_ptr<AlertTeller>> tellers_;
};

}  // namespace templar
