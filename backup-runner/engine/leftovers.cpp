#include "backup-runner/engine/leftovers.hpp"

#include <algorithm>
#include <deque>
#include <span>
#include <string_view>

#include "backup-runner/engine/head_list.hpp"
#include "common/base/saturating.hpp"

namespace n4b::engine {
namespace {

using base::Result;
using object_store::Call;
using object_store::ObjectInfo;
using object_store::ObjectStore;

constexpr std::size_t kChainChars = 23;

/// The chain that a head's name begins with, whatever follows.
std::string chain_of(std::string_view name) {
    return std::string(name.substr(0, kChainChars));
}

/// Whether the head of this name is, or may be, that of an artifact.
bool may_be_head_of(const format::ArtifactName& artifact, const std::string& name) {
    if (chain_of(name) != artifact.chain) return false;
    const auto parsed = format::parse_head_name(name);
    return !parsed || parsed->artifact == artifact;
}

/// The names of the heads, of which those of a few chains are in memory. Asked for artifacts in the order of their
/// chains only.
class Heads {
public:
    Heads(ObjectStore& store, const format::Layout& layout, const HeadList* listed, const Call& call)
        : store_(store), prefix_(layout.heads()), listed_(listed), call_(call) {}

    Result<bool> have(const format::ArtifactName& artifact) {
        if (listed_ != nullptr && listed_->covers(artifact.chain)) return listed_->may_have(artifact);
        while (!names_.empty() && chain_of(names_.front()) < artifact.chain) names_.pop_front();
        while (!complete_ && (names_.empty() || chain_of(names_.back()) <= artifact.chain)) {
            N4B_TRY_VOID(read_page(artifact.chain));
        }
        return std::any_of(names_.begin(), names_.end(),
                           [&](const std::string& name) { return may_be_head_of(artifact, name); });
    }

private:
    Result<void> read_page(const std::string& chain) {
        bool more = false;
        N4B_TRY_VOID(store_.list(
            prefix_, std::max(last_, prefix_ + chain),
            [&](std::span<const ObjectInfo> page) {
                last_ = page.back().key;
                for (const auto& object : page) {
                    auto name = object.key.substr(prefix_.size());
                    if (chain_of(name) >= chain) names_.push_back(std::move(name));
                }
                more = true;
                return false;
            },
            call_));
        complete_ = !more;
        return {};
    }

