#include "backup-runner/engine/artifact_removal.hpp"
#include "common/base/saturating.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace n4b::engine {
namespace {

using base::Result;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

/// Each removal waits for a round trip, or on a volume for a sync.
constexpr std::size_t kThreads = 4;
/// Fewer are gone before threads have started.
constexpr std::size_t kFewObjects = 16;

/// Removes objects until one can't be removed; one use.
class Remover {
public:
    Remover(ObjectStore& store, const Call& call) : store_(store), call_(call) {}

    /// All below a prefix, in no order.
    void remove_below(const std::string& prefix) {
        const auto listed = store_.list(
            prefix, "", [&](std::span<const ObjectInfo> page) { return remove_page(page); }, call_);
        if (!listed) note(listed.error());
    }

    /// All below a prefix but two keys, in their order.
    void remove_but(const std::string& one, const std::string& other, const std::string& prefix) {
        const auto listed = store_.list(
            prefix, "",
            [&](std::span<const ObjectInfo> page) {
                for (const auto& object : page) {
                    if (works() && object.key != one && object.key != other) remove(object);
                }
                return works();
            },
            call_);
        if (!listed) note(listed.error());
    }

    void remove_unfinished(const std::string& directory) {
        const auto bytes = store_.remove_unfinished(directory, call_);
        if (!bytes) return note(bytes.error());
        const std::lock_guard lock(mutex_);
        removed_.bytes += *bytes;
    }

    void remove_empty(const std::string& directory, const std::string& kept) {
        if (const auto removed = store_.remove_empty(directory, kept, call_); !removed) note(removed.error());
    }

    [[nodiscard]] bool works() const { return !failed_; }

    /// When nobody removes any more.
    [[nodiscard]] Removed result() const { return removed_; }

private:
    void remove(const ObjectInfo& object) {
        const auto removal = store_.remove(object.key, call_);
        if (!removal) return note(removal.error());
        if (*removal == object_store::Removal::kHeld) {
            return note({.code = base::ErrorCode::kPermissionDenied,
                         .message = object.key + ": the storage keeps it locked",
                         .reason = base::Reason::kStorageAccessDenied},
                        true);
        }
        const std::lock_guard lock(mutex_);
        ++removed_.objects;
        removed_.bytes = base::saturating_sum(removed_.bytes, object.bytes);
        if (*removal == object_store::Removal::kHidden) removed_.hidden = true;
    }

    bool remove_page(std::span<const ObjectInfo> page) {
        if (removed_.objects == 0) {
            remove(page.front());
            if (!works()) return false;
            page = page.subspan(1);
        }
        std::atomic<std::size_t> next = 0;
        const auto work = [&] {
            for (auto at = next++; at < page.size() && works(); at = next++) remove(page[at]);
        };
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < kThreads && page.size() > kFewObjects; ++i) threads.emplace_back(work);
        work();
        threads.clear();
        return works();
    }

    void note(const base::Error& error, bool locked = false) {
        const std::lock_guard lock(mutex_);
        if (!removed_.error) {
            removed_.error = error;
            removed_.locked = locked;
        }
        failed_ = true;
    }

    ObjectStore& store_;
    const Call& call_;
    std::atomic<bool> failed_ = false;
    std::mutex mutex_{};  ///< Guards the next one while threads remove.
    Removed removed_{};
};

void remove_blocks(Remover& remover, const format::Layout& layout, const format::ArtifactName& name) {
    remover.remove_below(layout.blocks(name));
    if (remover.works()) remover.remove_unfinished(layout.blocks(name));
}

}  // namespace

Removed remove_blocks(ObjectStore& store, const format::Layout& layout, const format::ArtifactName& name,
                      const Call& call) {
    Remover remover(store, call);
    remove_blocks(remover, layout, name);
    return remover.result();
}

Removed remove_artifact(ObjectStore& store, const format::Layout& layout, const format::ArtifactName& name,
                        const Call& call) {
    Remover remover(store, call);
    remove_blocks(remover, layout, name);
    if (!remover.works()) return remover.result();
    remover.remove_but(layout.abandoned(name), layout.mark(name), layout.artifact(name));
    if (remover.works()) remover.remove_below(layout.mark(name));
    if (remover.works()) remover.remove_below(layout.abandoned(name));
    if (remover.works()) remover.remove_unfinished(layout.artifact(name));
    if (remover.works()) remover.remove_empty(layout.chain(name.chain), layout.chains());
    return remover.result();
}

}  // namespace n4b::engine
