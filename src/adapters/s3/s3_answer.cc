#include "adapters/s3/s3_answer.h"

#include <fmt/format.h>

#include <charconv>

#include "adapters/s3/utc_time.h"
#include "adapters/s3/xml_element.h"
#include "base/utf8.h"

namespace templar {
namespace {

constexpr size_t kMaxMessageBytes = 300;
constexpr size_t kMaxTokenBytes = 4096;
constexpr size_t kMaxEtagBytes = 128;
constexpr uint64_t kMostPartNumber = 10'000;

std::string on_one_line(std::string_view text) {
  std::string line = valid_utf8(text.substr(0, kMaxMessageBytes - 10));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  while (line.size() > kMaxMessageBytes) line.pop_back();
  return valid_utf8(line).substr(0, kMaxMessageBytes);
}

// "%41" is "A", "+" a space: what encoding-type=url does to keys.
Result<std::string> url_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      uint8_t byte = 0;
      const char* begin = text.data() + i + 1;
      if (i + 2 >= text.size() || std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2)
        return skip_error("a list's key is not encoded as it should be");
      out += static_cast<char>(byte);
      i += 2;
    }
  }
  return out;
}

Result<uint64_t> parse_size(std::string_view text) {
  uint64_t size = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (failure != std::errc() || end != text.data() + text.size() || text.empty())
    return skip_error("a list's size is no number");
  return size;
}

Result<ObjectInfo> parse_contents(const XmlElement& element) {
  const auto key = element.child_text("Key");
  const auto size = element.child_text("Size");
  const auto time = element.child_text("LastModified");
  if (!key || !size || !time) return skip_error("a list's entry has no key, size or time");
  ObjectInfo info;
  TRY_ASSIGN(info.key, url_decoded(*key));
  TRY_ASSIGN(info.size_bytes, parse_size(*size));
  const auto stored_at_ms = parse_utc_time(*time);
  if (!stored_at_ms) return skip_error("a list's time is none");
  info.stored_at_ms = *stored_at_ms;
  info.version = version_of_etag(element.child_text("ETag").value_or(""));
  return info;
}

Result<XmlElement> parse_answer(std::string_view body, std::string_view name) {
  TRY_ASSIGN(XmlElement root, parse_xml(body));
  if (root.name != name)
    return skip_error(fmt::format("'{}' where {} was expected", on_one_line(root.name), name));
  return root;
}

S3Refusal refusal_of(const XmlElement& root) {
  return {on_one_line(root.child_text("Code").value_or("")),
          on_one_line(root.child_text("Message").value_or(""))};
}

}  // namespace

S3Refusal parse_refusal(std::string_view body) {
  const auto root = parse_answer(body, "Error");
  return root ? refusal_of(*root) : S3Refusal{};
}

Result<ListPage> parse_list_page(std::string_view body) {
  TRY_ASSIGN(const XmlElement root, parse_answer(body, "ListBucketResult"));
  ListPage page;
  for (const XmlElement& element : root.children) {
    if (element.name != "Contents") continue;
    TRY_ASSIGN(ObjectInfo info, parse_contents(element));
    page.objects.push_back(std::move(info));
  }
  if (root.child_text("IsTruncated").value_or("false") != "true") return page;
  page.next = root.child_text("NextContinuationToken").value_or("");
  if (page.next.empty() || page.next.size() > kMaxTokenBytes)
    return skip_error("a list that goes on without a usable token");
  return page;
}

Result<std::string> parse_upload_id(std::string_view body) {
  TRY_ASSIGN(const XmlElement root, parse_answer(body, "InitiateMultipartUploadResult"));
  std::string id = root.child_text("UploadId").value_or("");
  if (id.empty() || id.size() > kMaxTokenBytes) return skip_error("an upload without a usable id");
  return id;
}

Result<std::vector<OpenUpload>> parse_open_uploads(std::string_view body) {
  TRY_ASSIGN(const XmlElement root, parse_answer(body, "ListMultipartUploadsResult"));
  std::vector<OpenUpload> uploads;
  for (const XmlElement& element : root.children) {
    if (element.name != "Upload") continue;
    OpenUpload upload{
        .key = element.child_text("Key").value_or(""),
        .id = element.child_text("UploadId").value_or(""),
        .begun_at_ms = parse_utc_time(element.child_text("Initiated").value_or("")).value_or(0)};
    if (upload.id.empty() || upload.id.size() > kMaxTokenBytes)
      return skip_error("an open upload without a usable id");
    uploads.push_back(std::move(upload));
  }
  return uploads;
}

Result<PartPage> parse_part_page(std::string_view body) {
  TRY_ASSIGN(const XmlElement root, parse_answer(body, "ListPartsResult"));
  PartPage page;
  for (const XmlElement& element : root.children) {
    if (element.name != "Part") continue;
    const auto number = parse_size(element.child_text("PartNumber").value_or(""));
    const auto size = parse_size(element.child_text("Size").value_or(""));
    if (!number || !size || *number < 1 || *number > kMostPartNumber)
      return skip_error("a part without a usable number or size");
    page.parts.push_back(
        {static_cast<int64_t>(*number), *size, version_of_etag(element.child_text("ETag").value_or(""))});
  }
  if (root.child_text("IsTruncated").value_or("false") != "true") return page;
  page.next = root.child_text("NextPartNumberMarker").value_or("");
  if (!parse_size(page.next)) return skip_error("a list of parts that goes on from nowhere");
  return page;
}

Result<std::optional<S3Refusal>> parse_completion(std::string_view body) {
  TRY_ASSIGN(const XmlElement root, parse_xml(body));
  if (root.name == "Error") return refusal_of(root);
  if (root.name == "CompleteMultipartUploadResult") return std::nullopt;
  return skip_error("'" + on_one_line(root.name) + "' where the end of an upload was expected");
}

std::string completion_request(const std::vector<std::string>& etags) {
  std::string text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < etags.size(); ++i) {
    text +=
        fmt::format("<Part><PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>", i + 1, etags[i]);
  }
  return text + "</CompleteMultipartUpload>";
}

std::string version_of_etag(std::string_view etag) {
  std::string version;
  for (const char c : etag.substr(0, kMaxEtagBytes)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (plain) version += c;
  }
  return version;
}

}  // namespace templar
