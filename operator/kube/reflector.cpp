#include "operator/kube/reflector.hpp"

#include <fmt/format.h>

#include <random>
#include <utility>

#include "common/base/backoff.hpp"
#include "common/base/clock.hpp"
#include "common/base/pause.hpp"
#include "operator/telemetry/log.hpp"

namespace n4b::kube {
namespace {

using base::ErrorCode;

// client-go: 0.8 s, doubled, jitter 1, at most 30 s.
constexpr base::Backoff kBackoff{
    .base = std::chrono::milliseconds(800), .cap = std::chrono::seconds(30), .jitter = 1.0};

ErrorCode code_of_watch_error(const WatchEvent& event) {
    if (event.error_code == 410) return ErrorCode::kDataLoss;
    // "Too large resource version": the server's history is behind ours, so ours can't be watched from.
    if (event.error_code == 504) return ErrorCode::kDataLoss;
    return event.error_code == 429 ? ErrorCode::kThrottled : ErrorCode::kUnavailable;
}

}  // namespace

/// What the loop carries from step to step.
struct Reflector::Progress {
    std::stop_token stop{};
    WatchState state = Listing{};
    std::set<std::string> listed{};
    bool paged_only = false;  ///< The server refused to stream a list, which it will do until it is another one.
    std::uint32_t failures = 0;
    std::string error{};  ///< Of the last step that failed.
    std::optional<std::chrono::milliseconds> retry_after{};
    std::mt19937_64 random{std::random_device{}()};
};

Reflector::Reflector(http::Transport& transport, Resource resource, ObjectSink sink)
    : transport_(transport), resource_(std::move(resource)), sink_(std::move(sink)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Reflector::~Reflector() {
    thread_.request_stop();
    thread_.join();
}

base::Result<ListResult> Reflector::read_list(Client& client, Progress& progress, const Listing& listing) {
    const auto item = [&](const SeenObject& object) {
        heard();
        if (auto key = take(object); !key.empty()) progress.listed.insert(std::move(key));
    };
    CollectionQuery collection{.path = resource_.path, .query = resource_.query, .limits = resource_.limits};
    if (listing.way == ListWay::kStreamed) return client.stream_list(collection, item);
    collection.query = fmt::format("limit={}", listing.limit);
    if (!resource_.query.empty()) collection.query += "&" + resource_.query;
    if (!listing.continue_token.empty()) collection.query += "&continue=" + listing.continue_token;
    return client.list(collection, item);
}

WatchStep Reflector::list(Client& client, Progress& progress, const Listing& listing) {
    if (listing.continue_token.empty()) progress.listed.clear();
    const auto page = read_list(client, progress, listing);
    if (!page && listing.way == ListWay::kStreamed && page.error().code == ErrorCode::kInvalid) {
        telemetry::debug("the API server streams no lists, so they are asked for in pages",
                         {{"kind", resource_.kind}, {"error", page.error().message}});
        progress.paged_only = true;
        return on_list_failure(listing, page.error().code);
    }
    if (!page) {
        ++list_failures_;
        note_answer(page.error());
        note_list_error(page.error().code);
        progress.retry_after = page.error().retry_after;
        progress.error = page.error().message;
        return on_list_failure(listing, page.error().code);
    }
    heard();
    note_list_error(std::nullopt);
    if (page->continue_token.empty()) {
        sink_.retain(std::exchange(progress.listed, {}));
        ready_ = true;
    }
    return on_page(listing, page->continue_token, page->resource_version);
}

WatchStep Reflector::watch(Client& client, Progress& progress, const Watching& watching) {
    // Spread over 300 to 600 s, as client-go does, so that watches don't end all at once.
    const auto seconds = std::uniform_int_distribution<int>(300, 590)(progress.random);
    std::string query = fmt::format("allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}", seconds,
                                    watching.resource_version);
    if (!resource_.query.empty()) query += "&" + resource_.query;
    Watching at = watching;
    WatchEnd end;
    progress.error = "it ended at once";
    const auto start = std::chrono::steady_clock::now();
    const auto done = client.watch(
        {.path = resource_.path, .query = query, .limits = resource_.limits},
        [&](const WatchEvent& event, const SeenObject* object) {
            heard();
            if (event.type == WatchEvent::Type::kError) {
                end.clean = false;
                end.code = code_of_watch_error(event);
                progress.error = fmt::format("the stream said {}: {}", event.error_code, event.error_message);
                return false;
            }
            end.brought_events = true;
            if (object != nullptr && event.type == WatchEvent::Type::kApplied) take(*object);
            if (object != nullptr && event.type == WatchEvent::Type::kDeleted) sink_.remove(object->meta);
            if (!event.resource_version.empty()) at.resource_version = event.resource_version;
            return true;
        },
        progress.stop);
    end.lasted = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    if (!done) {
        note_answer(done.error());
        end.clean = false;
        end.code = done.error().code;
        progress.retry_after = done.error().retry_after;
        progress.error = done.error().message;
    }
    if (!end.clean) ++watch_failures_;
    return on_watch_end(at, end);
}

std::string Reflector::take(const SeenObject& object) {
    base::Result<void> done = base::fail(ErrorCode::kInvalid, base::Reason::kObjectTooLarge, object.problem);
    if (object.json != nullptr) {
        done = object.meta.name.empty() ? base::fail(ErrorCode::kInvalid, "metadata.name: missing")
                                        : sink_.apply(object.meta, *object.json);
    }
    if (!done) {
        ++unreadable_;
        auto error = done.error();
        if (!error.reason) error.reason = base::Reason::kObjectUnreadable;
        sink_.unreadable(object.meta, error);
    }
    return object.meta.name.empty() ? std::string() : object.meta.key();
}

void Reflector::heard() {
    heard_ = moved_ = std::chrono::steady_clock::now();
}

void Reflector::note_answer(const base::Error& error) {
    // Of these the API server knows nothing; all others are an answer.
    const bool none = error.code == ErrorCode::kDeadline || error.code == ErrorCode::kUnavailable ||
                      error.code == ErrorCode::kCancelled || error.code == ErrorCode::kInternal;
    if (!none) heard();
}

void Reflector::note_list_error(std::optional<base::ErrorCode> code) {
    const std::lock_guard lock(list_error_mutex_);
    list_error_ = code;
}

std::optional<base::ErrorCode> Reflector::list_error() const {
    const std::lock_guard lock(list_error_mutex_);
    return list_error_;
}

std::chrono::steady_clock::duration Reflector::silent_for() const {
    return std::chrono::steady_clock::now() - heard_.load();
}

std::chrono::steady_clock::duration Reflector::stuck_for() const {
    return std::chrono::steady_clock::now() - moved_.load();
}

ReflectorCounts Reflector::counts() const {
    return {.list_failures = list_failures_, .watch_failures = watch_failures_, .unreadable = unreadable_};
}

WatchStep Reflector::step(Client& client, Progress& progress) {
    const auto* listing = std::get_if<Listing>(&progress.state);
    try {
        return listing != nullptr ? list(client, progress, *listing)
                                  : watch(client, progress, std::get<Watching>(progress.state));
    } catch (const std::exception& error) {
        // One answer that nobody thought of must not end the process.
        telemetry::error("an answer can't be handled, asking again",
                         {{"path", resource_.path}, {"error", error.what()}});
        progress.error = error.what();
        if (listing != nullptr) return on_list_failure(*listing, ErrorCode::kInternal);
        return on_watch_end(std::get<Watching>(progress.state), {.clean = false, .code = ErrorCode::kInternal});
    }
}

void Reflector::tell_failure(const Progress& progress, bool listing) const {
    if (progress.stop.stop_requested()) return;
    const std::string message = fmt::format("{} failed, trying again", listing ? "list" : "watch");
    const telemetry::Fields fields{{"kind", resource_.kind},
                                   {"namespace", resource_.scope},
                                   {"failuresInARow", std::to_string(progress.failures)},
                                   {"error", progress.error}};
    // Watches are cut all the time; a list that fails leaves the operator with what it saw last, or nothing.
    if (worth_a_warning(progress.failures) || (listing && progress.failures == 1)) {
        telemetry::warn(message, fields);
    } else {
        telemetry::debug(message, fields);
    }
}

void Reflector::run(const std::stop_token& stop) {
    Client client(transport_, stop);
    Progress progress{.stop = stop};
    while (!stop.stop_requested()) {
        const bool listing = std::holds_alternative<Listing>(progress.state);
        WatchStep next = step(client, progress);
        auto* const list_next = std::get_if<Listing>(&next.next);
        if (list_next != nullptr && progress.paged_only) list_next->way = ListWay::kPaged;
        moved_ = std::chrono::steady_clock::now();
        progress.state = next.next;
        progress.failures = failures_after(progress.failures, next);
        if (!next.backoff) continue;
        tell_failure(progress, listing);
        const double random = std::uniform_real_distribution<double>(0, 1)(progress.random);
        base::pause(std::max(kBackoff.wait(progress.failures, random),
                             progress.retry_after.value_or(std::chrono::milliseconds(0))),
                    stop);
        progress.retry_after.reset();
    }
}

}  // namespace n4b::kube
