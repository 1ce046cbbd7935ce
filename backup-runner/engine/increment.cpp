#include "backup-runner/engine/increment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/engine/known_transaction.hpp"
#include "backup-runner/engine/pull_outcome.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// Compares the first transaction that comes with the one that the chain has, passes all others on, and ends the pull
/// at the target.
class ProvenTransactions final : public catchup::TransactionReceiver {
public:
    /// `known`: nothing where the chain has no transaction to compare with.
    ProvenTransactions(std::optional<KnownTransaction> known, std::int64_t target, const OpenLog& open_log)
        : known_(known), first_known_(std::move(known)), target_(target), open_log_(open_log) {}

    /// For a new connection: the server may have been set back while the old one was broken. So the last transaction
    /// that came over the old one is asked for again, and must be the same.
    void prove_again() {
        if (sink_ == nullptr || sink_->empty()) {
            known_ = first_known_;
            return;
        }
        const auto& last = sink_->highest();
        known_ = KnownTransaction{.id = last.point.id, .length = last.length, .sha256 = last.sha256};
    }

    Result<void> begin(std::size_t bytes) override {
        if (known_) {
            // Also after a connection that broke within it: it comes again whole.
            digest_ = archive::Sha256();
            if (static_cast<std::int64_t>(bytes) == known_->length) return {};
            return diverged(fmt::format("{} bytes long there, and {} here", bytes, known_->length));
        }
        if (sink_ == nullptr) {
            N4B_TRY(sink_, open_log_());
        }
        return sink_->begin(bytes);
    }

    Result<void> data(std::span<const std::byte> bytes) override {
        if (!known_) return sink_->data(bytes);
        digest_.update(bytes);
        return {};
    }

    Result<void> end() override {
        if (!known_) {
            N4B_TRY_VOID(sink_->end());
            return end_at(sink_->last());
        }
        if (const auto found = archive::digits_of(digest_.finish()); found != known_->sha256) {
            return diverged(fmt::format("of SHA-256 {} there, and {} here", found, known_->sha256));
        }
        const auto id = known_->id;
        known_.reset();
        return end_at(id);
    }

    /// The target is reached: what the pull then says is only our own wish to end it.
    [[nodiscard]] bool reached() const { return reached_; }
    /// The transaction after which the source is asked for more.
    [[nodiscard]] std::int64_t previous(std::int64_t last) const {
        if (known_) return known_->id - 1;
        return sink_ == nullptr ? last : sink_->last();
    }

private:
    [[nodiscard]] Result<void> diverged(const std::string& how) const {
        return base::fail(ErrorCode::kFailedPrecondition, Reason::kHistoryDiverged,
                          fmt::format("the source has another transaction {} than the chain, {}: it was set back to an "
                                      "older state, and went on from there",
                                      known_->id, how));
    }

    Result<void> end_at(std::int64_t last) {
        reached_ = last >= target_;
        if (!reached_) return {};
        return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "the target is reached");
    }

    std::optional<KnownTransaction> known_;  ///< Nothing once it has proved to be the same.
    const std::optional<KnownTransaction> first_known_;
    const std::int64_t target_;
    const OpenLog& open_log_;
    TransactionSink* sink_ = nullptr;
    archive::Sha256 digest_{};
    bool reached_ = false;
};

class Increment {
public:
    Increment(const CopySource& source, const format::Layout& layout, const Artifact& tip,
              const BackupEnvironment& environment, const object_store::Call& call)
        : source_(source), layout_(layout), tip_(tip), environment_(environment), call_(call) {}

    Result<IncrementPull> run(std::unique_ptr<catchup::Session> session, const OpenLog& open_log) {
        environment_.progress.phase = "Pulling";
        N4B_TRY(const auto complete_at, environment_.store.now(call_));
        SourceLine line({.dialer = environment_.dialer,
                         .source = source_,
                         .chance = [this] { return environment_.random() / 4294967296.0; },
                         .stop = call_.stop},
                        std::move(session));
        N4B_TRY(const auto target,
                line.request([&](catchup::Session& asked) { return asked.last_committed(source_.store_id); }));
        const auto last = highest_of(tip_.head);
        if (target < last) return base::fail(why_behind(line, target));
        ProvenTransactions transactions(highest_known(tip_.head), target, open_log);
        N4B_TRY_VOID(pull(line, transactions, last, target));
        return IncrementPull{.target = target, .complete_at = complete_at};
    }

private:
    /// Up to the target.
    Result<void> pull(SourceLine& line, ProvenTransactions& transactions, std::int64_t last, std::int64_t target) {
        // A chain without a transaction of its own to compare with is that of a store that was never written to.
        if (transactions.previous(last) >= target) return {};
        LimitedTransactions limited(transactions, source_.limit, call_.stop);
        bool again = false;
        const auto finished = line.request([&](catchup::Session& session) {
            if (std::exchange(again, true)) transactions.prove_again();
            return session.pull(source_.store_id, std::max<std::int64_t>(transactions.previous(last), 1), limited);
        });
        if (transactions.reached()) return {};
        if (!finished) return base::fail(finished.error());
        const auto reached = transactions.previous(last);
        N4B_TRY_VOID(check_pull(*finished, reached, fmt::format("{}, which it sent before", reached)));
        return base::fail(
            ErrorCode::kUnavailable, Reason::kCopyInconsistent,
            fmt::format("the source named transaction {} as its last, but sent the log only to {}", target, reached));
    }

    /// The source has less than the chain: because it lags, or because it was set back.
    base::Error why_behind(SourceLine& line, std::int64_t target) {
        base::Error behind{.code = ErrorCode::kUnavailable,
                           .message = fmt::format("the source has committed only up to transaction {}, the chain {} "
                                                  "reaches {}",
                                                  target, tip_.head.name.chain, highest_of(tip_.head)),
                           .reason = Reason::kSourceBehind};
        // Nobody can ask for what comes after transaction 0.
        if (target < 2) return behind;
        auto known = read_known(environment_.store, layout_, tip_, target, call_);
        if (!known) return known.error();
        if (!*known) return behind;
        const OpenLog nothing = []() -> Result<TransactionSink*> {
            return base::fail(ErrorCode::kInternal, Reason::kInternalError, "a transaction behind the last one");
        };
        ProvenTransactions same(std::move(*known), target, nothing);
        auto compared = pull(line, same, target, target);
        // Where it has thrown that transaction away, nobody can tell. It lags all the same, and a full of it would be
        // older than the chain.
        if (compared || compared.error().reason == Reason::kSourceLogPruned) return behind;
        return compared.error();
    }

    const CopySource& source_;
    const format::Layout& layout_;
    const Artifact& tip_;
    const BackupEnvironment& environment_;
    const object_store::Call& call_;
};

}  // namespace

Result<IncrementPull> pull_increment(std::unique_ptr<catchup::Session> session, const CopySource& source,
                                     const format::Layout& layout, const Artifact& tip, const OpenLog& open_log,
                                     const BackupEnvironment& environment, const object_store::Call& call) {
    return Increment(source, layout, tip, environment, call).run(std::move(session), open_log);
}

}  // namespace n4b::engine
