#include "tests/backup-runner/object_store/conformance.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "backup-runner/s3/digest.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using ::testing::ElementsAre;

TEST_P(ConformanceTest, GivesBackWhatWasPut) {
    for (const std::size_t size : {0U, 1U, 65'536U, 1'048'577U, 8'388'608U}) {
        const auto key = fmt::format("a/b/{}", size);
        const auto bytes = random_bytes(size, static_cast<unsigned>(size));
        const auto put = store().put(key, bytes, {});
        ASSERT_TRUE(put) << put.error().message;
        const auto info = store().stat(key, {});
        ASSERT_TRUE(info) << info.error().message;
        EXPECT_EQ(info->bytes, static_cast<std::int64_t>(size));
        EXPECT_TRUE(found(key, 0, size + 1) == bytes) << size;
    }
}

TEST_P(ConformanceTest, PutReplaces) {
    ASSERT_TRUE(store().put("k", bytes_of("first"), {}));
    ASSERT_TRUE(store().put("k", bytes_of("second one"), {}));
    EXPECT_EQ(found("k", 0, 100), bytes_of("second one"));
}

TEST_P(ConformanceTest, ObjectsOfABatchAreThereOnceItIsSettled) {
    const auto batch = store().begin_batch();
    std::vector<std::string> expected;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 3; ++t) {
            for (int i = 0; i < 7; ++i) expected.push_back(fmt::format("b/{}/{}", t, i));
            threads.emplace_back([&, t] {
                for (int i = 0; i < 7; ++i) {
                    const auto bytes = random_bytes(300'000, static_cast<unsigned>(t * 10 + i));
                    const auto digest = s3::sha256_hex(bytes);
                    EXPECT_TRUE(batch->put(fmt::format("b/{}/{}", t, i), {.bytes = bytes, .sha256 = digest}, {}));
                }
            });
        }
    }
    const auto settled = batch->settle({});
    ASSERT_TRUE(settled) << settled.error().message;
    EXPECT_EQ(keys("b/"), expected);
    EXPECT_EQ(found("b/2/6", 0, 300'001), random_bytes(300'000, 26));
    EXPECT_TRUE(batch->settle({})) << "again";
    EXPECT_EQ(store().begin_batch()->put("../x", {}, {}).error().code, ErrorCode::kInvalid);
}

TEST_P(ConformanceTest, CreateTakesAFreeKeyOnly) {
    const auto first = store().create("heads/h.json", bytes_of("first"), {});
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(*first, Creation::kCreated);
    if (!place_->holds_conditions()) return;
    for (const auto* text : {"first", "second"}) {
        const auto second = store().create("heads/h.json", bytes_of(text), {});
        ASSERT_TRUE(second) << second.error().message;
        EXPECT_EQ(*second, Creation::kTaken);
    }
    EXPECT_EQ(found("heads/h.json", 0, 100), bytes_of("first"));
    ASSERT_TRUE(store().remove("heads/h.json", {}));
    EXPECT_EQ(*store().create("heads/h.json", bytes_of("third"), {}), Creation::kCreated);
}

TEST_P(ConformanceTest, OneOfManyCreatorsWins) {
    if (!place_->holds_conditions()) return;
    constexpr int kThreads = 6;
    for (int round = 0; round < 3; ++round) {
        const auto key = fmt::format("race-{}", round);
        std::atomic<int> created = 0;
        std::atomic<int> failed = 0;
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < kThreads; ++i) {
                threads.emplace_back([&, i] {
                    const auto done = store().create(key, bytes_of(fmt::format("writer {}", i)), {});
                    if (!done) ++failed;
                    if (done && *done == Creation::kCreated) ++created;
                });
            }
        }
        EXPECT_EQ(created, 1);
        EXPECT_EQ(failed, 0);
    }
}

