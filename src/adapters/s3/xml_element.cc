#include "adapters/s3/xml_element.h"

#include <expat.h>
#include <fmt/format.h>

#include <memory>

#include "base/check.h"

namespace templar {
namespace {

constexpr size_t kMaxLevels = 8;
constexpr size_t kMaxElements = 20'000;
constexpr size_t kMaxXmlBytes = size_t{16} << 20;

struct XmlReading {
  XML_Parser parser;
  XmlElement root;                  // the document's element is its only child
  std::vector<XmlElement*> open{};  // from the root to the innermost
  size_t elements = 0;
  std::string problem{};

  void stop(std::string reason) {
    if (problem.empty()) problem = std::move(reason);
    XML_StopParser(parser, XML_FALSE);
  }
};

void begin_element(void* user, const char* name, const char**) {
  auto& reading = *static_cast<XmlReading*>(user);
  if (!reading.problem.empty()) return;
  if (reading.open.size() > kMaxLevels) return reading.stop(fmt::format("more than {} levels", kMaxLevels));
  if (++reading.elements > kMaxElements)
    return reading.stop(fmt::format("more than {} elements", kMaxElements));
  std::string_view plain = name;
  if (const size_t colon = plain.rfind(':'); colon != std::string_view::npos) plain.remove_prefix(colon + 1);
  // Only the innermost open element gets children, so no pointer to an open one ever moves.
  XmlElement& parent = *reading.open.back();
  parent.children.push_back({.name = std::string(plain), .text = {}, .children = {}});
  reading.open.push_back(&parent.children.back());
}

void end_element(void* user, const char*) {
  auto& reading = *static_cast<XmlReading*>(user);
  if (reading.problem.empty()) reading.open.pop_back();
}

void take_text(void* user, const char* text, int size) {
  static_cast<XmlReading*>(user)->open.back()->text.append(text, static_cast<size_t>(size));
}

void refuse_document_type(void* user, const char*, const char*, const char*, int) {
  static_cast<XmlReading*>(user)->stop("it declares a document type");
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view child_name) const {
  for (const XmlElement& element : children) {
    if (element.name == child_name) return &element;
  }
  return nullptr;
}

std::optional<std::string> XmlElement::child_text(std::string_view child_name) const {
  const XmlElement* element = child(child_name);
  if (element == nullptr) return std::nullopt;
  return element->text;
}

Result<XmlElement> parse_xml(std::string_view text) {
  if (text.size() > kMaxXmlBytes) return skip_error(fmt::format("XML of {} bytes", text.size()));
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate(nullptr),
                                                                            &XML_ParserFree);
  CHECK(parser != nullptr);
  XmlReading reading{.parser = parser.get(), .root = {}};
  reading.open.push_back(&reading.root);
  XML_SetUserData(parser.get(), &reading);
  XML_SetElementHandler(parser.get(), begin_element, end_element);
  XML_SetCharacterDataHandler(parser.get(), take_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), refuse_document_type);
  const bool parsed =
      XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE) == XML_STATUS_OK;
  if (!reading.problem.empty()) return skip_error("XML: " + reading.problem);
  if (!parsed) {
    return skip_error(fmt::format("no XML: line {}: {}", XML_GetCurrentLineNumber(parser.get()),
                                  XML_ErrorString(XML_GetErrorCode(parser.get()))));
  }
  return std::move(reading.root.children.front());
}

}  // namespace templar
