#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>

#include "backup-runner/net/stream.hpp"

namespace n4b::net {
namespace {

using base::Deadline;
using base::ErrorCode;
using base::Reason;

/// What the C library does for names whose servers never answer: it blocks, here until it is let go.
class BlackHole {
public:
    int enter() {
        std::unique_lock lock(mutex_);
        ++inside_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return open_; });
        --inside_;
        changed_.notify_all();
        return EAI_AGAIN;
    }
    void wait_until_entered() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return inside_ > 0; });
    }
    void let_go() {
        std::unique_lock lock(mutex_);
        open_ = true;
        changed_.notify_all();
        changed_.wait(lock, [&] { return inside_ == 0; });
        open_ = false;
    }

private:
    std::mutex mutex_{};
    std::condition_variable changed_{};
    int inside_ = 0;
    bool open_ = false;
};

/// Lives as long as the process: a thread may be inside at its end.
BlackHole& black_hole() {
    static auto* const kHole = new BlackHole;
    return *kHole;
}

constexpr char kBlocked[] = "name.blocked";
/// A test that waits for the resolver is ended by this, so that it is seen to fail.
constexpr unsigned kPatienceSeconds = 30;

/// The state of one test: no thread is left inside when it ends.
class NameLookup : public ::testing::Test {
protected:
    NameLookup() { ::alarm(kPatienceSeconds); }
    ~NameLookup() override {
        black_hole().let_go();
        ::alarm(0);
    }
    const std::unique_ptr<Dialer> dialer_ = tcp_dialer();
};

TEST_F(NameLookup, EndsAtItsDeadlineWhateverTheResolverDoes) {
    const auto resolved = dialer_->resolve(kBlocked, 1, Deadline::after(std::chrono::milliseconds(50)), {});
    ASSERT_FALSE(resolved);
    EXPECT_EQ(resolved.error().reason, Reason::kSourceNameNotResolved);
    EXPECT_EQ(resolved.error().message, "resolve name.blocked: timed out");
    // On a busy machine the thread that asks may come later than the deadline: past the end of this test, nobody would
    // let it go, and the next test would take it for its own.
    black_hole().wait_until_entered();
}

TEST_F(NameLookup, EndsWhenStoppedWhateverTheResolverDoes) {
    std::stop_source stop;
    const std::jthread stopper([&] {
        black_hole().wait_until_entered();
        stop.request_stop();
    });
    EXPECT_EQ(dialer_->resolve(kBlocked, 1, Deadline::never(), stop.get_token()).error().code, ErrorCode::kCancelled);
}

TEST_F(NameLookup, TellsWhatTheResolverSays) {
    const std::jthread opener([] {
        black_hole().wait_until_entered();
        black_hole().let_go();
    });
    const auto resolved = dialer_->resolve(kBlocked, 1, Deadline::never(), {});
    ASSERT_FALSE(resolved);
    EXPECT_EQ(resolved.error().message, "resolve name.blocked: Temporary failure in name resolution");
}

TEST(NameLookupDeathTest, DoesNotHoldUpTheEndOfTheProcess) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_EXIT(
        {
            ::alarm(kPatienceSeconds);
            (void)tcp_dialer()->resolve(kBlocked, 1, Deadline::after(std::chrono::milliseconds(50)), {});
            std::exit(0);
        },
        ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace n4b::net

/// Stands before the C library's, for this program alone.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto kReal = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    if (std::string_view(node) == n4b::net::kBlocked) return n4b::net::black_hole().enter();
    return kReal(node, service, hints, result);
}
