#include "backup-runner/engine/storage_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "backup-runner/engine/repository.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using contract::ExclusiveCreate;
using contract::StorageReport;
using object_store::Call;
using object_store::Creation;
using object_store::ObjectStore;
using object_store::Removal;

constexpr std::size_t kObjectBytes = 4096;
constexpr std::int64_t kPartOffset = 1000;
constexpr std::size_t kPartBytes = 100;
/// How long the removal may take after the call has failed.
constexpr std::chrono::seconds kCleanUpTime{10};

std::vector<std::byte> content_of(const std::string& name, std::string_view which) {
    std::string text;
    while (text.size() < kObjectBytes) text += fmt::format("{} {} of {}\n", text.size(), which, name);
    text.resize(kObjectBytes);
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

/// Whether a write that ended so may have left its object.
bool may_be_stored(const base::Error& error) {
    return error.code == ErrorCode::kDeadline || error.code == ErrorCode::kCancelled ||
           error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kThrottled;
}

/// The check itself; one use.
class Check {
public:
    Check(const CheckedStorage& storage, const std::string& name, const base::Clock& clock, const Call& call)
        : store_(storage.plain),
          as_backups_(storage.backups),
          name_(name),
          first_(content_of(name, "first")),
          second_(content_of(name, "second")),
          clock_(clock),
          call_(call) {}

    Result<StorageReport> run() {
        const auto done = steps();
        if (done) return report_;
        // The caller's deadline or stop may be what ended the check.
        if (stored_) (void)store_.remove(name_, {.deadline = base::Deadline::after(kCleanUpTime)});
        return base::fail(done.error());
    }

private:
    Result<void> steps() {
        N4B_TRY_VOID(write());
        N4B_TRY_VOID(read());
        N4B_TRY_VOID(find_in_list());
        N4B_TRY_VOID(create_again());
        N4B_TRY_VOID(compare_clocks());
        N4B_TRY_VOID(ask_for_room());
        return remove();
    }

    Result<void> write() {
        const auto created = store_.create(name_, first_, call_);
        if (created && *created == Creation::kTaken) {
            return base::fail(ErrorCode::kAlreadyExists, Reason::kArtifactConflict, name_ + ": the name is taken");
        }
        stored_ = created || may_be_stored(created.error());
        if (created) return {};
        if (created.error().reason != Reason::kStorageOperationUnsupported) return base::fail(created.error());
        report_.exclusive_create = ExclusiveCreate::kRefused;
        const auto put = store_.put(name_, first_, call_);
        stored_ = put || may_be_stored(put.error());
        return put;
    }

    Result<void> read() {
        // A byte more than was written shows an object that has grown.
        std::vector<std::byte> whole(kObjectBytes + 1);
        N4B_TRY(const auto n, store_.get(name_, 0, whole, call_));
        N4B_TRY_VOID(compare(std::span(whole).first(n), first_));
        std::array<std::byte, kPartBytes> part{};
        N4B_TRY(const auto m, store_.get(name_, kPartOffset, part, call_));
        N4B_TRY_VOID(compare(std::span(part).first(m), std::span(first_).subspan(kPartOffset, kPartBytes)));
        N4B_TRY(const auto info, store_.stat(name_, call_));
        if (info.bytes == static_cast<std::int64_t>(kObjectBytes)) return {};
        return damaged(fmt::format("found a size of {} bytes, expected {}", info.bytes, kObjectBytes));
    }

    Result<void> compare(std::span<const std::byte> found, std::span<const std::byte> expected) const {
        if (std::equal(found.begin(), found.end(), expected.begin(), expected.end())) return {};
        return damaged(
            fmt::format("{} bytes came back other than the {} that were written", found.size(), expected.size()));
    }

    tl::unexpected<base::Error> damaged(const std::string& what) const {
        return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged, name_ + ": " + what);
    }

    Result<void> find_in_list() {
        bool found = false;
        N4B_TRY_VOID(store_.list(
            name_, "",
            [&](auto page) {
                found = page.front().key == name_ && page.front().bytes == static_cast<std::int64_t>(kObjectBytes);
                return false;
            },
            call_));
        if (found) return {};
        return base::fail(ErrorCode::kUnavailable, Reason::kStorageReplyInvalid,
                          name_ + ": a listing lacks the object that was just written, or has another size");
    }

    Result<void> create_again() {
        if (report_.exclusive_create == ExclusiveCreate::kRefused) return {};
        N4B_TRY(const auto again, store_.create(name_, second_, call_));
        if (again == Creation::kCreated) {
            report_.exclusive_create = ExclusiveCreate::kIgnored;
            return {};
        }
        // Whether the storage takes a lock is told without an object that stays, since the name is taken. A storage
        // that replaced the object would keep a locked one of every check.
        if (&as_backups_ == &store_) return {};
        N4B_TRY_VOID(as_backups_.create(name_, second_, call_));
        return {};
    }

    Result<void> compare_clocks() {
        const auto before = clock_.system_now();
        N4B_TRY(const auto theirs, store_.now(call_));
        const auto ours = before + (clock_.system_now() - before) / 2;
        report_.clock_offset = theirs - ours;
        return {};
    }

    Result<void> ask_for_room() {
        N4B_TRY(const auto space, store_.space(call_));
        if (!space) return {};
        report_.free_bytes = space->available;
        report_.total_bytes = space->total;
        return {};
    }

    Result<void> remove() {
        N4B_TRY(const auto removal, store_.remove(name_, call_));
        stored_ = false;
        report_.locks_by_itself = removal == Removal::kHeld;
        if (report_.locks_by_itself) return {};
        report_.keeps_versions = removal == Removal::kHidden;
        std::array<std::byte, 1> byte{};
        const auto gone = store_.get(name_, 0, byte, call_);
        if (!gone && gone.error().code == ErrorCode::kNotFound) return {};
        if (!gone) return base::fail(gone.error());
        return base::fail(ErrorCode::kUnavailable, Reason::kStorageReplyInvalid,
                          name_ + ": the object can still be read after it was deleted");
    }

    ObjectStore& store_;
    ObjectStore& as_backups_;
    const std::string& name_;
    const std::vector<std::byte> first_;
    const std::vector<std::byte> second_;
    const base::Clock& clock_;
    const Call& call_;
    StorageReport report_{};
    bool stored_ = false;  ///< Something may lie under the name, and is ours.
};

