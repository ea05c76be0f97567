#include "app/world/node_options.h"

#include <utility>

#include "app/world/device_option.h"
#include "app/world/precision_option.h"

namespace templar {
namespace {

constexpr const char* kAlerts = "Alarms told to somebody";
constexpr const char* kInflux = "Measurements to InfluxDB";
constexpr const char* kLog = "Log";
constexpr const char* kStore = "Object store";
constexpr const char* kWatching = "Watching";

constexpr int64_t kMaxUid = UINT32_MAX;

void append(OptionTable& table, OptionTable more) {
  table.insert(table.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

OptionTable shared_options(NodeConfig& config, NodeRole role) {
  return {{"--spec",
           &config.spec_file,
           "Run spec: what all nodes of the run agree on (see `templar run`)",
           {.required = true}},
          {"--data",
           &config.data,
           "Data set: a folder made by `templar data prepare`, or where `templar data push` put it, "
           "s3://BUCKET/PREFIX?endpoint=https://HOST or https://HOST/PATH",
           {.required = true}},
          {"--data-cache", &config.data_cache,
           "Folder for what is fetched of a data set from elsewhere; processes may share it (default: "
           "data-cache in the "
           "--state folder)"},
          {"--data-cache-size",
           &config.data_cache_bytes,
           "How large it becomes before what was used longest ago goes, e.g. 200GB; the active shard and the "
           "next always stay (0: no limit)",
           {.shows_default = true, .is_size = true}},
          {"--store",
           &config.store.address,
           "This node's object store: s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION, or a folder "
           "that all nodes share (an evaluator writes nothing, and needs only the folder)",
           {.required = role != NodeRole::kEvaluator, .group = kStore}},
          {"--store-profile",
           &config.store.profile,
           "Profile of ~/.aws/credentials whose keys write there (else as AWS_PROFILE and the other "
           "variables say)",
           {.group = kStore}},
          {"--read-key-file",
           &config.store.read_key_file,
           "ID:SECRET of a key that may only read there: it is registered with the address, for all to read "
           "with; without it the bucket must be public",
           {.group = kStore}},
          {"--ledger",
           &config.ledger,
           "The run's ledger: sqlite:FILE, or the file alone; or "
           "etcd:https://HOST:2379,HOST:2379/PREFIX?user=NAME, "
           "whose password comes from password-file=FILE in it or TEMPLAR_ETCD_PASSWORD",
           {.required = true}},
          {"--state",
           &config.state_folder,
           "Folder for this node's own state, kept over restarts",
           {.required = true}},
          {"--metrics",
           &config.metrics_file,
           "Measurements are appended here, one JSON object a line",
           {.required = true}},
          {"--threads",
           &config.threads,
           "Threads that the node computes with",
           {.allowed = IntegerRange{1, 1024}, .shows_default = true}},
          precision_option(config.precision),
          device_option(config.card),
          {"--micro-batch",
           &config.micro_batch,
           "Sequences that the engine computes at once: memory grows with it, the result stays",
           {.allowed = AboveZero{}, .shows_default = true}},
          {"--until-window",
           &config.until_window,
           "End once the model is the start of this window (0: run on)",
           {.allowed = ZeroOrMore{}}}};
}

OptionTable key_options(NodeConfig& config) {
  return {
      {"--key", &config.key_file, "Key file (see `templar key new`)", {.required = true}},
      {"--uid",
       &config.uid,
       "Uid to register a new key under: the one that the ledger lets this node write (default: the lowest "
       "that is free)",
       {.allowed = IntegerRange{0, kMaxUid}}}};
}

OptionTable miner_options(NodeConfig& config) {
  return {
      {"--recompute-layers", &config.recompute_layers,
       "Keep of each layer only what enters it and compute the rest again: a third more work, a fraction of "
       "the activations' memory"},
      {"--dump-pseudo-gradients", &config.dump_folder,
       "Write what is compressed each window into this folder, as safetensors: 8 bytes a parameter each "
       "time"}};
}

OptionTable validator_options(NodeConfig& config) {
  return {
      {"--keep-checkpoints",
       &config.retention.keep_last,
       "Newest checkpoints that stay in the bucket",
       {.allowed = AboveZero{}, .shows_default = true}},
      {"--keep-checkpoint-every",
       &config.retention.keep_every,
       "And those whose window is a multiple of this (0: no others)",
       {.allowed = ZeroOrMore{}, .shows_default = true}},
      {"--keep-checkpoint-hours",
       &config.retention.keep_hours,
       "And those stored less than so many hours before the newest one: longer than a joining node needs to "
       "fetch one (0: no others)",
       {.allowed = ZeroOrMore{}, .shows_default = true}},
      {"--checkpoint-shard-size",
       &config.checkpoint_shard_bytes,
       "Largest file of a checkpoint, e.g. 512MB",
       {.allowed = AboveZero{}, .shows_default = true, .is_size = true}}};
}

OptionTable evaluator_options(NodeConfig& config) {
  EvaluationConfig& evaluation = config.evaluation;
  return {{"--heldout-samples",
           &config.heldout_samples,
           "Held-out samples to measure on (0: all)",
           {.allowed = ZeroOrMore{}, .shows_default = true}},
          {"--tasks",
           &evaluation.tasks_folder,
           "Folder of multiple-choice questions: TASK.jsonl, TASK.fewshot.jsonl",
           {.allowed = ExistingFolder{}}},
          {"--limit",
           &evaluation.task_limit,
           "Only the first so many questions of a task, for MMLU of a subject (0: all)",
           {.allowed = ZeroOrMore{}}},
          {"--num-fewshot", &evaluation.num_fewshot,
           "Solved examples before each question: N, or TASK=N; may be repeated"},
          {"--mmlu-every",
           &evaluation.mmlu_every,
           "MMLU in the first and in every so many-th evaluation after it",
           {.allowed = AboveZero{}, .shows_default = true}},
          {"--force", &evaluation.force, "Evaluate again what has been evaluated before"},
          {"--backfill", &evaluation.backfill,
           "Only the checkpoints of the windows FROM:TO, FROM: or :TO, then end"}};
}

OptionTable outlook_options(WatchOptions& options) {
  return {
      {"--prometheus",
       &options.prometheus_port,
       "Serve /metrics to Prometheus on this port (0: any that is free)",
       {.allowed = IntegerRange{0, 65535}, .group = kWatching}},
      {"--prometheus-host",
       &options.prometheus_host,
       "Address to serve it on; nobody is asked for a password there",
       {.shows_default = true, .group = kWatching}},
      {"--tag",
       &options.tags,
       "KEY=VALUE on every measurement and label of every event for Loki; may be repeated",
       {.group = kWatching}},
      {"--metrics-size",
       &options.metrics_bytes,
       "Size at which older windows of metrics files are thinned, of all files of a localnet together (e.g. "
       "64MB; 0: never)",
       {.shows_default = true, .is_size = true, .group = kWatching}},
      {"--system-interval",
       &options.system_seconds,
       "Seconds between two looks at processor, memory, disk, network, GPU (0: none)",
       {.allowed = RealRange{0, 86400}, .shows_default = true, .group = kWatching}}};
}

OptionTable influx_options(WatchOptions& options) {
  InfluxConfig& influx = options.influx;
  const OptionRules plain = {.group = kInflux};
  const OptionRules secret = {.is_secret = true, .group = kInflux};
  return {{"--influx-url", &influx.url,
           "Server, e.g. https://metrics.example:8086; without it nothing is sent", plain},
          {"--influx-database", &influx.database, "Database (InfluxDB 1.x)", plain},
          {"--influx-user", &influx.user,
           "User (1.x); the password comes from --influx-password-file or TEMPLAR_INFLUX_PASSWORD", plain},
          {"--influx-password-file", &options.influx_password_file, "File that holds the password", secret},
          {"--influx-org", &influx.org, "Organisation (2.x)", plain},
          {"--influx-bucket", &influx.bucket,
           "Bucket (2.x, 3.x); the token comes from --influx-token-file or TEMPLAR_INFLUX_TOKEN", plain},
          {"--influx-token-file", &options.influx_token_file, "File that holds the token", secret},
          {"--influx-ca-file", &influx.ca_file, "Certificates to trust instead of the system's", plain},
          {"--influx-batch",
           &influx.batch_size,
           "Measurements sent at once",
           {.allowed = IntegerRange{1, 100'000}, .shows_default = true, .group = kInflux}}};
}

OptionTable log_options(WatchOptions& options) {
  LokiOptions& loki = options.loki;
  const OptionRules plain = {.group = kLog};
  const OptionRules secret = {.is_secret = true, .group = kLog};
  return {{"--log-levels",
           &options.log_levels,
           "Lowest level, of all rooms and of some: info,gather=debug,miner=warn",
           {.shows_default = true, .group = kLog}},
          {"--log-format",
           &options.log_format,
           "text, or json: an object a line",
           {.allowed = OneOf{{"text", "json"}}, .shows_default = true, .group = kLog}},
          {"--log-file", &options.log_file,
           "Also into this file; at 64 MiB it becomes FILE.1, and so on to FILE.4", plain},
          {"--loki-url", &loki.url, "Also to this Loki server, e.g. http://logs.example:3100", plain},
          {"--loki-user", &loki.user,
           "User; the password comes from --loki-password-file or TEMPLAR_LOKI_PASSWORD", plain},
          {"--loki-password-file", &options.loki_password_file, "File that holds the password", secret},
          {"--loki-token-file", &options.loki_token_file,
           "File that holds a bearer token (or TEMPLAR_LOKI_TOKEN)", secret},
          {"--loki-tenant", &loki.tenant, "Tenant, for servers of many", plain},
          {"--loki-ca-file", &loki.ca_file, "Certificates to trust instead of the system's", plain}};
}

}  // namespace

OptionTable node_options(NodeConfig& config, NodeRole role) {
  OptionTable table = shared_options(config, role);
  if (role != NodeRole::kEvaluator) append(table, key_options(config));
  if (role == NodeRole::kMiner) append(table, miner_options(config));
  if (role == NodeRole::kValidator) append(table, validator_options(config));
  if (role == NodeRole::kEvaluator) append(table, evaluator_options(config));
  return table;
}

OptionTable watch_options(WatchOptions& options) {
  OptionTable table = outlook_options(options);
  append(table, influx_options(options));
  append(table, log_options(options));
  return table;
}

OptionTable alert_options(AlertOptions& options) {
  return {{"--alert-command",
           &options.command,
           "Run this by /bin/sh when an alarm begins and when it has ended: what is told comes by the "
           "variables ALERT_STATE, ALERT_KIND, ALERT_SUBJECT and others, and on standard input, e.g. 'mail "
           "-s \"$ALERT_SUBJECT\" me@example.org'",
           {.group = kAlerts}},
          {"--alert-webhook",
           &options.webhook,
           "POST the same as JSON to this address, which Slack, Mattermost and others understand; better in "
           "TEMPLAR_ALERT_WEBHOOK or a file (--config), since whoever knows it may post there",
           {.is_secret = true, .group = kAlerts}}};
}

WatchOptions default_watch_options(NodeRole role) {
  WatchOptions options;
  // A validator writes a measurement for each miner that it has judged.
  if (role == NodeRole::kValidator) options.influx.batch_size = 10'000;
  return options;
}

std::vector<std::string> node_arguments(NodeRole role, NodeConfig config, WatchOptions watch) {
  NodeConfig default_config;
  WatchOptions default_watch = default_watch_options(role);
  std::vector<std::string> arguments = {std::string(name_of(role))};
  const auto append_all = [&](const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
  };
  append_all(arguments_of(node_options(config, role), node_options(default_config, role)));
  append_all(arguments_of(watch_options(watch), watch_options(default_watch)));
  return arguments;
}

}  // namespace templar
