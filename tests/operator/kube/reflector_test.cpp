#include "operator/kube/reflector.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <utility>

#include "operator/api/workload.hpp"
#include "tests/support/fake_api_script.hpp"

namespace n4b::kube {
namespace {

using testing::FakeApiScript;

constexpr char kOne[] = R"({"items": [{"metadata": {"name": "b", "namespace": "db", "uid": "u", "resourceVersion": "1"},
    "spec": {"suspend": true}}]})";

/// Follows Jobs until so many lists are complete, and counts what could not be read.
struct Followed {
    explicit Followed(
        FakeApiScript& transport, std::function<void()> on_object = [] {}, int lists = 1) {
        auto sink = sink_of<api::Job>(store, "", &api::parse_job, [this](const auto&, const auto&) { ++unreadable; });
        sink.apply = [apply = sink.apply, on_object](const auto& meta, const auto& json) {
            on_object();
            return apply(meta, json);
        };
        sink.retain = [this, retain = sink.retain, lists](const auto& keep) mutable {
            retain(keep);
            if (--lists == 0) complete.set_value();
        };
        reflector = std::make_unique<Reflector>(transport, Resource{.path = "/p"}, std::move(sink));
        EXPECT_EQ(complete.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
        reflector.reset();
    }

    Store<api::Job> store{[](const auto&, const auto&, const auto&) {}};
    std::promise<void> complete{};
    int unreadable = 0;
    std::unique_ptr<Reflector> reflector{};
};

TEST(Reflector, SkipsItemsThatAreNoObjects) {
    FakeApiScript transport;
    transport.answer(200, R"({"items": [null, 5, [], {"spec": []}]})");
    EXPECT_EQ(Followed(transport).unreadable, 4);
}

TEST(Reflector, TellsWhyItsLastListFailed) {
    FakeApiScript transport;
    transport.answer(403, "{}");
    Store<api::Job> store([](const auto&, const auto&, const auto&) {});
    const Reflector reflector(transport, {.path = "/p", .scope = "db"},
                              sink_of<api::Job>(store, "db", &api::parse_job, [](const auto&, const auto&) {}));
    while (!reflector.list_error()) std::this_thread::yield();
    EXPECT_EQ(reflector.list_error(), base::ErrorCode::kPermissionDenied);
    EXPECT_FALSE(reflector.ready());
    EXPECT_EQ(reflector.scope(), "db");
}

TEST(Reflector, AsksForLessOfAPageThatIsTooSlow) {
    FakeApiScript transport;
    transport.answer(200, R"({"metadata": {"continue": "t"}, "items": []})");
    transport.answers.emplace_back(base::fail(base::ErrorCode::kDeadline, "no answer in time"));
    transport.answers.emplace_back(base::fail(base::ErrorCode::kDeadline, "no answer in time"));
    transport.answer(200, kOne);
    const Followed followed(transport);
    EXPECT_NE(followed.store.get("db/b"), nullptr);
    std::vector<std::string> lists;
    for (const auto& request : transport.requests) {
        if (request.path.find("watch=1") == std::string::npos) lists.push_back(request.path);
    }
    EXPECT_THAT(lists, ::testing::ElementsAre("/p?limit=500", "/p?limit=500&continue=t", "/p?limit=250&continue=t",
                                              "/p?limit=125&continue=t"));
}

constexpr char kUnreadable[] = R"({"metadata": {"resourceVersion": "9"}, "items": [
    {"metadata": {"name": "b", "namespace": "db", "uid": "u", "resourceVersion": "2"}, "spec": {"suspend": 5}}]})";

TEST(Reflector, AnObjectThatCantBeReadAnyMoreStaysAsItWasLastRead) {
    FakeApiScript transport;
    transport.answer(200, kOne);
    transport.answer(200, kUnreadable);
    transport.lines = {R"({"type": "ERROR", "object": {"code": 410, "message": "expired"}})"};
    const Followed followed(
        transport, [] {}, 3);
    EXPECT_GE(followed.unreadable, 2);
    const auto kept = followed.store.get("db/b");
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(kept->meta.resource_version, "1");
    const auto unreadable = followed.store.unreadable();
    ASSERT_EQ(unreadable.size(), 1U);
    EXPECT_EQ(unreadable[0].key, "db/b");
    EXPECT_EQ(unreadable[0].uid, "u");
    EXPECT_THAT(unreadable[0].error, ::testing::HasSubstr("suspend"));
}

/// Feeds events to a store of Jobs that holds db/b, uid u, and returns when they are all through.
struct Watched {
    explicit Watched(std::vector<std::string> events) {
        transport.answer(200, kOne);
        transport.lines = std::move(events);
        // A bookmark behind them tells that they are through; it is never the first word of a watch that ends at once.
        transport.lines.emplace_back(
            R"({"type": "MODIFIED", "object": {"metadata": {"name": "last", "namespace": "db", "uid": "l",
                "resourceVersion": "99"}, "spec": {"suspend": true}}})");
        auto sink = sink_of<api::Job>(store, "", &api::parse_job, [](const auto&, const auto&) {});
        sink.apply = [this, apply = sink.apply](const auto& meta, const auto& json) {
            auto done = apply(meta, json);
            if (meta.name == "last" && !std::exchange(through_once, true)) through.set_value();
            return done;
        };
        reflector =
            std::make_unique<Reflector>(transport, Resource{.path = "/p", .limits = {.bytes = 1000}}, std::move(sink));
        EXPECT_EQ(through.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
        reflector.reset();
    }
    FakeApiScript transport{};
    std::vector<std::string> gone{};
    Store<api::Job> store{[this](const auto& key, const auto&, const auto& after) {
        if (!after) gone.push_back(key);
    }};
    std::promise<void> through{};
    bool through_once = false;
    std::unique_ptr<Reflector> reflector{};
};

