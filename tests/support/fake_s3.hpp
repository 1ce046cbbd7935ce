#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"
#include "tests/support/scripted_http_server.hpp"

namespace n4b::testing {

/// How an S3 server differs from Amazon's. All may change while it is asked.
struct S3Habits {
    enum class Condition { kHeld, kIgnored, kRefused };
    Condition if_none_match = Condition::kHeld;
    bool knows_encoding_type = true;
    bool knows_ranges = true;
    bool versioned = false;
    bool knows_locks = false;  ///< Takes the headers of object lock.
    bool locks_all = false;    ///< Removes nothing.
    std::size_t page_keys = 1000;
    bool empty_page_first = false;                ///< The first page of a list is empty, and truncated.
    std::chrono::seconds clock_offset{};          ///< Of its clock from ours.
    std::string key_id = "AKIDEXAMPLE000000000";  ///< Any other is unknown.
};

/// The answers of an S3 server with one bucket, "bucket", addressed by path, which keeps its objects in memory. Checks
/// key id, time and payload hash, not the signature, for which there are vectors and real servers. Thread-safe.
class FakeS3 {
public:
    /// What is done in place of an answer; nothing: the answer.
    using Intervention = std::function<std::optional<HttpAnswer>(FakeS3&, const HttpCall&)>;

    HttpAnswer answer(const HttpCall& call);

    void set(const S3Habits& habits);
    /// The next requests meet these, one each, in order.
    void intervene(std::vector<Intervention> interventions);
    void hold(const std::string& key, const std::string& body);
    void clear();
    [[nodiscard]] std::optional<std::string> held(const std::string& key) const;
    [[nodiscard]] std::size_t count() const;
    /// The answer as it would be without intervention; for those that let the work be done first.
    HttpAnswer work(const HttpCall& call);

private:
    HttpAnswer put(const std::string& key, const HttpCall& call);
    HttpAnswer get(const std::string& key, const HttpCall& call) const;
    HttpAnswer list(const std::map<std::string, std::string>& query) const;

    mutable std::mutex mutex_{};
    S3Habits habits_{};
    std::deque<Intervention> interventions_{};
    std::map<std::string, std::string> objects_{};
};

/// An error as S3 writes it.
HttpAnswer s3_error(int status, const std::string& code, const std::string& more = {});

}  // namespace n4b::testing