TEST_P(ConformanceTest, WritersOfDifferentKeysDoNotMix) {
    constexpr unsigned kThreads = 4;
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < kThreads; ++i) {
            threads.emplace_back([&, i] {
                for (unsigned n = 0; n < 3; ++n) {
                    EXPECT_TRUE(store().put(fmt::format("w/{}/{}", i, n), random_bytes(200'000, i * 10 + n), {}));
                }
            });
        }
    }
    for (unsigned i = 0; i < kThreads; ++i) {
        for (unsigned n = 0; n < 3; ++n) {
            EXPECT_TRUE(found(fmt::format("w/{}/{}", i, n), 0, 200'001) == random_bytes(200'000, i * 10 + n));
        }
    }
}

TEST_P(ConformanceTest, RangesAreClippedAtTheEnd) {
    ASSERT_TRUE(store().put("k", bytes_of("0123456789"), {}));
    ASSERT_TRUE(store().put("empty", {}, {}));
    EXPECT_EQ(found("k", 0, 4), bytes_of("0123"));
    EXPECT_EQ(found("k", 3, 4), bytes_of("3456"));
    EXPECT_EQ(found("k", 8, 100), bytes_of("89"));
    EXPECT_EQ(found("k", 0, 10), bytes_of("0123456789"));
    EXPECT_EQ(found("k", 10, 4), bytes_of(""));
    EXPECT_EQ(found("k", 1'000'000, 4), bytes_of(""));
    EXPECT_EQ(found("k", 5, 0), bytes_of(""));
    EXPECT_EQ(found("empty", 0, 4), bytes_of(""));
}

TEST_P(ConformanceTest, WhatIsNotThereIsNotFound) {
    const auto got = read("nothing", 0, 10);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::kNotFound) << got.error().message;
    EXPECT_EQ(got.error().reason, Reason::kArtifactNotFound);
    const auto info = store().stat("no/thing", {});
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code, ErrorCode::kNotFound) << info.error().message;
    EXPECT_TRUE(keys("no").empty());
}

TEST_P(ConformanceTest, RemoveIsIdempotent) {
    ASSERT_TRUE(store().put("a/k", bytes_of("x"), {}));
    ASSERT_TRUE(store().put("a/l", bytes_of("x"), {}));
    for (int i = 0; i < 2; ++i) {
        const auto removed = store().remove("a/k", {});
        ASSERT_TRUE(removed) << removed.error().message;
        EXPECT_EQ(*removed, Removal::kRemoved);
    }
    EXPECT_THAT(keys(), ElementsAre("a/l"));
    EXPECT_TRUE(store().remove("never/there", {}));
}

TEST_P(ConformanceTest, ListsInByteOrderBelowAPrefixAndBeyondAKey) {
    for (const auto* key : {"a/b", "a.b", "a-b", "a/a/z", "a0", "b/x", "ab/c"}) {
        ASSERT_TRUE(store().put(key, bytes_of("12345"), {})) << key;
    }
    EXPECT_THAT(keys(), ElementsAre("a-b", "a.b", "a/a/z", "a/b", "a0", "ab/c", "b/x"));
    EXPECT_THAT(keys("a/"), ElementsAre("a/a/z", "a/b"));
    EXPECT_THAT(keys("a"), ElementsAre("a-b", "a.b", "a/a/z", "a/b", "a0", "ab/c"));
    EXPECT_THAT(keys("a/b"), ElementsAre("a/b"));
    EXPECT_THAT(keys("", "a/a/z"), ElementsAre("a/b", "a0", "ab/c", "b/x"));
    EXPECT_THAT(keys("", "a/"), ElementsAre("a/a/z", "a/b", "a0", "ab/c", "b/x"));
    EXPECT_THAT(keys("a/", "a/a/zz"), ElementsAre("a/b"));
    EXPECT_THAT(keys("", "b/x"), ElementsAre());
}

TEST_P(ConformanceTest, ListTellsSizesAndTimes) {
    ASSERT_TRUE(store().put("k", bytes_of("12345"), {}));
    const auto now = base::RealClock().system_now();
    const auto listed = store().list(
        "", "",
        [&](auto page) {
            EXPECT_EQ(page[0].bytes, 5);
            EXPECT_LT(std::chrono::abs(page[0].modified.value_or(base::SystemTime()) - now), std::chrono::minutes(1));
            return true;
        },
        {});
    EXPECT_TRUE(listed) << listed.error().message;
}

