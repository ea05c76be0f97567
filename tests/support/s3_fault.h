// How a server that speaks S3 fails, as a test wants it, and how it says no.
#pragma once

#include <httplib.h>

#include <optional>
#include <string>

namespace templar::testing {

enum class S3Fault {
  kUnavailable,         // 503 SlowDown with Retry-After: 0, nothing done
  kTooManyRequests,     // 429, nothing done
  kServerError,         // 500, nothing done
  kDoneButServerError,  // 500 after it was done
  kDoneButCutAnswer,    // the connection ends in the middle of the answer, after it was done
  kNotImplemented,      // 501, nothing done
  kCutBody,             // the connection ends in the middle of the content
  kWrongBytes,          // a byte of the content is another
  kNoAnswer,            // silent until the server ends
  kStall,               // half of the content, then silent until the server ends
  kTrickle,             // half of the content, then a byte now and then
  kEndless,             // content without a length that never ends
  kRedirect,            // 307 to another place
  kForbidden,           // 403 AccessDenied
  kExpiredToken,        // 403 ExpiredToken
  kHtml,                // 200 with a page in HTML
  kCompletionError,     // 200 with an error inside
};

// An answer that is an error.
struct S3No {
  int status;
  std::string code;
};

inline void refuse(httplib::Response& response, const S3No& no) {
  response.status = no.status;
  response.body =
      "<?xml version=\"1.0\"?><Error><Code>" + no.code + "</Code><Message>said by the test</Message></Error>";
}

// False if the fault is not one of those that are an answer without anything done.
inline bool answer_at_once(S3Fault fault, httplib::Response& response) {
  switch (fault) {
    case S3Fault::kUnavailable:
      response.set_header("Retry-After", "0");
      refuse(response, {503, "SlowDown"});
      return true;
    case S3Fault::kTooManyRequests:
      refuse(response, {429, "TooManyRequests"});
      return true;
    case S3Fault::kServerError:
      refuse(response, {500, "InternalError"});
      return true;
    case S3Fault::kNotImplemented:
      refuse(response, {501, "NotImplemented"});
      return true;
    case S3Fault::kForbidden:
      refuse(response, {403, "AccessDenied"});
      return true;
    case S3Fault::kExpiredToken:
      refuse(response, {403, "ExpiredToken"});
      return true;
    case S3Fault::kHtml:
      response.body = "<html><body>welcome</body></html>";
      return true;
    case S3Fault::kCompletionError:
      refuse(response, {200, "InternalError"});
      return true;
    default:
      return false;
  }
}

// Whether a put may be, as Amazon sees it: an ETag stands in its quotation marks, and one of what is not
// there is answered by 404. etag: of the object that is there; nullopt: there is none.
inline std::optional<S3No> judge_conditions(const httplib::Request& request,
                                            const std::optional<std::string>& etag, bool knows_conditions) {
  const bool only_new = request.has_header("If-None-Match");
  if (!only_new && !request.has_header("If-Match")) return std::nullopt;
  if (!knows_conditions || (only_new && request.get_header_value("If-None-Match") != "*"))
    return S3No{501, "NotImplemented"};
  if (!only_new && !etag) return S3No{404, "NoSuchKey"};
  const bool holds = only_new ? !etag : request.get_header_value("If-Match") == "\"" + *etag + "\"";
  if (holds) return std::nullopt;
  return S3No{412, "PreconditionFailed"};
}

}  // namespace templar::testing
