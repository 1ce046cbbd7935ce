#include "operator/kube/reflector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "operator/api/backup.hpp"
#include "tests/support/fake_api_script.hpp"

namespace n4b::kube {
namespace {

using testing::FakeApiScript;

constexpr char kOne[] = R"({"items": [{"metadata": {"name": "b", "namespace": "db", "uid": "u", "resourceVersion": "1"},
    "spec": {"databases": ["d"]}}]})";

/// Follows backups until the first list is complete, and counts what could not be read.
struct Followed {
    explicit Followed(
        FakeApiScript& transport, std::function<void()> on_object = [] {}) {
        auto sink = sink_of<api::Backup>(store, "", &api::parse_backup, [this](const auto&) { ++unreadable; });
        sink.apply = [apply = sink.apply, on_object](const auto& json) {
            on_object();
            return apply(json);
        };
        sink.retain = [this, retain = sink.retain](const auto& keep) {
            retain(keep);
            complete.set_value();
        };
        reflector = std::make_unique<Reflector>(transport, Resource{.path = "/p"}, std::move(sink));
        EXPECT_EQ(complete.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
        reflector.reset();
    }

    Store<api::Backup> store{[](const auto&, const auto&, const auto&) {}};
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
    Store<api::Backup> store([](const auto&, const auto&, const auto&) {});
    const Reflector reflector(transport, {.path = "/p", .scope = "db"},
                              sink_of<api::Backup>(store, "db", &api::parse_backup, [](const auto&) {}));
    while (!reflector.list_error()) std::this_thread::yield();
    EXPECT_EQ(reflector.list_error(), base::ErrorCode::kPermissionDenied);
    EXPECT_FALSE(reflector.ready());
    EXPECT_EQ(reflector.scope(), "db");
}

TEST(Reflector, AsksForLessOfAPageThatIsTooLong) {
    FakeApiScript transport;
    transport.answer(200, R"({"metadata": {"continue": "t"}, "items": []})");
    transport.answers.emplace_back(base::fail(base::ErrorCode::kInvalid, "the answer is longer than 16 MiB"));
    transport.answers.emplace_back(base::fail(base::ErrorCode::kInvalid, "the answer is longer than 16 MiB"));
    transport.answer(200, kOne);
    const Followed followed(transport);
    EXPECT_NE(followed.store.get("db/b"), nullptr);
    std::vector<std::string> lists;
    for (const auto& request : transport.requests) {
        if (request.path.find("watch=1") == std::string::npos) lists.push_back(request.path);
    }
    EXPECT_THAT(lists, ::testing::ElementsAre("/p?limit=100", "/p?limit=100&continue=t", "/p?limit=50&continue=t",
                                              "/p?limit=25&continue=t"));
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
