#include "backup-runner/engine/verify.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <utility>

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/engine/log_examiner.hpp"
#include "backup-runner/engine/reader_hold.hpp"
#include "backup-runner/engine/restored_content.hpp"
#include "backup-runner/engine/store_examiner.hpp"
#include "backup-runner/engine/store_list.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using contract::VerifyLevel;
using object_store::Call;
using object_store::ObjectStore;

/// What looks closer at files and log than a restore does.
struct Examiners {
    LogExaminer& log;
    StoreExaminer& stores;
};

/// Looks at what a restore would write.
class Examiner final : public blocks::ContentReceiver {
public:
    /// `closer`: null: that they can be written is enough.
    Examiner(ProgressCounters* progress, Examiners* closer) : progress_(progress), closer_(closer) {}

    Result<void> open(std::int64_t number, const std::optional<std::string>& path, std::int64_t bytes) override {
        if (!path) {
            log_ = number;
            return content_.add_log(bytes);
        }
        N4B_TRY(const auto name, content_.add_file(*path, bytes));
        if (name == kNeostore) neostore_ = number;
        return closer_ == nullptr ? Result<void>{} : closer_->stores.file(name, bytes);
    }
    Result<void> data(std::int64_t number, std::span<const std::byte> bytes) override {
        if (progress_ != nullptr) progress_->bytes += static_cast<std::int64_t>(bytes.size());
        if (closer_ == nullptr) return {};
        if (number == neostore_) closer_->stores.neostore(bytes);
        return number == log_ ? closer_->log.data(bytes) : Result<void>{};
    }
    Result<void> done(std::int64_t /*number*/) override {
        if (progress_ != nullptr) ++progress_->files;
        return {};
    }
    [[nodiscard]] const RestoredContent& content() const { return content_; }

private:
    RestoredContent content_{};
    ProgressCounters* const progress_;
    Examiners* const closer_;
    std::optional<std::int64_t> log_{};       ///< The try that is the log.
    std::optional<std::int64_t> neostore_{};  ///< The same, of that file.
};

/// The artifact goes on from one that is there, and is the one that it names. Whoever looks at all artifacts of a chain
/// has looked at each link.
Result<void> check_parent(ObjectStore& store, const format::Layout& layout, const Artifact& artifact,
                          const Call& call) {
    if (!artifact.head.parent) return {};
    return read_parent(store, layout, artifact, call).map([](const Artifact&) {});
}

Result<void> read_all(const blocks::StoredArtifact& stored, ProgressCounters* progress, Examiners* closer,
                      const Call& call) {
    blocks::ArtifactReader reader(stored);
    Examiner examiner(progress, closer);
    N4B_TRY_VOID(reader.read_all(examiner, call));
    return examiner.content().compare(stored.head);
}

Result<void> check_everything(ObjectStore& store, const Artifact& artifact, const Call& call,
                              ProgressCounters* progress) {
    N4B_TRY_VOID(check_listing(store, artifact, call));
    N4B_TRY(const auto layout, layout_of(artifact));
    N4B_TRY_VOID(check_parent(store, layout, artifact, call));
    return read_all({.store = store, .prefix = layout.blocks(artifact.head.name), .head = artifact.head}, progress,
                    nullptr, call);
}

/// By the storage's clock. One that lets nobody write may tell no time either, and keeps no fact that has it: there our
/// own will do.
Result<base::SystemTime> time_of(ObjectStore& store, const Call& call) {
    auto now = store.now(call);
    if (now || !lets_nobody_write(now.error())) return now;
    return base::RealClock().system_now();
}

std::string name_of(const Artifact& artifact) {
    return format::to_string(format::name_of(artifact.head));
}

}  // namespace

Result<void> verify(ObjectStore& store, const Artifact& artifact, const Call& call, ProgressCounters* progress) {
    return read_under_hold(
        store, artifact, [&] { return check_everything(store, artifact, call, progress); }, call);
}