    ObjectStore& store_;
    const std::string prefix_;
    const HeadList* const listed_;
    const Call& call_;
    std::deque<std::string> names_{};
    std::string last_{};
    bool complete_ = false;
};

/// A key below chains/, taken apart.
struct Member {
    std::string_view chain;
    std::string_view directory;
    std::string_view rest;
};

std::optional<Member> member_of(std::string_view below_chains) {
    const auto first = below_chains.find('/');
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = below_chains.find('/', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    return Member{.chain = below_chains.substr(0, first),
                  .directory = below_chains.substr(first + 1, second - first - 1),
                  .rest = below_chains.substr(second + 1)};
}

/// The walk of walk_leftovers.
class Walk {
public:
    Walk(ObjectStore& store, const format::Layout& layout, const ChainRange& range,
         const std::function<bool(const Leftover&)>& take, const HeadList* listed, const Call& call)
        : store_(store),
          layout_(layout),
          range_(range),
          take_(take),
          call_(call),
          heads_(store, layout, listed, call) {}

    Result<void> run() {
        const auto prefix = layout_.chains();
        auto after = prefix + range_.from;
        while (!after.empty()) {
            Result<void> looked{};
            std::string next;
            N4B_TRY_VOID(store_.list(
                prefix, after,
                [&](std::span<const ObjectInfo> page) {
                    looked = take_page(page, prefix.size());
                    if (!looked || ended_) return false;
                    // A page of blocks of one backup that is finished: what follows of it is skipped. Where pages hold
                    // several backups, going on costs no more than asking anew.
                    if (!current_.empty() && finished_ && page.front().key.starts_with(current_)) {
                        // '0' is what follows '/', so this sorts behind all that lies below the artifact.
                        next = current_.substr(0, current_.size() - 1) + "0";
                    }
                    return next.empty();
                },
                call_));
            N4B_TRY_VOID(looked);
            after = ended_ ? std::string() : next;
        }
        return emit();
    }

private:
    Result<void> take_page(std::span<const ObjectInfo> page, std::size_t prefix_chars) {
        for (const auto& object : page) {
            const auto member = member_of(std::string_view(object.key).substr(prefix_chars));
            if (!member) continue;
            if (!range_.before.empty() && member->chain >= range_.before) ended_ = true;
            if (ended_) return {};
            const auto directory = std::string_view(object.key).substr(0, object.key.size() - member->rest.size());
            if (directory != current_) {
                N4B_TRY_VOID(emit());
                if (ended_) return {};
                N4B_TRY_VOID(begin(*member, directory));
            }
            if (!finished_) add(member->rest, object);
        }
        return {};
    }

    Result<void> begin(const Member& member, std::string_view directory) {
        current_ = directory;
        leftover_ = {};
        const auto name = format::parse_directory_name(member.chain, member.directory);
        // Such as holds/: nothing of ours to judge.
        finished_ = !name;
        if (!name) return {};
        leftover_.name = *name;
        N4B_TRY(finished_, heads_.have(*name));
        return {};
    }

    void add(std::string_view rest, const ObjectInfo& object) {
        ++leftover_.objects;
        leftover_.bytes = base::saturating_sum(leftover_.bytes, object.bytes);
        if (rest == "abandoned.json") {
            leftover_.abandoned = true;
            return;
        }
        if (rest == "artifact.json") leftover_.had_head = true;
        if (rest.starts_with("blocks/")) ++leftover_.blocks;
        const auto later = [](auto& last, const base::SystemTime time) { last = std::max(last.value_or(time), time); };
        if (object.modified) later(leftover_.newest, *object.modified);
        if (const auto deadline = format::parse_intent_name(rest)) later(leftover_.deadline, *deadline);
    }

    /// Tells the leftover that has been gathered.
    Result<void> emit() {
        // One that finishes during the walk shows its mark and not its head, when heads were read before.
        if (!current_.empty() && !finished_ && leftover_.had_head) {
            N4B_TRY(finished_, has_head(store_, layout_, leftover_.name, call_));
        }
        if (!current_.empty() && !finished_ && !take_(leftover_)) ended_ = true;
        current_.clear();
        finished_ = true;
        return {};
    }

    ObjectStore& store_;
    const format::Layout& layout_;
    const ChainRange& range_;
    const std::function<bool(const Leftover&)>& take_;
    const Call& call_;
    Heads heads_;
    std::string current_{};  ///< Key of the artifact's directory, ending at a '/'.
    bool finished_ = true;   ///< It has a head, or is no artifact.
    bool ended_ = false;
    Leftover leftover_{};
};

}  // namespace

Result<void> walk_leftovers(ObjectStore& store, const format::Layout& layout, const ChainRange& range,
                            const std::function<bool(const Leftover&)>& take, const Call& call, const HeadList* heads) {
    return Walk(store, layout, range, take, heads, call).run();
}

Result<void> walk_all_leftovers(ObjectStore& store, const Scope& scope,
                                const std::function<bool(const FoundLeftover&)>& take, const Call& call) {
    const auto in_database = [&](const std::string& source, const std::string& database) -> bool {
        if (!scope.database.empty() && database != scope.database) return true;
        bool more = true;
        const auto pass_on = [&](const Leftover& leftover) {
            if (!scope.chain.empty() && leftover.name.chain != scope.chain) return true;
            more = take({source, database, leftover});
            return more;
        };
        const auto walked = format::Layout::create(source, database).and_then([&](const format::Layout& layout) {
            return walk_leftovers(store, layout, {}, pass_on, call);
        });
        if (!walked && more) more = take({source, database, base::fail(walked.error())});
        return more;
    };
    return walk_databases(store, scope.source, in_database, call);
}

Result<bool> has_head(ObjectStore& store, const format::Layout& layout, const format::ArtifactName& name,
                      const Call& call) {
    const auto prefix = layout.heads();
    bool found = false;
    N4B_TRY_VOID(store.list(
        prefix + name.chain, "",
        [&](std::span<const ObjectInfo> page) {
            found = std::any_of(page.begin(), page.end(), [&](const ObjectInfo& object) {
                return may_be_head_of(name, object.key.substr(prefix.size()));
            });
            return !found;
        },
        call));
    return found;
}

}  // namespace n4b::engine
