// What every object store must do. An implementation's test gives a harness and instantiates the suite:
//
//   struct MemoryHarness {
//     ObjectStore& store();             // empty at first
//     bool advance_ms(int64_t by_ms);   // moves the store's clock, or returns false if nobody can
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Memory, ObjectStoreContract, MemoryHarness);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "ports/object_store.h"
#include "support/expect_failure.h"

namespace templar::testing {

template <typename Harness>
class ObjectStoreContract : public ::testing::Test {
 protected:
  ObjectStore& store() { return harness_.store(); }

  [[nodiscard]] std::string text_at(std::string_view key, uint64_t max_bytes = 1 << 20) {
    const auto content = store().get("bucket", key, max_bytes);
    return content ? std::string(as_text(*content)) : "error: " + content.error().message;
  }
  void put_text(std::string_view key, std::string_view text) {
    const Status status = store().put("bucket", key, as_bytes(text));
    ASSERT_TRUE(status) << status.error().message;
  }
  [[nodiscard]] std::vector<std::string> keys(std::string_view prefix) {
    const auto found = store().list("bucket", prefix);
    std::vector<std::string> names;
    if (!found) return {"error: " + found.error().message};
    for (const ObjectInfo& info : *found) names.push_back(info.key);
    return names;
  }

  Harness harness_;
};

TYPED_TEST_SUITE_P(ObjectStoreContract);

TYPED_TEST_P(ObjectStoreContract, GivesBackWhatWasPut) {
  this->put_text("folder/name", "content");
  EXPECT_EQ(this->text_at("folder/name"), "content");
  const auto info = this->store().head("bucket", "folder/name");
  ASSERT_TRUE(info && *info);
  EXPECT_EQ((*info)->key, "folder/name");
  EXPECT_EQ((*info)->size_bytes, 7u);
}

TYPED_TEST_P(ObjectStoreContract, KeepsEveryByteValueAndEmptyContent) {
  Bytes content;
  for (int i = 0; i < 1000; ++i) content.push_back(static_cast<uint8_t>(i * 7));
  ASSERT_TRUE(this->store().put("bucket", "all", content));
  EXPECT_EQ(this->store().get("bucket", "all", 1000).value(), content);
  ASSERT_TRUE(this->store().put("bucket", "empty", {}));
  EXPECT_EQ(this->store().get("bucket", "empty", 0).value(), Bytes());
}

TYPED_TEST_P(ObjectStoreContract, PutsAnObjectPieceByPiece) {
  const auto put = [this](uint64_t size_bytes, Status end) {
    return this->store().put_pieces("bucket", "pieces", size_bytes, [&](const auto& sink) -> Status {
      for (const std::string_view piece : {"first ", "", "second"}) TRY(sink(as_bytes(piece)));
      return end;
    });
  };
  EXPECT_TRUE(
      fails(put(11, {}), ErrorKind::kFatal, "bucket/pieces: 12 bytes were handed over, 11 were announced"));
  EXPECT_TRUE(fails(put(12, skip_error("the source broke")), ErrorKind::kSkip, "the source broke"));
  EXPECT_EQ(this->store().head("bucket", "pieces").value(), std::nullopt);
  const Status status = put(12, {});
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(this->text_at("pieces"), "first second");
  EXPECT_TRUE(fails(put(11, {}), ErrorKind::kFatal));
  EXPECT_EQ(this->text_at("pieces"), "first second");
}

TYPED_TEST_P(ObjectStoreContract, ReplacesAnObjectWhole) {
  this->put_text("name", "a long first content");
  this->put_text("name", "short");
  EXPECT_EQ(this->text_at("name"), "short");
  EXPECT_EQ(this->store().head("bucket", "name").value()->size_bytes, 5u);
}

TYPED_TEST_P(ObjectStoreContract, PutsWhatIsNewAndNothingOverAnother) {
  const auto put_new = [this](std::string_view text) {
    return this->store().put_if("bucket", "folder/once", as_bytes(text), {});
  };
  EXPECT_TRUE(put_new("the first").value());
  EXPECT_FALSE(put_new("the second").value());
  EXPECT_FALSE(put_new("the fir").value());
  EXPECT_TRUE(put_new("the first").value());  // whoever asks again, after an answer that was lost
  EXPECT_EQ(this->text_at("folder/once"), "the first");
  ASSERT_TRUE(this->store().remove("bucket", "folder/once"));
  EXPECT_TRUE(put_new("the second").value());
  EXPECT_EQ(this->text_at("folder/once"), "the second");
  EXPECT_TRUE(fails(this->store().put_if("bucket", "a//b", as_bytes("x"), {}), ErrorKind::kFatal));
}

TYPED_TEST_P(ObjectStoreContract, PutsInThePlaceOfTheVersionThatIsMeant) {
  const auto version = [this] { return this->store().head("bucket", "state").value()->version; };
  const auto put_over = [this](const std::string& version, std::string_view text) {
    return this->store().put_if("bucket", "state", as_bytes(text), {.version = version});
  };
  EXPECT_FALSE(put_over("0123456789abcdef0123456789abcdef", "x").value());
  EXPECT_EQ(this->store().head("bucket", "state").value(), std::nullopt);
  this->put_text("state", "the first");
  const std::string first = version();
  EXPECT_TRUE(put_over(first, "the second").value());
  const std::string second = version();
  EXPECT_NE(first, second);
  EXPECT_FALSE(put_over(first, "the third").value());
  EXPECT_EQ(this->text_at("state"), "the second");
  EXPECT_TRUE(put_over(first, "the second").value());
  EXPECT_TRUE(put_over(second, "the third").value());
  EXPECT_EQ(this->text_at("state"), "the third");
}

TYPED_TEST_P(ObjectStoreContract, LetsOneOfManyPutWhatIsNew) {
  std::atomic<int> successes = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([this, thread, &successes] {
      const auto put = this->store().put_if("bucket", "race", as_bytes("by " + std::to_string(thread)), {});
      EXPECT_TRUE(put) << put.error().message;
      if (put && *put) ++successes;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(successes, 1);
}

TYPED_TEST_P(ObjectStoreContract, SaysWhatIsMissing) {
  EXPECT_EQ(this->store().head("bucket", "no/such").value(), std::nullopt);
  EXPECT_TRUE(fails(this->store().get("bucket", "no/such", 10), ErrorKind::kSkip, "bucket/no/such: missing"));
  EXPECT_TRUE(fails(this->store().get_range("bucket", "no/such", {0, 1}), ErrorKind::kSkip,
                    "bucket/no/such: missing"));
  this->put_text("folder/name", "x");
  EXPECT_EQ(this->store().head("bucket", "folder").value(), std::nullopt);
  EXPECT_TRUE(fails(this->store().get("bucket", "folder", 10), ErrorKind::kSkip, "missing"));
  EXPECT_EQ(this->store().head("bucket", "folder/name/below").value(), std::nullopt);
  EXPECT_EQ(this->store().head("other-bucket", "folder/name").value(), std::nullopt);
  EXPECT_TRUE(this->store().list("other-bucket", "").value().empty());
}

TYPED_TEST_P(ObjectStoreContract, RefusesAnObjectLargerThanAllowed) {
  this->put_text("name", "0123456789");
  EXPECT_EQ(this->text_at("name", 10), "0123456789");
  EXPECT_TRUE(
      fails(this->store().get("bucket", "name", 9), ErrorKind::kSkip, "bucket/name: 10 bytes, at most 9"));
}

TYPED_TEST_P(ObjectStoreContract, HandsOverAnObjectInPieces) {
  Bytes content(3'000'001);
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<uint8_t>(i * 31 + i / 251);
  ASSERT_TRUE(this->store().put("bucket", "large", content));
  ASSERT_TRUE(this->store().put("bucket", "empty", {}));
  Bytes got;
  const auto collect = [&](ByteView piece) -> Status {
    got.insert(got.end(), piece.begin(), piece.end());
    return {};
  };
  const Status whole = this->store().get_pieces("bucket", "large", content.size(), collect);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(got, content);
  got.clear();
  EXPECT_TRUE(this->store().get_pieces("bucket", "empty", 0, collect));
  EXPECT_TRUE(got.empty());
  EXPECT_TRUE(fails(this->store().get_pieces("bucket", "no/such", 10, collect), ErrorKind::kSkip,
                    "bucket/no/such: missing"));
  EXPECT_TRUE(fails(this->store().get_pieces("bucket", "large", content.size() - 1, collect),
                    ErrorKind::kSkip, "bucket/large: 3000001 bytes, at most 3000000"));
}

TYPED_TEST_P(ObjectStoreContract, StopsHandingOverAtTheSinksError) {
  this->put_text("name", "content");
  for (const ErrorKind kind : {ErrorKind::kRetry, ErrorKind::kSkip, ErrorKind::kFatal}) {
    int pieces = 0;
    const Status status = this->store().get_pieces("bucket", "name", 100, [&](ByteView) -> Status {
      ++pieces;
      return std::unexpected(Error{kind, "no room"});
    });
    EXPECT_TRUE(fails(status, kind, "no room"));
    EXPECT_EQ(pieces, 1) << "it is not asked again";
  }
}

TYPED_TEST_P(ObjectStoreContract, GivesExactlyTheRange) {
  this->put_text("name", "0123456789");
  const auto range = [&](uint64_t begin, uint64_t end) {
    return this->store().get_range("bucket", "name", {begin, end});
  };
  std::string in_pieces;
  const auto collect = [&](ByteView piece) -> Status {
    in_pieces += as_text(piece);
    return {};
  };
  EXPECT_TRUE(this->store().get_range_pieces("bucket", "name", {3, 9}, collect));
  EXPECT_EQ(in_pieces, "345678");
  EXPECT_TRUE(fails(this->store().get_range_pieces("bucket", "name", {5, 11}, collect), ErrorKind::kSkip,
                    "has 10 bytes"));
  EXPECT_EQ(as_text(range(0, 10).value()), "0123456789");
  EXPECT_EQ(as_text(range(3, 5).value()), "34");
  EXPECT_EQ(as_text(range(9, 10).value()), "9");
  EXPECT_EQ(as_text(range(4, 4).value()), "");
  EXPECT_EQ(as_text(range(10, 10).value()), "");
  EXPECT_TRUE(fails(range(5, 11), ErrorKind::kSkip, "has 10 bytes"));
  EXPECT_TRUE(fails(range(0, uint64_t{1} << 62), ErrorKind::kSkip, "has 10 bytes"));
  EXPECT_TRUE(fails(range(5, 4), ErrorKind::kFatal, "backwards"));
}

TYPED_TEST_P(ObjectStoreContract, ListsByPrefixInTheOrderOfKeys) {
  for (const char* key : {"b/2", "b/10", "b-1", "b/1/deep", "b.x", "a", "c"}) this->put_text(key, "x");
  using Keys = std::vector<std::string>;
  EXPECT_EQ(this->keys(""), (Keys{"a", "b-1", "b.x", "b/1/deep", "b/10", "b/2", "c"}));
  EXPECT_EQ(this->keys("b"), (Keys{"b-1", "b.x", "b/1/deep", "b/10", "b/2"}));
  EXPECT_EQ(this->keys("b/"), (Keys{"b/1/deep", "b/10", "b/2"}));
  EXPECT_EQ(this->keys("b/1"), (Keys{"b/1/deep", "b/10"}));
  EXPECT_EQ(this->keys("b/1/deep"), (Keys{"b/1/deep"}));
  EXPECT_EQ(this->keys("b/1/deep/"), Keys());
  EXPECT_EQ(this->keys("none"), Keys());
}

TYPED_TEST_P(ObjectStoreContract, ListsSizes) {
  this->put_text("a/1", "one");
  this->put_text("a/2", "");
  const auto found = this->store().list("bucket", "a/").value();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].size_bytes, 3u);
  EXPECT_EQ(found[1].size_bytes, 0u);
}

TYPED_TEST_P(ObjectStoreContract, KeepsBucketsApart) {
  ASSERT_TRUE(this->store().put("one", "name", as_bytes("1")));
  ASSERT_TRUE(this->store().put("two", "name", as_bytes("2")));
  ASSERT_TRUE(this->store().remove("one", "name"));
  EXPECT_TRUE(this->store().list("one", "").value().empty());
  EXPECT_EQ(as_text(this->store().get("two", "name", 10).value()), "2");
}

TYPED_TEST_P(ObjectStoreContract, RemovesAlsoWhatIsNotThere) {
  this->put_text("folder/name", "x");
  this->put_text("folder/other", "x");
  EXPECT_TRUE(this->store().remove("bucket", "folder"));
  EXPECT_TRUE(this->store().remove("bucket", "folder/name"));
  EXPECT_TRUE(this->store().remove("bucket", "folder/name"));
  EXPECT_TRUE(this->store().remove("bucket-without-objects", "name"));
  EXPECT_EQ(this->keys(""), std::vector<std::string>{"folder/other"});
  EXPECT_TRUE(this->store().remove("bucket", "folder/other"));
  this->put_text("folder", "a name that was a folder's");
  EXPECT_EQ(this->text_at("folder"), "a name that was a folder's");
}

TYPED_TEST_P(ObjectStoreContract, StampsObjectsByItsOwnClock) {
  this->put_text("name", "first");
  const TimestampMs first = this->store().head("bucket", "name").value()->stored_at_ms;
  if (!this->harness_.advance_ms(1234567)) GTEST_SKIP() << "the clock of this store is not ours";
  EXPECT_EQ(this->store().head("bucket", "name").value()->stored_at_ms, first);
  this->put_text("name", "second");
  EXPECT_EQ(this->store().head("bucket", "name").value()->stored_at_ms, first + 1234567);
  EXPECT_EQ(this->store().list("bucket", "name").value().at(0).stored_at_ms, first + 1234567);
}

// A reader that knows an object's version knows its content.
TYPED_TEST_P(ObjectStoreContract, GivesEachContentAVersionOfItsOwn) {
  const auto version = [this](std::string_view key) {
    return this->store().head("bucket", key).value()->version;
  };
  std::vector<std::string> seen;
  for (int put = 0; put < 20; ++put) {
    this->put_text("name", "content " + std::to_string(put));
    seen.push_back(version("name"));
    EXPECT_EQ(version("name"), seen.back());
    EXPECT_EQ(this->store().list("bucket", "name").value().at(0).version, seen.back());
  }
  ASSERT_TRUE(this->store().remove("bucket", "name"));
  this->put_text("name", "after the removal");
  seen.push_back(version("name"));
  std::ranges::sort(seen);
  EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
}

TYPED_TEST_P(ObjectStoreContract, RefusesNamesThatTheRulesForbid) {
  const std::string long_key(513, 'k');
  for (const std::string& key :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."),
        std::string(".."), std::string("../x"), std::string("a/../../x"), std::string("a/..."),
        std::string("a b"), std::string("a\\b"), std::string(256, 'p'), std::string("a\0b", 3),
        std::string("\xc3\xa4"), long_key}) {
    EXPECT_TRUE(fails(this->store().put("bucket", key, {}), ErrorKind::kFatal, "object key")) << key;
    EXPECT_TRUE(fails(this->store().get("bucket", key, 10), ErrorKind::kFatal, "object key")) << key;
    EXPECT_TRUE(fails(this->store().get_pieces("bucket", key, 10, [](ByteView) { return Status(); }),
                      ErrorKind::kFatal, "object key"))
        << key;
    EXPECT_TRUE(fails(this->store().get_range("bucket", key, {0, 0}), ErrorKind::kFatal, "object key"))
        << key;
    EXPECT_TRUE(fails(this->store().head("bucket", key), ErrorKind::kFatal, "object key")) << key;
    EXPECT_TRUE(fails(this->store().remove("bucket", key), ErrorKind::kFatal, "object key")) << key;
  }
  for (const std::string& bucket :
       {std::string(), std::string("ab"), std::string(64, 'b'), std::string(".tmp"), std::string("../b"),
        std::string("UPPER"), std::string("a/b"), std::string("a_b")}) {
    EXPECT_TRUE(fails(this->store().put(bucket, "key", {}), ErrorKind::kFatal, "bucket name")) << bucket;
    EXPECT_TRUE(fails(this->store().get(bucket, "key", 10), ErrorKind::kFatal, "bucket name")) << bucket;
    EXPECT_TRUE(fails(this->store().list(bucket, ""), ErrorKind::kFatal, "bucket name")) << bucket;
  }
  for (const char* prefix : {"/", "../", "a/../", "a//", "a b"}) {
    EXPECT_TRUE(fails(this->store().list("bucket", prefix), ErrorKind::kFatal, "prefix")) << prefix;
  }
}

