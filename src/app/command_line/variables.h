// The environment variables of this program, all of whose names begin with TEMPLAR_.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace templar {

inline constexpr std::string_view kVariablePrefix = "TEMPLAR_";

// Passwords and tokens. No option has them, so that no process list and no configuration file does.
inline constexpr const char* kInfluxPasswordVariable = "TEMPLAR_INFLUX_PASSWORD";
inline constexpr const char* kInfluxTokenVariable = "TEMPLAR_INFLUX_TOKEN";
inline constexpr const char* kLokiPasswordVariable = "TEMPLAR_LOKI_PASSWORD";
inline constexpr const char* kLokiTokenVariable = "TEMPLAR_LOKI_TOKEN";
inline constexpr const char* kEtcdPasswordVariable = "TEMPLAR_ETCD_PASSWORD";

// Name and value.
using Environment = std::map<std::string, std::string, std::less<>>;

// This process' variables with that prefix. An empty one is as good as none and is left out.
[[nodiscard]] Environment process_environment();

[[nodiscard]] bool is_secret_variable(std::string_view name);

// "NAME=VALUE" of all of this process' variables but those that options of this program are read from: what a
// process of the same program is started with whose options are all said by flags. Secrets stay.
[[nodiscard]] std::vector<std::string> environment_without_options();

}  // namespace templar
