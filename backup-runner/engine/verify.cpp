#include "backup-runner/engine/verify.hpp"

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/engine/chain.hpp"
#include "backup-runner/engine/reader_hold.hpp"
#include "backup-runner/engine/restored_content.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using object_store::Call;

/// Looks at what a restore would write.
class Examiner final : public blocks::ContentReceiver {
public:
    explicit Examiner(ProgressCounters* progress) : progress_(progress) {}

    Result<void> open(std::int64_t /*number*/, const std::optional<std::string>& path, std::int64_t bytes) override {
        if (!path) return content_.add_log(bytes);
        return content_.add_file(*path, bytes).map([](const std::string&) {});
    }
    Result<void> data(std::int64_t /*number*/, std::span<const std::byte> bytes) override {
        if (progress_ != nullptr) progress_->bytes += static_cast<std::int64_t>(bytes.size());
        return {};
    }
    Result<void> done(std::int64_t /*number*/) override {
        if (progress_ != nullptr) ++progress_->files;
        return {};
    }
    [[nodiscard]] const RestoredContent& content() const { return content_; }

private:
    RestoredContent content_{};
    ProgressCounters* const progress_;
};

/// The artifact goes on from one that is there, and is the one that it names. Whoever looks at all artifacts of a chain
/// has looked at each link.
Result<void> check_parent(object_store::ObjectStore& store, const format::Layout& layout, const Artifact& artifact,
                          const Call& call) {
    if (!artifact.head.parent) return {};
    return read_parent(store, layout, artifact, call).map([](const Artifact&) {});
}

Result<void> check_everything(object_store::ObjectStore& store, const Artifact& artifact, const Call& call,
                              ProgressCounters* progress) {
    N4B_TRY_VOID(check_listing(store, artifact, call));
    N4B_TRY(const auto layout, layout_of(artifact));
    N4B_TRY_VOID(check_parent(store, layout, artifact, call));
    blocks::ArtifactReader reader({.store = store, .prefix = layout.blocks(artifact.head.name), .head = artifact.head});
    Examiner examiner(progress);
    N4B_TRY_VOID(reader.read_all(examiner, call));
    return examiner.content().compare(artifact.head);
}

}  // namespace

Result<void> verify(object_store::ObjectStore& store, const Artifact& artifact, const Call& call,
                    ProgressCounters* progress) {
    return read_under_hold(
        store, artifact, [&] { return check_everything(store, artifact, call, progress); }, call);
}

}  // namespace n4b::engine
