#include "base/log/secrets.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "base/log/log_event.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

constexpr std::string_view kHidden = "<secret>";
constexpr std::array<std::string_view, 5> kNamesOfSecrets = {"token", "password", "passwd", "secret",
                                                             "read-key"};
constexpr std::string_view kAuthorization = "authorization";
constexpr std::string_view kSpaces = " \t\r\n";

Mutex secrets_mutex;
// Longest first: one may be a part of another.
std::shared_ptr<const std::vector<std::string>> secrets GUARDED_BY(secrets_mutex) =
    std::make_shared<std::vector<std::string>>();

std::shared_ptr<const std::vector<std::string>> known_secrets() {
  const MutexLock lock(secrets_mutex);
  return secrets;
}

void add_secrets(const std::vector<std::string>& spellings) {
  const MutexLock lock(secrets_mutex);
  auto next = std::make_shared<std::vector<std::string>>(*secrets);
  for (const std::string& spelling : spellings) {
    if (std::ranges::find(*next, spelling) == next->end()) next->push_back(spelling);
  }
  std::ranges::sort(*next, std::greater(), &std::string::size);
  secrets = std::move(next);
}

std::string percent_encoded(std::string_view text, bool upper) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    encoded += plain   ? std::string(1, c)
               : upper ? fmt::format("%{:02X}", byte)
                       : fmt::format("%{:02x}", byte);
  }
  return encoded;
}

std::string in_case(std::string text, bool upper) {
  for (char& c : text) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

void replace_all(std::string& text, std::string_view what) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + kHidden.size())) {
    text.replace(at, what.size(), kHidden);
  }
}

// Finds where a secret begins that its surroundings give away.
class Surroundings {
 public:
  explicit Surroundings(std::string_view text) : text_(text), lower_(in_case(std::string(text), false)) {}

  std::string hide() {
    std::string clean;
    for (size_t at = 0; at < text_.size();) {
      const Span secret = secret_after(at);
      if (secret.end == 0) {
        clean += text_[at++];
        continue;
      }
      clean += text_.substr(at, secret.begin - at);
      clean += kHidden;
      at = secret.end;
    }
    return clean;
  }

 private:
  // end 0: none.
  struct Span {
    size_t begin = 0;
    size_t end = 0;
  };

  [[nodiscard]] bool starts(size_t at, std::string_view what) const {
    return std::string_view(lower_).substr(std::min(at, lower_.size())).starts_with(what);
  }
  [[nodiscard]] size_t past(size_t at, std::string_view characters) const {
    return std::min(text_.find_first_not_of(characters, at), text_.size());
  }
  [[nodiscard]] size_t up_to(size_t at, std::string_view characters) const {
    return std::min(text_.find_first_of(characters, at), text_.size());
  }

  [[nodiscard]] Span secret_after(size_t at) const {
    if (starts(at, "://")) return user_info(at + 3);
    if ((text_[at] == '?' || text_[at] == '&') && starts(at + 1, "p=")) return value(at + 3);
    if (starts(at, kAuthorization)) {
      const size_t end = at + kAuthorization.size();
      if (starts(end, ":")) return whole({past(end + 1, " \t"), up_to(end, "\r\n")});
      return named_value(end);
    }
    for (const std::string_view name : kNamesOfSecrets) {
      if (starts(at, name)) return named_value(at + name.size());
    }
    return {};
  }

  // name=value, or "name": value, or the same within a text that is quoted itself.
  [[nodiscard]] Span named_value(size_t at) const {
    const size_t after_name = past(at, "\\\"'");
    if (starts(after_name, "=")) return value(after_name + 1);
    if (after_name == at) return {};
    const size_t colon = past(after_name, kSpaces);
    return starts(colon, ":") ? value(colon + 1) : Span{};
  }

  [[nodiscard]] Span value(size_t at) const {
    const size_t begin = past(at, " \t\\");
    if (begin < text_.size() && (text_[begin] == '"' || text_[begin] == '\'')) {
      return whole({begin + 1, up_to(begin + 1, text_.substr(begin, 1))});
    }
    return whole({begin, up_to(begin, " \t\r\n&\"'")});
  }

  [[nodiscard]] Span user_info(size_t at) const {
    const size_t end = up_to(at, "/?# \t\r\n\"'");
    const std::string_view authority = text_.substr(at, end - at);
    const size_t sign = authority.rfind('@');
    const size_t colon = authority.find(':');
    if (sign == std::string_view::npos || colon >= sign) return {};
    return whole({at + colon + 1, at + sign});
  }

  [[nodiscard]] static Span whole(Span span) { return span.begin < span.end ? span : Span{}; }

  std::string_view text_;
  std::string lower_;
};

bool names_a_secret(std::string_view field) {
  const std::string name = in_case(std::string(field), false);
  return name == kAuthorization || std::ranges::any_of(kNamesOfSecrets, [&](std::string_view ending) {
           return name.ends_with(ending);
         });
}

}  // namespace

bool register_secret(std::string_view secret) {
  if (secret.size() < kShortestSecretBytes) return false;
  add_secrets({std::string(secret), percent_encoded(secret, true), percent_encoded(secret, false)});
  return true;
}

bool register_secret_bytes(ByteView secret) {
  if (secret.size() < kShortestSecretBytes) return false;
  add_secrets({to_hex(secret), in_case(to_hex(secret), true)});
  return true;
}

std::string redact(std::string_view text) {
  std::string clean(text);
  for (const std::string& secret : *known_secrets()) replace_all(clean, secret);
  // All that gives a secret away has one of these in it; most texts have none.
  return clean.find_first_of("=:") == std::string::npos ? clean : Surroundings(clean).hide();
}

void redact(LogEvent& event) {
  event.room = redact(event.room);
  event.message = redact(event.message);
  for (LogField& field : event.fields) {
    auto* text = std::get_if<std::string>(&field.value);
    if (text != nullptr) *text = names_a_secret(field.name) ? std::string(kHidden) : redact(*text);
  }
}

}  // namespace templar