Result<Verified> Verifier::verify(const Artifact& artifact, const Call& call) {
    // What was right when it was read may be wrong when all has been read.
    N4B_TRY(const auto begun, time_of(store_, call));
    Verified verified{.proof = {.level = level_, .at = begun}};
    switch (level_) {
        case VerifyLevel::kWritten:
            N4B_TRY_VOID(not_closed_meanwhile(store_, artifact, check_written(artifact, call), call));
            return verified;
        case VerifyLevel::kChecksum:
            N4B_TRY_VOID(engine::verify(store_, artifact, call, progress_));
            return verified;
        case VerifyLevel::kChain:
            break;
    }
    N4B_TRY(const auto link, examine(artifact, call));
    if (link.unknown_commands.empty()) return verified;
    verified.proof.level = VerifyLevel::kChecksum;
    verified.note = fmt::format("its transactions hold commands of types that this runner does not know: {}",
                                fmt::join(link.unknown_commands, ", "));
    return verified;
}

Result<void> Verifier::check_written(const Artifact& artifact, const Call& call) {
    N4B_TRY(const auto layout, layout_of(artifact));
    N4B_TRY_VOID(check_wanted(store_, layout, artifact.head.name, call));
    N4B_TRY_VOID(check_listing(store_, artifact, call));
    return check_parent(store_, layout, artifact, call);
}

/// Examines an artifact, and remembers what was found for those that go on from it.
Result<Verifier::Link> Verifier::examine(const Artifact& artifact, const Call& call) {
    N4B_TRY(const auto layout, layout_of(artifact));
    if (const auto chain = layout.chain(artifact.head.name.chain); chain != chain_) {
        found_.clear();
        chain_ = chain;
    }
    Result<Link> link = base::fail(base::ErrorCode::kInternal, "not looked at");
    auto read = read_under_hold(
        store_, artifact,
        [&]() -> Result<void> {
            link = examine_whole(artifact, call);
            return link.map([](const Link&) {});
        },
        call);
    if (!read) link = base::fail(read.error());
    found_.insert_or_assign(name_of(artifact), link);
    return link;
}

/// Of a full, an empty one.
Result<Verifier::Link> Verifier::link_of_parent(const Artifact& artifact) const {
    if (!artifact.head.parent) return Link{};
    const auto found = found_.find(artifact.head.parent->name);
    if (found == found_.end()) {
        return base::fail(
            base::ErrorCode::kInternal, base::Reason::kInternalError,
            fmt::format("{}: looked at before {}, which it goes on from", artifact.key, artifact.head.parent->name));
    }
    if (found->second) return found->second;
    return base::fail(
        found->second.error().wrap(fmt::format("{}: it goes on from one that is not sound", artifact.key)));
}

Result<Verifier::Link> Verifier::examine_whole(const Artifact& artifact, const Call& call) {
    N4B_TRY_VOID(check_listing(store_, artifact, call));
    N4B_TRY(const auto layout, layout_of(artifact));
    std::optional<base::SystemTime> latest_before;
    if (artifact.head.parent) {
        N4B_TRY(const auto parent, read_parent(store_, layout, artifact, call));
        latest_before = parent.head.latest_commit_time;
    }
    N4B_TRY(auto link, link_of_parent(artifact));
    const blocks::StoredArtifact stored{
        .store = store_, .prefix = layout.blocks(artifact.head.name), .head = artifact.head};
    LogExaminer log(stored, latest_before, call);
    StoreExaminer stores(artifact.head, std::move(link.neostore));
    Examiners closer{.log = log, .stores = stores};
    N4B_TRY_VOID(read_all(stored, progress_, &closer, call));
    N4B_TRY_VOID(log.finish());
    N4B_TRY(link.neostore, stores.finish());
    link.unknown_commands.insert(log.unknown_commands().begin(), log.unknown_commands().end());
    return link;
}

Result<Verified> verify_tip(ObjectStore& store, const Artifact& tip, VerifyLevel level, const Call& call,
                            ProgressCounters* progress) {
    Verifier verifier(store, level, progress);
    if (level != VerifyLevel::kChain) return verifier.verify(tip, call);
    N4B_TRY(const auto layout, layout_of(tip));
    N4B_TRY(const auto chain, read_chain(store, layout, tip, call));
    if (progress != nullptr) progress->total = plain_bytes_of(chain);
    std::optional<base::SystemTime> begun;
    Verified verified;
    for (const auto& artifact : chain) {
        N4B_TRY(verified, verifier.verify(artifact, call));
        begun = begun.value_or(verified.proof.at);
        verified.proof.at = *begun;
    }
    return verified;
}

}  // namespace n4b::engine
