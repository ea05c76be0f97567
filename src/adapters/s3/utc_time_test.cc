#include "adapters/s3/utc_time.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(UtcTime, IsReadWithAndWithoutAFraction) {
  EXPECT_EQ(parse_utc_time("2013-05-24T00:00:00Z"), 1'369'353'600'000);
  EXPECT_EQ(parse_utc_time("2013-05-24T00:00:01.123Z"), 1'369'353'601'123);
  EXPECT_EQ(parse_utc_time("2013-05-24T00:00:01.123456Z"), 1'369'353'601'123);
  EXPECT_EQ(parse_utc_time("2013-05-24T00:00:01.5Z"), 1'369'353'601'000);
  for (const char* text :
       {"", "2013-05-24", "2013-13-24T00:00:00Z", "2013-02-30T00:00:00Z", "2013-05-24T24:00:00Z",
        "2013-05-24T00:00:00", "2013-05-24T00:00:00Zx", "-013-05-24T00:00:00Z", "2013-05-24T00:00:0"}) {
    EXPECT_EQ(parse_utc_time(text), std::nullopt) << text;
  }
}

TEST(UtcTime, IsReadFromAHeaderOfHttp) {
  EXPECT_EQ(parse_http_date("Fri, 24 May 2013 00:00:01 GMT"), 1'369'353'601'000);
  for (const char* text :
       {"", "Fri, 24 May 2013", "Fri, 24 Mai 2013 00:00:01 GMT", "Fri, 31 Feb 2013 00:00:01 GMT",
        "Fri, 24 May 2013 00:00:01 CET", "Fri, 24 May 2013 00:61:01 GMT"}) {
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace templar
