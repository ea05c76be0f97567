#include "app/alerts/alerts.h"

#include <fmt/format.h>

#include <utility>

#include "adapters/http/http_client.h"
#include "app/alerts/alert_command.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

constexpr int kFirstBadStatus = 300;
constexpr size_t kShortestSecretPath = 12;  // a shorter one is a word that the log has elsewhere too

Status post_alert(HttpClient& client, const std::string& url, const Alert& alert) {
  const auto answer = client.post({.url = url,
                                   .headers = {{"Content-Type", "application/json"}},
                                   .user = {},
                                   .password = {},
                                   .body = alert_json(alert)});
  if (!answer) return std::unexpected(answer.error());
  if (answer->status < kFirstBadStatus) return {};
  return retry_error(fmt::format("the server answered {}", answer->status));
}

// Whoever knows all of such an address may post there: what stands behind the host is the secret.
void register_webhook(const std::string& url) {
  const size_t host = url.find("://") + 3;
  const size_t path = url.find('/', host);
  if (path != std::string::npos && url.size() - path > kShortestSecretPath)
    register_secret(std::string_view(url).substr(path + 1));
}

}  // namespace

Result<std::unique_ptr<Alerts>> Alerts::open(const AlertOptions& options, const std::filesystem::path& folder,
                                             const NodeEnvironment& environment, const NodeName& name) {
  if (options.command.empty() && options.webhook.empty()) return nullptr;
  const AlertTellerOptions speaker{.place = {},
                                   .node = fmt::format("{}-{}", name.role, name.uid),
                                   .run = environment.run_id.brief(),
                                   .told_file = {}};
  std::unique_ptr<Alerts> alerts(new Alerts(environment.alarms));
  const auto add = [&](const std::string& place, AlertTeller::Tell tell) {
    AlertTellerOptions own = speaker;
    own.place = place;
    own.told_file = folder / fmt::format("alerts-{}.json", place);
    alerts->tellers_.push_back(
        std::make_unique<AlertTeller>(std::move(own), environment.alarms, std::move(tell)));
  };
  if (!options.webhook.empty()) {
    if (!options.webhook.starts_with("https://") && !options.webhook.starts_with("http://"))
      return fatal_error("--alert-webhook: an address must begin with http:// or https://");
    register_webhook(options.webhook);
    const auto client = std::make_shared<HttpClient>(HttpClientOptions{.timeout = kAlertSeconds});
    add("webhook",
        [client, url = options.webhook](const Alert& alert) { return post_alert(*client, url, alert); });
  }
  if (!options.command.empty()) {
    add("command", [command = options.command](const Alert& alert) {
      return run_alert_command(command, alert, kAlertSeconds);
    });
  }
  environment.alarms->listen([tellers = &alerts->tellers_] {
    for (const auto& teller : *tellers) teller->notice();
  });
  // What has changed before somebody listened.
  for (const auto& teller : alerts->tellers_) teller->notice();
  return alerts;
}

Alerts::~Alerts() {
  alarms_->listen({});
}

}  // namespace templar
