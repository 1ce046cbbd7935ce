#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "operator/jobs/run_driver.hpp"
#include "tests/operator/jobs/operator_process.hpp"

namespace n4b::jobs {
namespace {

using base::Reason;
using nlohmann::json;
using std::chrono::minutes;
using ::testing::IsEmpty;

/// What an operator that runs on a thread of its own sees of the API server: it freezes before the request of that
/// number until it is thawed. Either the thread or the test uses the server, never both.
class Freezing final : public http::Transport {
public:
    Freezing(testing::FakeApi& api, int before) : api_(api), before_(before) {}

    base::Result<http::Response> exchange(const http::Request& request, const std::stop_token& stop) override {
        if (sent_++ == before_) freeze();
        return api_.exchange(request, stop);
    }
    base::Result<http::Response> stream(const http::Request& request, const http::PieceSink& sink,
                                        const std::stop_token& stop) override {
        return api_.stream(request, sink, stop);
    }

    /// Waits until the operator has frozen or has finished; whether it froze.
    bool wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return state_ != State::kRuns; });
        return state_ == State::kFrozen;
    }
    void thaw() { set(State::kRuns); }
    void finish() { set(State::kFinished); }

private:
    enum class State { kRuns, kFrozen, kFinished };
    void set(State state) {
        const std::scoped_lock lock(mutex_);
        state_ = state;
        changed_.notify_all();
    }
    void freeze() {
        set(State::kFrozen);
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return state_ == State::kRuns; });
    }

    testing::FakeApi& api_;
    int before_;
    int sent_ = 0;
    std::mutex mutex_{};
    std::condition_variable changed_{};
    State state_ = State::kRuns;
};

/// One look of an operator at the object "a" as it was when the look began; it freezes before one of its requests.
class Look {
public:
    Look(Cluster& cluster, int before)
        : transport_(cluster.api, before), op_(cluster, 10, &transport_), object_(cluster.owner("a")) {
        op_.watch();
        thread_ = std::jthread([this] {
            (void)op_.drive_as(object_);
            transport_.finish();
        });
        froze = transport_.wait();
    }
    ~Look() { go_on(); }
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;

    void go_on() {
        if (froze && !std::exchange(thawed_, true)) transport_.thaw();
        if (froze) transport_.wait();
    }
    bool froze = false;

private:
    Freezing transport_;
    OperatorProcess op_;
    json object_;
    bool thawed_ = false;
    std::jthread thread_{};
};

constexpr int kMoreThanEnough = 12;

/// How the world stands when the look that freezes begins. Each is followed by what happens while it is frozen.
struct Story {
    const char* name;
    std::function<void(Cluster&)> before;
    std::function<void(Cluster&)> meanwhile;
};

void settle(Cluster& cluster) {
    OperatorProcess other(cluster);
    other.recover();
    for (int i = 0; i < 4; ++i) (void)other.drive("a");
}

/// The attempt that is open loses its Job without having run, so its successor starts.
void next_attempt_starts(Cluster& cluster) {
    settle(cluster);
    cluster.clock.now += minutes(11);
    settle(cluster);
    cluster.collect_garbage();
    cluster.clock.now += minutes(1);
    settle(cluster);
}

