#include "backup-runner/object_store/session_credentials.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include "backup-runner/s3/session.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Result;
using s3::Freshness;
using std::chrono::milliseconds;

/// How long an issuer may take, so that a request whose session is still good does not wait for a silent one.
constexpr milliseconds kLongestExchange{30'000};
/// How long an issuer that failed is left alone while the session it should replace is still good.
constexpr milliseconds kPause{5'000};
/// A wait looks at its deadline at least so often; what it waits for wakes it at once.
constexpr milliseconds kLongestWait{1'000};

class SessionCredentials final : public CredentialSource {
public:
    SessionCredentials(std::unique_ptr<SessionIssuer> issuer, std::unique_ptr<base::Clock> clock)
        : issuer_(std::move(issuer)), clock_(std::move(clock)) {}

    Result<s3::Credentials> current(const Call& call) override {
        std::unique_lock lock(mutex_);
        for (;;) {
            const auto freshness = freshness_now();
            if (freshness == Freshness::kFresh) return session_->credentials;
            const bool due = freshness == Freshness::kOver || clock_->steady_now() >= next_try_;
            if (due && !asking_) return renew(lock, call);
            if (freshness == Freshness::kDue) return session_->credentials;
            const auto failures = failures_;
            N4B_TRY_VOID(wait(lock, call));
            if (failures_ != failures && last_failure_) return base::fail(*last_failure_);
        }
    }

    Result<s3::Credentials> after_refusal_of(const s3::Credentials& refused, const Call& call) override {
        {
            const std::lock_guard lock(mutex_);
            if (session_ && session_->credentials == refused) session_.reset();
        }
        return current(call);
    }

private:
    [[nodiscard]] Freshness freshness_now() const {
        if (!session_) return Freshness::kOver;
        if (!session_->lifetime) return Freshness::kFresh;
        const auto age = std::chrono::duration_cast<milliseconds>(clock_->steady_now() - since_);
        return s3::freshness_of(*session_->lifetime - age, *session_->lifetime);
    }

    /// Asks for a session, without the lock.
    Result<s3::Credentials> renew(std::unique_lock<std::mutex>& lock, const Call& call) {
        asking_ = true;
        lock.unlock();
        // The session lives from when it was issued, which is later than this.
        const auto asked = clock_->steady_now();
        const auto own = base::Deadline::after(kLongestExchange);
        auto issued = issuer_->issue({.deadline = call.deadline.sooner(own), .stop = call.stop});
        lock.lock();
        asking_ = false;
        changed_.notify_all();
        if (issued) {
            session_ = std::move(*issued);
            since_ = asked;
            return session_->credentials;
        }
        return failed(std::move(issued.error()), call);
    }

    Result<s3::Credentials> failed(base::Error error, const Call& call) {
        const bool callers_end = call.stop.stop_requested() || call.deadline.passed();
        if (!callers_end) {
            if (error.code == ErrorCode::kDeadline) error.code = ErrorCode::kUnavailable;
            next_try_ = clock_->steady_now() + kPause;
            // Whoever waits for the same answer would get the same one. The end of one call is none to others.
            last_failure_ = error;
            ++failures_;
            if (freshness_now() == Freshness::kDue) return session_->credentials;
        }
        return base::fail(std::move(error));
    }

    /// Until somebody else's exchange has ended.
    Result<void> wait(std::unique_lock<std::mutex>& lock, const Call& call) {
        while (asking_) {
            N4B_TRY_VOID(check_call(call, "credentials for the object storage"));
            changed_.wait_for(lock, call.stop, std::min(call.deadline.left(), kLongestWait), [&] { return !asking_; });
        }
        return {};
    }

    const std::unique_ptr<SessionIssuer> issuer_;
    const std::unique_ptr<base::Clock> clock_;
    std::mutex mutex_{};
    std::condition_variable_any changed_{};
    // Guarded by the mutex:
    std::optional<IssuedSession> session_{};
    base::SteadyTime since_{};
    base::SteadyTime next_try_{};
    std::optional<base::Error> last_failure_{};
    std::uint64_t failures_ = 0;
    bool asking_ = false;
};

}  // namespace

std::unique_ptr<CredentialSource> session_credentials(std::unique_ptr<SessionIssuer> issuer,
                                                      std::unique_ptr<base::Clock> clock) {
    return std::make_unique<SessionCredentials>(std::move(issuer), std::move(clock));
}

}  // namespace n4b::object_store
