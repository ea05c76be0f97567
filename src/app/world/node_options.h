// The options of nodes and of watching, each in one table: the verbs' flags and --help come from it, and so
// do the arguments of the processes that a localnet starts.
#pragma once

#include <string>
#include <vector>

#include "app/command_line/command_line.h"
#include "app/world/node_world.h"
#include "app/world/watch.h"

namespace templar {

// The tables point into what they are given, which must live until the options have been read.

// All options that a node of that role has besides those of watching; what other roles need is left alone.
[[nodiscard]] OptionTable node_options(NodeConfig& config, NodeRole role);
// How a process is watched. Passwords and tokens are not among it: they come by files or by the environment.
[[nodiscard]] OptionTable watch_options(WatchOptions& options);

// Who is told of a node's alarms. Of nodes alone: a localnet's say theirs by its end and by `top`.
[[nodiscard]] OptionTable alert_options(AlertOptions& options);

// Those that the verb of that role has by default.
[[nodiscard]] WatchOptions default_watch_options(NodeRole role);

// A node's command line without the program: its verb and every option whose value is not the default. A
// process that reads it has that configuration and is watched in that way; secrets come to it through the
// environment, which it inherits.
[[nodiscard]] std::vector<std::string> node_arguments(NodeRole role, NodeConfig config, WatchOptions watch);

}  // namespace templar