TEST_P(ConformanceTest, OddNamesComeBackUnchanged) {
    std::vector<std::string> names{"sp ace",      "pl+us",       "per%41cent",         "a&b<c>",
                                   "q?u=e#r",     "ti~l'd(e)!*", "u\xC3\xA4",          "\xF0\x9F\x98\x80",
                                   "back\\slash", "\"quoted\"",  std::string(200, 'n')};
    for (const auto& name : names) {
        const auto put = store().put("odd/" + name, bytes_of(name), {});
        ASSERT_TRUE(put) << name << ": " << put.error().message;
        EXPECT_EQ(found("odd/" + name, 0, 1000), bytes_of(name));
    }
    for (auto& name : names) name = "odd/" + name;
    std::sort(names.begin(), names.end());
    EXPECT_EQ(keys("odd/"), names);
    EXPECT_THAT(keys("odd/sp ace"), ElementsAre("odd/sp ace"));
    EXPECT_EQ(keys("odd/", names[3]), std::vector<std::string>(names.begin() + 4, names.end()));
}

TEST_P(ConformanceTest, ListsInPages) {
    constexpr int kCount = 2003;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (int i = t; i < kCount; i += 4) EXPECT_TRUE(store().put(fmt::format("p/{:06}", i), {}, {}));
            });
        }
    }
    int pages = 0;
    std::vector<std::string> listed_keys;
    const auto listed = store().list("p/", "",
                                     [&](auto page) {
                                         ++pages;
                                         EXPECT_LE(page.size(), 1000U);
                                         for (const auto& object : page) listed_keys.push_back(object.key);
                                         return true;
                                     },
                                     {});
    ASSERT_TRUE(listed) << listed.error().message;
    EXPECT_EQ(pages, 3);
    ASSERT_EQ(listed_keys.size(), static_cast<std::size_t>(kCount));
    EXPECT_TRUE(std::is_sorted(listed_keys.begin(), listed_keys.end()));
    EXPECT_EQ(keys("p/", "p/001999").size(), 3U);
    pages = 0;
    ASSERT_TRUE(store().list("p/", "", [&](auto) { return ++pages < 2; }, {}));
    EXPECT_EQ(pages, 2);
}

TEST_P(ConformanceTest, KeysThatNoStoreTakesAreRefused) {
    for (const auto& key :
         std::vector<std::string>{"", "/a", "a/", "a//b", ".", "..", "a/../b", "a\nb", std::string(901, 'k')}) {
        EXPECT_EQ(store().put(key, {}, {}).error().code, ErrorCode::kInvalid) << key;
        EXPECT_EQ(store().create(key, {}, {}).error().code, ErrorCode::kInvalid) << key;
        EXPECT_EQ(read(key, 0, 1).error().code, ErrorCode::kInvalid) << key;
        EXPECT_EQ(store().stat(key, {}).error().code, ErrorCode::kInvalid) << key;
        EXPECT_EQ(store().remove(key, {}).error().code, ErrorCode::kInvalid) << key;
    }
    EXPECT_TRUE(keys().empty());
}

TEST_P(ConformanceTest, NothingBeginsAfterTheDeadlineOrAStop) {
    std::stop_source stop;
    stop.request_stop();
    const std::vector<std::pair<Call, ErrorCode>> calls{
        {{.deadline = base::Deadline::after(std::chrono::milliseconds(-1))}, ErrorCode::kDeadline},
        {{.stop = stop.get_token()}, ErrorCode::kCancelled}};
    std::vector<std::byte> room(10);
    for (const auto& [call, code] : calls) {
        EXPECT_EQ(store().put("k", {}, call).error().code, code);
        EXPECT_EQ(store().create("k", {}, call).error().code, code);
        EXPECT_EQ(store().get("k", 0, room, call).error().code, code);
        EXPECT_EQ(store().stat("k", call).error().code, code);
        EXPECT_EQ(store()
                      .list(
                          "", "", [](auto) { return true; }, call)
                      .error()
                      .code,
                  code);
        EXPECT_EQ(store().remove("k", call).error().code, code);
        EXPECT_EQ(store().now(call).error().code, code);
    }
    EXPECT_TRUE(keys().empty());
}

TEST_P(ConformanceTest, TellsItsTime) {
    const auto time = store().now({});
    ASSERT_TRUE(time) << time.error().message;
    EXPECT_LT(std::chrono::abs(*time - base::RealClock().system_now()), std::chrono::minutes(1));
    EXPECT_TRUE(keys().empty());
}

INSTANTIATE_TEST_SUITE_P(Stores, ConformanceTest, ::testing::ValuesIn(store_kinds()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace n4b::object_store
