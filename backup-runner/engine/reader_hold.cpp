#include "backup-runner/engine/reader_hold.hpp"

#include <fmt/format.h>

#include <stop_token>
#include <string>
#include <thread>

#include "backup-runner/engine/repository.hpp"
#include "backup-runner/format/repository.hpp"
#include "common/base/hex.hpp"
#include "common/base/notice.hpp"
#include "common/base/pause.hpp"

namespace n4b::engine {
namespace {

using base::Error;
using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;
using object_store::ObjectStore;

/// A hold is a courtesy to whoever deletes, and no reader waits longer for it.
constexpr std::chrono::seconds kPatience{30};

/// Holds a chain from its construction to its destruction. The thread that renews it is its own.
class Hold {
public:
    Hold(ObjectStore& store, const format::Layout& layout, std::string chain, const Call& call, const HoldTimes& times)
        : store_(store), layout_(layout), chain_(std::move(chain)), call_(call), times_(times) {
        if (place()) renewer_ = std::jthread([this](const std::stop_token& stop) { renew(stop); });
    }
    ~Hold() {
        renewer_ = {};
        remove(key_);
        if (placed_) {
            // The directory of the holds is a thing of volumes; a hold that somebody else places makes it anew.
            (void)store_.remove_empty(layout_.holds(chain_), layout_.chain(chain_), patient());
        }
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

private:
    /// False: there is none.
    bool place() {
        const auto placed = create();
        placed_ = placed_ || placed;
        if (!placed && !lets_nobody_write(placed.error()) && placed.error().code != ErrorCode::kCancelled) {
            base::warn(fmt::format("nothing keeps chain {} from being deleted while it is read: {}", chain_,
                                   placed.error().message));
        }
        return placed.has_value();
    }

    Result<void> create() {
        const Call call{.deadline = call_.deadline.sooner(base::Deadline::after(kPatience)), .stop = call_.stop};
        N4B_TRY(const auto now, store_.now(call));
        const format::ReaderHoldName name{.expires = std::chrono::ceil<std::chrono::seconds>(now + times_.counts),
                                          .random = base::random_digits()};
        auto key = layout_.hold(chain_, name);
        N4B_TRY_VOID(create_object(store_, key, format::print_hold({.expires = name.expires}), call));
        std::swap(key_, key);
        remove(key);
        return {};
    }

    /// The new hold is there before the old one goes.
    void renew(const std::stop_token& stop) {
        // Where a renewal fails, the hold that is there counts for long enough to try again.
        while (base::pause(times_.renewed, stop)) (void)place();
    }

    /// One that can't be removed expires.
    void remove(const std::string& key) {
        if (!key.empty()) (void)store_.remove(key, patient());
    }

    [[nodiscard]] static Call patient() { return {.deadline = base::Deadline::after(kPatience)}; }

    ObjectStore& store_;
    const format::Layout& layout_;
    const std::string chain_;
    const Call& call_;
    const HoldTimes times_;
    std::string key_{};  ///< Empty: there is none.
    bool placed_ = false;
    std::jthread renewer_{};
};

}  // namespace

bool lets_nobody_write(const Error& error) {
    return error.reason == Reason::kStorageReadOnly || error.reason == Reason::kStoragePermission ||
           error.reason == Reason::kStorageAccessDenied;
}

Result<void> read_under_hold(ObjectStore& store, const Artifact& artifact, const std::function<Result<void>()>& read,
                             const Call& call, const HoldTimes& times) {
    N4B_TRY(const auto layout, layout_of(artifact));
    const Hold hold(store, layout, artifact.head.name.chain, call, times);
    N4B_TRY_VOID(check_wanted(store, layout, artifact.head.name, call));
    return not_closed_meanwhile(store, artifact, read(), call);
}

}  // namespace n4b::engine