/// Whether a storage that failed the check so may still be read. One that doesn't answer isn't asked again.
bool may_be_read(const base::Error& error) {
    return error.reason == Reason::kStorageFull || error.reason == Reason::kStorageReadOnly ||
           error.reason == Reason::kStoragePermission || error.reason == Reason::kStorageAccessDenied;
}

bool is_missing(const base::Error& error) {
    return error.reason == Reason::kStorageNotInitialized;
}

}  // namespace

Result<StorageReport> check_storage(const CheckedStorage& storage, const std::string& name, const base::Clock& clock,
                                    const Call& call) {
    return Check(storage, name, clock, call).run();
}

StorageLook look_at_storage(const CheckedStorage& storage, const std::string& name, const format::RepositoryWish& wish,
                            const base::Clock& clock, const Call& call) {
    using Use = format::RepositoryUse;
    StorageLook look;
    auto use = wish.use;
    if (const auto found = check_storage(storage, name, clock, call)) {
        look.abilities = *found;
    } else {
        look.error = found.error();
        if (!may_be_read(found.error())) return look;
        use = Use::kRead;
    }
    const auto repository =
        open_repository(storage.backups, {.use = use, .expected_id = wish.expected_id, .new_id = wish.new_id}, call);
    if (repository) {
        look.repository = repository->id;
        return look;
    }
    const auto& error = repository.error();
    const bool another = error.reason == Reason::kStorageReplaced || (is_missing(error) && !wish.expected_id.empty());
    const bool none_is_fine = is_missing(error) && wish.use == Use::kRead && wish.expected_id.empty();
    if (another || (look.abilities && !none_is_fine)) look.error = error;
    return look;
}

}  // namespace n4b::engine
