// The files in which users of S3's tools keep keys and settings: ~/.aws/credentials and ~/.aws/config.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace templar {

// Settings of a section by their names, in lower case; one that is nested has its parent's before it:
//   s3 =
//     endpoint_url = https://...      is "s3.endpoint_url".
using ProfileSection = std::map<std::string, std::string, std::less<>>;
// By the sections' names as they stand there: "default", "profile NAME", "services NAME".
using ProfileFile = std::map<std::string, ProfileSection, std::less<>>;

// Lines that are none of the format are left out: other tools may know them.
[[nodiscard]] ProfileFile parse_profile_file(std::string_view text);

}  // namespace templar
