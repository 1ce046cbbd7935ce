#include "operator/kube/event_recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

namespace n4b::kube {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

/// An API server that answers nothing until it is let go, and notes which events it was sent.
class HangingApi final : public http::Transport {
public:
    base::Result<http::Response> exchange(const http::Request& request, const std::stop_token& stop) override {
        std::unique_lock lock(mutex_);
        reasons_.push_back(nlohmann::json::parse(request.body)["reason"]);
        changed_.notify_all();
        changed_.wait(lock, stop, [this] { return let_go_; });
        if (stop.stop_requested()) return base::fail(base::ErrorCode::kCancelled, "cancelled");
        return http::Response{.status = status};
    }
    base::Result<http::Response> stream(const http::Request&, const http::PieceSink&, const std::stop_token&) override {
        return http::Response{.status = 404};
    }
    void let_go() {
        const std::scoped_lock lock(mutex_);
        let_go_ = true;
        changed_.notify_all();
    }
    void await_request() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !reasons_.empty(); });
    }
    [[nodiscard]] std::vector<std::string> reasons() {
        const std::scoped_lock lock(mutex_);
        return reasons_;
    }
    std::atomic<int> status = 201;

private:
    std::mutex mutex_{};
    std::condition_variable_any changed_{};
    bool let_go_ = false;
    std::vector<std::string> reasons_{};
};

struct Recording {
    void record(const std::string& reason, bool warning = false) {
        recorder->record({.name = "b", .uid = "u"}, {.warning = warning, .reason = reason});
    }
    HangingApi api{};
    base::RealClock clock{};
    std::stop_source stop{};
    Client client{api, stop.get_token()};
    std::optional<EventRecorder> recorder{std::in_place, client, clock, "test"};
};

TEST(EventRecorder, AHangingApiServerHoldsUpNobody) {
    Recording r;
    // The API server answers nothing until it is let go: whoever waited for it would wait for ever.
    for (int i = 0; i < 5000; ++i) r.record("Many");
    r.api.let_go();
    EXPECT_TRUE(r.recorder->flush(base::Deadline::after(seconds(60))));
    const auto counts = r.recorder->counts();
    EXPECT_EQ(counts.written + counts.dropped, 5000U);
    EXPECT_GE(counts.written, EventRecorder::kMaxQueued);
    EXPECT_GE(counts.dropped, 5000 - EventRecorder::kMaxQueued - 1);
}

TEST(EventRecorder, WhenItsQueueIsFullTheOldestNormalEventGoesFirst) {
    Recording r;
    r.record("UnderWay");
    r.api.await_request();
    r.record("OldestWarning", true);
    r.record("OldestNormal");
    for (std::size_t i = 2; i < EventRecorder::kMaxQueued; ++i) r.record("Warning", true);
    EXPECT_EQ(r.recorder->counts().dropped, 0U);
    r.record("Newest");
    EXPECT_EQ(r.recorder->counts().dropped, 1U);
    r.record("NewestWarning", true);
    EXPECT_EQ(r.recorder->counts().dropped, 2U);
    r.record("LastWarning", true);
    r.api.let_go();
    ASSERT_TRUE(r.recorder->flush(base::Deadline::after(seconds(60))));
    auto reasons = r.api.reasons();
    EXPECT_EQ(r.recorder->counts().dropped, 3U);
    EXPECT_EQ(std::count(reasons.begin(), reasons.end(), "OldestNormal"), 0);
    EXPECT_EQ(std::count(reasons.begin(), reasons.end(), "Newest"), 0);
    EXPECT_EQ(std::count(reasons.begin(), reasons.end(), "OldestWarning"), 0) << "no Normal event was left to drop";
    reasons.erase(std::remove(reasons.begin(), reasons.end(), "Warning"), reasons.end());
    EXPECT_THAT(reasons, ElementsAre("UnderWay", "NewestWarning", "LastWarning"));
}

TEST(EventRecorder, EndsWithinASecondWhileTheApiServerHangs) {
    Recording r;
    r.record("UnderWay");
    r.record("Waiting");
    r.api.await_request();
    const auto start = std::chrono::steady_clock::now();
    r.recorder.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1500));
    EXPECT_THAT(r.api.reasons(), ElementsAre("UnderWay"));
}

TEST(EventRecorder, WritesWhatWaitsBeforeItEnds) {
    Recording r;
    r.api.let_go();
    r.record("A");
    r.record("B", true);
    r.recorder.reset();
    EXPECT_THAT(r.api.reasons(), ElementsAre("A", "B"));
}

TEST(EventRecorder, ItsCallsEndWithThoseOfTheClient) {
    Recording r;
    r.record("UnderWay");
    r.api.await_request();
    r.stop.request_stop();
    EXPECT_TRUE(r.recorder->flush(base::Deadline::after(seconds(30))));
    EXPECT_EQ(r.recorder->counts().dropped, 1U);
}

TEST(EventRecorder, CountsFailures) {
    Recording r;
    r.api.let_go();
    r.api.status = 403;
    r.record("Refused");
    ASSERT_TRUE(r.recorder->flush(base::Deadline::after(seconds(30))));
    r.api.status = 409;
    r.record("Conflict");
    ASSERT_TRUE(r.recorder->flush(base::Deadline::after(seconds(30))));
    EXPECT_EQ(r.recorder->counts().failed, 2U);
    EXPECT_EQ(r.recorder->counts().written, 0U);
}

}  // namespace
}  // namespace n4b::kube