std::string event(const char* type, const char* uid, const std::string& spec) {
    return fmt::format(R"({{"type": "{}", "object": {{"metadata": {{"name": "b", "namespace": "db", "uid": "{}",)"
                       R"( "resourceVersion": "7"}}, "spec": {}}}}})",
                       type, uid, spec);
}

TEST(Reflector, AnObjectThatIsTooLargeIsMarkedAndDeletesNothing) {
    const Watched watched({event("MODIFIED", "u", R"({"databases": [")" + std::string(1000, 'x') + R"("]})")});
    EXPECT_TRUE(watched.gone.empty());
    ASSERT_EQ(watched.store.unreadable().size(), 1U);
    EXPECT_THAT(watched.store.unreadable()[0].error, ::testing::HasSubstr("too large"));
    EXPECT_EQ(watched.store.get("db/b")->meta.resource_version, "1");
}

TEST(Reflector, ADeletedObjectGoesThoughItCantBeRead) {
    for (const std::string& spec : {std::string(R"({"suspend": 5})"), '"' + std::string(2000, 'x') + '"'}) {
        const Watched watched({event("MODIFIED", "u", spec), event("DELETED", "u", spec)});
        EXPECT_EQ(watched.gone, std::vector<std::string>{"db/b"});
        EXPECT_EQ(watched.store.get("db/b"), nullptr);
        EXPECT_TRUE(watched.store.unreadable().empty());
    }
}

TEST(Reflector, AReadableVersionTakesTheMarkAway) {
    const Watched watched({event("MODIFIED", "u", "5"), event("MODIFIED", "u", R"({"suspend": true})")});
    EXPECT_TRUE(watched.store.unreadable().empty());
    EXPECT_EQ(watched.store.get("db/b")->meta.resource_version, "7");
}

TEST(Reflector, AnUnreadableObjectOfAnotherUidMeansThatTheOldOneIsGone) {
    const Watched watched({event("MODIFIED", "other", "5")});
    EXPECT_EQ(watched.gone, std::vector<std::string>{"db/b"});
    ASSERT_EQ(watched.store.unreadable().size(), 1U);
    EXPECT_EQ(watched.store.unreadable()[0].uid, "other");
}

constexpr char kAdded[] = R"({"type": "ADDED", "object": {"metadata": {"name": "b", "namespace": "db", "uid": "u",
    "resourceVersion": "1"}, "spec": {"suspend": true}}})";
constexpr char kInitialEnd[] = R"({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "8",
    "annotations": {"k8s.io/initial-events-end": "true"}}}})";

TEST(Reflector, StreamsItsListWhereTheServerDoesThat) {
    FakeApiScript transport;
    transport.initial = {kAdded, kInitialEnd, R"({"type": "DELETED", "object": {}})"};
    const Followed followed(transport);
    EXPECT_NE(followed.store.get("db/b"), nullptr);
    EXPECT_EQ(transport.requests[0].path,
              "/p?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    if (transport.requests.size() > 1) {
        EXPECT_THAT(transport.requests[1].path, ::testing::HasSubstr("resourceVersion=8"));
    }
}

TEST(Reflector, AStreamedListThatEndsEarlyCountsForNothing) {
    FakeApiScript transport;
    transport.initial = {kAdded, R"({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "3"}}})"};
    transport.answer(200, R"({"metadata": {"resourceVersion": "9"}, "items": []})");
    const Followed followed(transport);
    EXPECT_EQ(followed.store.get("db/b"), nullptr) << "the pages that were asked for then don't hold it";
    ASSERT_GE(transport.requests.size(), 2U);
    EXPECT_EQ(transport.requests[1].path, "/p?limit=500");
}

TEST(Reflector, AsksForPagesAtOnceAndOnlyOnceWhetherTheServerStreams) {
    FakeApiScript transport;
    transport.answer(200, kOne);
    transport.lines = {R"({"type": "ERROR", "object": {"code": 410, "message": "expired"}})"};
    const Followed followed(
        transport, [] {}, 2);
    std::vector<std::string> streamed;
    for (const auto& request : transport.requests) {
        if (request.path.find("sendInitialEvents") != std::string::npos) streamed.push_back(request.path);
    }
    EXPECT_EQ(streamed.size(), 1U);
    EXPECT_EQ(transport.requests[1].path, "/p?limit=500");
}

TEST(Reflector, TellsSilenceFromFailure) {
    FakeApiScript transport;
    transport.answers.emplace_back(base::fail(base::ErrorCode::kUnavailable, "no connection"));
    Store<api::Job> store([](const auto&, const auto&, const auto&) {});
    const Reflector reflector(transport, {.path = "/p"},
                              sink_of<api::Job>(store, "", &api::parse_job, [](const auto&, const auto&) {}));
    while (reflector.counts().list_failures < 2) std::this_thread::yield();
    EXPECT_GT(reflector.silent_for(), std::chrono::milliseconds(700)) << "a connection that fails is no word";
    EXPECT_LT(reflector.stuck_for(), reflector.silent_for());
    EXPECT_EQ(reflector.counts().watch_failures, 0U);
}

TEST(Reflector, SurvivesAnAnswerThatThrows) {
    FakeApiScript transport;
    transport.answer(200, kOne);
    int objects = 0;
    const Followed followed(transport, [&] {
        if (++objects == 1) throw std::runtime_error("nobody thought of this");
    });
    EXPECT_EQ(objects, 2);
    EXPECT_NE(followed.store.get("db/b"), nullptr);
}

}  // namespace
}  // namespace n4b::kube