TYPED_TEST_P(ObjectStoreContract, AllowsEveryNameThatTheRulesAllow) {
  const std::string long_key = std::string(255, 'k') + "/" + std::string(254, 'l') + "/m";
  ASSERT_EQ(long_key.size(), 512u);
  for (const std::string& key : {std::string("A-Z_a.z/0..9"), std::string("..a"), std::string(".hidden/.x"),
                                 std::string("-"), long_key}) {
    this->put_text(key, key);
    EXPECT_EQ(this->text_at(key), key);
    EXPECT_EQ(this->keys(key), std::vector<std::string>{key});
  }
  EXPECT_TRUE(this->store().put(std::string(63, 'b'), "key", {}));
  EXPECT_TRUE(this->store().put("a-0", "key", {}));
}

// The content's every byte is the same, so that a mixture of two shows.
TYPED_TEST_P(ObjectStoreContract, ShowsReadersTheOldObjectOrTheNewNeverAPart) {
  constexpr int kRounds = 50;
  const auto content = [](int round) {
    return Bytes(static_cast<size_t>(10000 + 3000 * (round % 7)), static_cast<uint8_t>(round));
  };
  ASSERT_TRUE(this->store().put("bucket", "name", content(0)));
  std::atomic<bool> done = false;
  std::atomic<int> reads = 0;
  std::atomic<int> mixed = 0;
  std::thread reader([&] {
    while (!done || reads == 0) {
      const auto read = this->store().get("bucket", "name", 1 << 20);
      ++reads;
      if (!read || read->empty() || *read != content(read->front())) ++mixed;
      if (this->store().list("bucket", "").value().size() != 1) ++mixed;
    }
  });
  for (int round = 1; round <= kRounds; ++round)
    EXPECT_TRUE(this->store().put("bucket", "name", content(round)));
  done = true;
  reader.join();
  EXPECT_EQ(mixed, 0) << "of " << reads << " reads";
}

