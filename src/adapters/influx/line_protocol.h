// InfluxDB's line protocol: MEASUREMENT,TAG=VALUE FIELD=VALUE,... TIME, a line a measurement.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ports/metrics_sink.h"

namespace templar {

// What of a measurement the protocol has no way to write.
struct LineFaults {
  std::vector<std::string> fields;  // names of those left out: NaN, an infinity, no name
  bool no_field = false;            // nothing is left to be written: the measurement has no line
};

// Appends the measurement's line, with its end. What comes back from a server equals what was written,
// except:
// - A float that is not finite, or a field without a name, is left out and named in the faults. A tag
//   without a name or a value is left out: to InfluxDB an empty tag is one that is not there.
// - In names and tags a newline, carriage return, tab or zero byte becomes \n, \r, \t or \0 in two
//   characters: the protocol can't carry them there. In text fields all but the zero byte stay.
// - In names and tags backslashes directly before a comma, an equals sign, a space, a double quote or the end
//   become slashes: there, servers don't agree on what they escape.
// - A tag or field named "time", which is the point's own time, becomes "time_"; a measurement that begins
//   with "#", which would be a comment, gets a backslash before it.
// - Bytes that are no UTF-8 become U+FFFD.
// Returns whether there is a line; without one nothing is appended. Floats are written with as many digits as
// bring the same float back.
[[nodiscard]] bool append_line_protocol(std::string& out, const Measurement& measurement, LineFaults& faults);

// Where each line of such a text ends: the position behind its newline, the text's own end for a last line
// without one. A newline within a text field ends nothing. Any bytes may be given.
[[nodiscard]] std::vector<size_t> line_ends(std::string_view lines);

}  // namespace templar
