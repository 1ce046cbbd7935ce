#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "backup-runner/object_store/s3_store.hpp"
#include "backup-runner/s3/failure.hpp"

namespace n4b::object_store {

/// A call of the storage, before it is signed and sent.
struct S3Call {
    const s3::Operation& operation;
    std::span<const std::byte> body{};
    std::string_view body_sha256{};  ///< Its hexadecimal digits; empty: nobody has hashed the body yet.
    std::span<std::byte> into{};
    std::size_t max_reply = s3::kMaxErrorBytes;
};

/// How a call ended that got an answer.
struct S3Answer {
    Received received{};
    std::optional<s3::FailureKind> refusal{};  ///< Taken, NotFound, Held or BeyondEnd; nothing: success.
    bool maybe_done_before = false;            ///< An earlier try of this call may have done it without an answer.
};

/// Signs, sends and repeats. Thread-safe.
class S3Caller {
public:
    explicit S3Caller(S3Parts parts) : parts_(std::move(parts)) {}

    /// An answer, or what the storage or the way to it says against it.
    base::Result<S3Answer> perform(const S3Call& s3_call, const Call& call);

    /// The storage's time, as an answer of the last minute told it and our steady clock has counted on; nothing: there
    /// was none. It is never later than the true time, so an intent or a head may bear a time that is too early, and
    /// none that is too late.
    [[nodiscard]] std::optional<base::SystemTime> known_time() const;

    [[nodiscard]] const s3::Location& location() const { return parts_.location; }

private:
    struct Progress;
    struct Outcome;
    base::Result<Outcome> try_once(const S3Call& s3_call, const s3::Payload& payload, Progress& progress,
                                   const Call& call);
    std::optional<std::chrono::milliseconds> next_wait(s3::Failure& failure, Progress& progress, const Call& call);

    const S3Parts parts_;
    /// Added to our clock when signing, once the storage has refused our own time.
    std::atomic<std::chrono::milliseconds> clock_offset_{};

    struct ToldTime {
        base::SystemTime time{};
        base::SteadyTime at{};  ///< When the answer had come.
    };
    mutable std::mutex mutex_{};  ///< Guards the next one.
    std::optional<ToldTime> told_{};
};

}  // namespace n4b::object_store