TYPED_TEST_P(ObjectStoreContract, TakesPutsAndRemovesFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string name = std::to_string(thread) + "-" + std::to_string(round);
        if (!this->store().put("bucket", "kept/" + name, as_bytes(name))) ++failures;
        // All work in one folder that comes and goes.
        if (!this->store().put("bucket", "gone/in/depth/" + name, as_bytes(name))) ++failures;
        if (!this->store().remove("bucket", "gone/in/depth/" + name)) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(this->keys("gone"), std::vector<std::string>());
  EXPECT_EQ(this->keys("").size(), static_cast<size_t>(kThreads * kRounds));
  EXPECT_EQ(this->text_at("kept/3-24"), "3-24");
}

REGISTER_TYPED_TEST_SUITE_P(ObjectStoreContract, GivesBackWhatWasPut, KeepsEveryByteValueAndEmptyContent,
                            PutsAnObjectPieceByPiece, ReplacesAnObjectWhole,
                            PutsWhatIsNewAndNothingOverAnother, PutsInThePlaceOfTheVersionThatIsMeant,
                            LetsOneOfManyPutWhatIsNew, SaysWhatIsMissing, RefusesAnObjectLargerThanAllowed,
                            HandsOverAnObjectInPieces, StopsHandingOverAtTheSinksError, GivesExactlyTheRange,
                            ListsByPrefixInTheOrderOfKeys, ListsSizes, KeepsBucketsApart,
                            RemovesAlsoWhatIsNotThere, StampsObjectsByItsOwnClock,
                            GivesEachContentAVersionOfItsOwn, RefusesNamesThatTheRulesForbid,
                            AllowsEveryNameThatTheRulesAllow, ShowsReadersTheOldObjectOrTheNewNeverAPart,
                            TakesPutsAndRemovesFromManyThreads);

}  // namespace templar::testing
