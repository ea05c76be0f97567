#include "adapters/s3/utc_time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>

namespace templar {
namespace {

// Reads a text from its beginning; what does not fit makes all of it unusable.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : rest_(text) {}

  // That many digits.
  int number(size_t digits) {
    int value = 0;
    const std::string_view text = rest_.substr(0, digits);
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + digits || value < 0) is_good_ = false;
    rest_.remove_prefix(text.size());
    return value;
  }
  void expect(std::string_view text) {
    if (!rest_.starts_with(text)) is_good_ = false;
    rest_.remove_prefix(std::min(text.size(), rest_.size()));
  }
  // Three letters: which of them it is, from 1 on.
  int month_name() {
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int month = 0;
    for (size_t i = 0; i < kMonths.size(); ++i) {
      if (rest_.starts_with(kMonths[i])) month = static_cast<int>(i) + 1;
    }
    if (month == 0) is_good_ = false;
    rest_.remove_prefix(std::min<size_t>(3, rest_.size()));
    return month;
  }
  void skip(size_t size) { rest_.remove_prefix(std::min(size, rest_.size())); }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool is_good() const { return is_good_; }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

struct CivilTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

std::optional<TimestampMs> milliseconds_of(const CivilTime& time) {
  const std::chrono::year_month_day date{std::chrono::year(time.year),
                                         std::chrono::month(static_cast<unsigned>(time.month)),
                                         std::chrono::day(static_cast<unsigned>(time.day))};
  if (!date.ok() || time.hour > 23 || time.minute > 59 || time.second > 60) return std::nullopt;
  const auto day = std::chrono::sys_days(date).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(day).count() +
         ((time.hour * 60 + time.minute) * 60 + time.second) * int64_t{1000};
}

void read_time_of_day(TimeReader& reader, CivilTime& time) {
  time.hour = reader.number(2);
  reader.expect(":");
  time.minute = reader.number(2);
  reader.expect(":");
  time.second = reader.number(2);
}

}  // namespace

std::optional<TimestampMs> parse_utc_time(std::string_view text) {
  TimeReader reader(text);
  CivilTime time;
  time.year = reader.number(4);
  reader.expect("-");
  time.month = reader.number(2);
  reader.expect("-");
  time.day = reader.number(2);
  reader.expect("T");
  read_time_of_day(reader, time);
  int milliseconds = 0;
  if (reader.rest().starts_with('.')) {
    reader.skip(1);
    // More than three are finer than we count.
    const size_t digits = std::min(reader.rest().find_first_not_of("0123456789"), reader.rest().size());
    milliseconds = digits >= 3 ? reader.number(3) : 0;
    reader.skip(digits >= 3 ? digits - 3 : digits);
  }
  reader.expect("Z");
  const auto whole = milliseconds_of(time);
  if (!reader.is_good() || !reader.rest().empty() || !whole) return std::nullopt;
  return *whole + milliseconds;
}

std::optional<TimestampMs> parse_http_date(std::string_view text) {
  TimeReader reader(text);
  CivilTime time;
  reader.skip(3);  // the day of the week follows from the date
  reader.expect(", ");
  time.day = reader.number(2);
  reader.expect(" ");
  time.month = reader.month_name();
  reader.expect(" ");
  time.year = reader.number(4);
  reader.expect(" ");
  read_time_of_day(reader, time);
  reader.expect(" GMT");
  if (!reader.is_good() || !reader.rest().empty()) return std::nullopt;
  return milliseconds_of(time);
}

}  // namespace templar
