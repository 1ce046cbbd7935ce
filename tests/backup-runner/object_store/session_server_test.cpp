#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "backup-runner/object_store/session_credentials.hpp"
#include "backup-runner/object_store/session_issuers.hpp"
#include "tests/support/s3_test_store.hpp"

namespace n4b::object_store {
namespace {

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

/// Counts the sessions that pass through it.
class CountedIssuer final : public SessionIssuer {
public:
    CountedIssuer(std::unique_ptr<SessionIssuer> inner, std::atomic<int>& count)
        : inner_(std::move(inner)), count_(count) {}
    base::Result<IssuedSession> issue(const Call& call) override {
        ++count_;
        return inner_->issue(call);
    }

private:
    const std::unique_ptr<SessionIssuer> inner_;
    std::atomic<int>& count_;
};

/// Against a real server (tests/servers/s3_identity.sh): sessions end while objects are stored by several threads, and
/// none of the requests fails.
TEST(SessionServer, ObjectsAreStoredForLongerThanASessionLives) {
    const auto endpoint = from_environment("N4B_S3_ENDPOINT");
    const auto seconds = std::atoi(from_environment("N4B_S3_SESSION_SECONDS").c_str());
    if (seconds == 0) GTEST_SKIP() << "no server";
    const TransportOptions transport{.ca_file = from_environment("N4B_S3_CA_FILE")};
    std::atomic<int> sessions = 0;
    const auto store =
        s3_store({.location = *s3::make_location({.endpoint = endpoint, .bucket = "backups", .prefix = "sessions"}),
                  .transport = *curl_transport(transport),
                  .credentials = session_credentials(
                      std::make_unique<CountedIssuer>(
                          web_identity({.service = endpoint,
                                        .role_arn = from_environment("N4B_S3_ROLE_ARN"),
                                        .token_file = from_environment("N4B_S3_TOKEN_FILE")},
                                       *curl_transport(transport), std::make_unique<base::RealClock>()),
                          sessions),
                      std::make_unique<base::RealClock>()),
                  .clock = std::make_unique<base::RealClock>(),
                  .random = [] { return 0.5; }});
    const std::vector<std::byte> block(std::size_t{256} * 1024, std::byte{7});
    const auto end = base::Deadline::after(std::chrono::seconds(seconds));
    std::atomic<int> stored = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                for (int n = 0; !end.passed(); ++n) {
                    const auto put = store->put("t" + std::to_string(i) + "/" + std::to_string(n), block, {});
                    ASSERT_TRUE(put) << put.error().message;
                    ++stored;
                    std::this_thread::sleep_for(std::chrono::milliseconds(100));
                }
            });
        }
    }
    EXPECT_GT(stored, 0);
    EXPECT_GE(sessions, 3) << "the test was too short to show anything";
    std::printf("%d objects, %d sessions\n", stored.load(), sessions.load());
}

}  // namespace
}  // namespace n4b::object_store
