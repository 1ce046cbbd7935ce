#include "backup-runner/engine/verify.hpp"

#include <fmt/format.h>

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/engine/restored_names.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using object_store::Call;

/// Counts what a restore would write.
class Counter final : public blocks::ContentReceiver {
public:
    Result<void> open(std::int64_t /*number*/, const std::optional<std::string>& path, std::int64_t bytes) override {
        if (path) N4B_TRY_VOID(names_.add(*path));
        if (path) ++files_;
        if (!path) ++logs_;
        bytes_ += bytes;
        return {};
    }
    Result<void> data(std::int64_t /*number*/, std::span<const std::byte> /*bytes*/) override { return {}; }
    Result<void> done(std::int64_t /*number*/) override { return {}; }

    [[nodiscard]] Result<void> compare(const Artifact& artifact) const {
        const auto& counts = artifact.head.counts;
        if (files_ == counts.files && bytes_ == counts.plain_bytes && logs_ <= 1 && names_.has_neostore()) return {};
        return base::fail(
            ErrorCode::kDataLoss, Reason::kArtifactDamaged,
            fmt::format("{}: the index has {} files, {} logs and {} bytes, neostore {}; the head promises "
                        "{} files and {} bytes",
                        artifact.key, files_, logs_, bytes_, names_.has_neostore() ? "included" : "missing",
                        counts.files, counts.plain_bytes));
    }

private:
    RestoredNames names_{};
    std::int64_t files_ = 0;
    std::int64_t logs_ = 0;
    std::int64_t bytes_ = 0;
};

Result<void> check_everything(object_store::ObjectStore& store, const Artifact& artifact, const Call& call) {
    N4B_TRY_VOID(check_listing(store, artifact, call));
    N4B_TRY(const auto layout, layout_of(artifact));
    blocks::ArtifactReader reader({.store = store, .prefix = layout.blocks(artifact.head.name), .head = artifact.head});
    Counter counter;
    N4B_TRY_VOID(reader.read_all(counter, call));
    return counter.compare(artifact);
}

}  // namespace

Result<void> verify(object_store::ObjectStore& store, const Artifact& artifact, const Call& call) {
    return not_closed_meanwhile(store, artifact, check_everything(store, artifact, call), call);
}

}  // namespace n4b::engine