const std::vector<Story> kStories{
    {"both start the first attempt", [](Cluster&) {}, &settle},
    {"the other has started the second attempt", [](Cluster&) {}, &next_attempt_starts},
    {"the other has let a recorded Job go",
     [](Cluster& cluster) {
         cluster.api.failures["PATCH " + Cluster::job_path("a")] = 500;
         OperatorProcess dies(cluster);
         (void)dies.drive("a");
         cluster.api.failures.clear();
     },
     &settle},
    {"the other has ended a recorded attempt and started the next",
     [](Cluster& cluster) {
         cluster.api.failures["PATCH " + Cluster::job_path("a")] = 500;
         OperatorProcess dies(cluster);
         (void)dies.drive("a");
         cluster.api.failures.clear();
     },
     &next_attempt_starts},
    {"both start the second attempt",
     [](Cluster& cluster) {
         settle(cluster);
         cluster.runner_ends("a", 1, Reason::kSourceUnreachable);
         settle(cluster);
         cluster.clock.now += minutes(1);
     },
     &settle},
    {"both end the first attempt",
     [](Cluster& cluster) {
         settle(cluster);
         cluster.runner_ends("a", 1, Reason::kSourceUnreachable);
     },
     &next_attempt_starts},
    {"the object was changed", [](Cluster&) {},
     [](Cluster& cluster) {
         cluster.change_owner("a", [](json& owner) { owner["metadata"]["annotations"]["by"] = "somebody"; });
     }},
    {"the object was deleted and made anew", [](Cluster&) {},
     [](Cluster& cluster) {
         cluster.delete_owner("a");
         cluster.add_owner("a", "prod");
         cluster.change_owner("a", [](json& owner) { owner["metadata"]["uid"] = "b-uid-of-another-object"; });
         settle(cluster);
     }},
};

std::unique_ptr<Cluster> new_cluster() {
    auto cluster = std::make_unique<Cluster>();
    cluster->add_owner("a", "prod");
    cluster->change_owner("a", [](json& owner) { owner["spec"]["retry"] = {{"limit", 2}, {"backoff", "10s"}}; });
    return cluster;
}

TEST(TwoOperators, OneThatFreezesBeforeAnyRequestDoesNoHarm) {
    int looks = 0;
    for (const auto& story : kStories) {
        for (int before = 0; before < kMoreThanEnough; ++before) {
            const auto cluster = new_cluster();
            story.before(*cluster);
            Look frozen(*cluster, before);
            if (frozen.froze) story.meanwhile(*cluster);
            frozen.go_on();
            ++looks;
            settle(*cluster);
            EXPECT_THAT(cluster->violations, IsEmpty()) << story.name << ", before request " << before;
            if (!frozen.froze) break;
            ASSERT_LT(before + 1, kMoreThanEnough) << "a look has more requests than are tried";
        }
    }
    EXPECT_GT(looks, 20);
}

TEST(TwoOperators, TwoThatFreezeInTurnDoNoHarm) {
    for (const auto& story : kStories) {
        for (int first = 0; first < kMoreThanEnough; ++first) {
            bool first_froze = false;
            for (int second = 0; second < kMoreThanEnough; ++second) {
                const auto cluster = new_cluster();
                story.before(*cluster);
                Look a(*cluster, first);
                first_froze = a.froze;
                Look b(*cluster, second);
                const bool second_froze = b.froze;
                if (second_froze) story.meanwhile(*cluster);
                a.go_on();
                b.go_on();
                settle(*cluster);
                EXPECT_THAT(cluster->violations, IsEmpty())
                    << story.name << ", before requests " << first << " and " << second;
                if (!second_froze) break;
            }
            if (!first_froze) break;
        }
    }
}

TEST(TwoOperators, TheRunComesToItsEndWhoeverDrivesIt) {
    for (int before = 0; before < kMoreThanEnough; ++before) {
        const auto cluster = new_cluster();
        Look frozen(*cluster, before);
        settle(*cluster);
        const bool froze = frozen.froze;
        frozen.go_on();
        settle(*cluster);
        // A Job that both touched may have been taken back; its attempt is then made again.
        for (int attempt = 1; attempt <= 3; ++attempt) {
            if (cluster->is_let_go("a", attempt)) cluster->runner_ends("a", attempt, Reason::kCompleted);
            settle(*cluster);
            cluster->clock.now += minutes(1);
            settle(*cluster);
        }
        EXPECT_EQ(cluster->condition("a"), "True/Completed") << "frozen before request " << before;
        EXPECT_THAT(cluster->violations, IsEmpty());
        if (!froze) break;
    }
}

}  // namespace
}  // namespace n4b::jobs
