#include "backup-runner/app/repository_view.hpp"

#include <fmt/format.h>

#include "backup-runner/app/outcome.hpp"
#include "backup-runner/engine/repository.hpp"
#include "common/base/notice.hpp"

namespace n4b::runner {

std::string_view state_of(const base::Error& error) {
    if (error.reason == base::Reason::kArtifactDamaged) return "DAMAGED";
    return error.reason == base::Reason::kArtifactNotSupported ? "NOT SUPPORTED" : "UNREADABLE";
}

void Tally::bad(const base::Error& error) {
    ++count_;
    ++bad_;
    const bool worse =
        worst_ && worst_->reason != base::Reason::kArtifactDamaged && error.reason == base::Reason::kArtifactDamaged;
    if (!worst_ || worse) worst_ = error;
}

base::Result<int> Tally::outcome() const {
    if (!worst_) return 0;
    return base::fail(worst_->wrap(fmt::format("{} of {} artifacts can't be used; one of them", bad_, count_)));
}

base::Result<std::unique_ptr<object_store::ObjectStore>> open_repository(const StoreChoice& choice,
                                                                         const object_store::Call& call) {
    N4B_TRY(auto store, open_store(choice, kFewTries));
    const auto good = engine::open_repository(*store, {.use = format::RepositoryUse::kRead}, call);
    if (good) return store;
    if (reason_of(good.error()) != base::Reason::kArtifactDamaged)
        return base::fail(good.error().wrap(describe(choice)));
    base::warn(fmt::format("{}: {}; backups are read all the same", describe(choice), good.error().message));
    return store;
}

}  // namespace n4b::runner
