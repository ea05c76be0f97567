// The XML in which S3 servers answer, as small trees (read by expat).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace templar {

struct XmlElement {
  std::string name;  // without its namespace
  std::string text;  // all of its own, entities resolved
  std::vector<XmlElement> children;

  // The first child of that name; nullptr if there is none.
  [[nodiscard]] const XmlElement* child(std::string_view child_name) const;
  // Its text; nullopt if there is none.
  [[nodiscard]] std::optional<std::string> child_text(std::string_view child_name) const;
};

// The root of a document. Fails (skip) if it is not well formed, declares a document type (the door to
// entities that grow without end), has more than 8 levels or more than 20,000 elements.
[[nodiscard]] Result<XmlElement> parse_xml(std::string_view text);

}  // namespace templar
