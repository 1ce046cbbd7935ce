#include "backup-runner/engine/chain_removal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <utility>

#include "backup-runner/engine/chain_hold.hpp"
#include "backup-runner/engine/facts.hpp"
#include "backup-runner/format/repository.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Result;
using object_store::Call;
using std::chrono::hours;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MemoryStore;

/// Does so many calls, and then nothing more, as a process that was killed.
class DyingStore final : public object_store::ForwardingStore {
public:
    DyingStore(object_store::ObjectStore& inner, std::int64_t calls) : ForwardingStore(inner), left_(calls) {}

    Result<object_store::Creation> create(std::string_view key, std::span<const std::byte> bytes,
                                          const Call& call) override {
        if (dead()) return gone();
        return inner_.create(key, bytes, call);
    }
    Result<void> put(std::string_view key, std::span<const std::byte> bytes, const Call& call) override {
        if (dead()) return gone();
        return inner_.put(key, bytes, call);
    }
    Result<object_store::Removal> remove(std::string_view key, const Call& call) override {
        if (dead()) return gone();
        return inner_.remove(key, call);
    }
    Result<void> list(std::string_view prefix, std::string_view after,
                      const std::function<bool(std::span<const object_store::ObjectInfo>)>& take,
                      const Call& call) override {
        if (dead()) return gone();
        return inner_.list(prefix, after, take, call);
    }
    [[nodiscard]] bool died() const { return left_ < 0; }

private:
    bool dead() {
        const std::lock_guard lock(mutex_);
        return --left_ < 0;
    }
    static tl::unexpected<base::Error> gone() { return base::fail(ErrorCode::kUnavailable, "killed"); }

    std::mutex mutex_{};
    std::int64_t left_;
};

constexpr int kBlocks = 3;

class ChainRemovalTest : public ::testing::Test {
protected:
    ChainRemovalTest() { fill(store_); }

    static void put(MemoryStore& store, const std::string& key, const std::string& text) {
        ASSERT_TRUE(store.put(key, std::as_bytes(std::span(text)), {}));
    }
    static format::ArtifactName artifact(std::int64_t sequence, const std::string& chain = "20261122T215049Z-3f9c21") {
        return {.chain = chain,
                .sequence = sequence,
                .kind = sequence == 0 ? "full" : "incr",
                .run = {.uid = "run-" + std::to_string(sequence), .attempt = 1}};
    }
    void write(MemoryStore& store, const format::ArtifactName& name, hours may_write) const {
        const auto deadline = std::chrono::floor<std::chrono::seconds>(store.now({}).value()) + may_write;
        put(store, layout_.intent(name, deadline),
            format::print_intent({.repository = "here", .run = name.run, .deadline = deadline}));
        for (int i = 1; i <= kBlocks; ++i) put(store, layout_.blocks(name) + format::block_name(i), "0123456789");
    }
    void finish(MemoryStore& store, const format::ArtifactName& name) const {
        put(store, layout_.mark(name), format::print_mark({name, 9 + name.sequence}));
        put(store, layout_.head({name, 9 + name.sequence}), "{}");
    }
    /// Two chains: the one to remove, of three artifacts with a fact, and another one that stays.
    void fill(MemoryStore& store) const {
        for (const auto& name : {artifact(0), artifact(1), artifact(2), artifact(0, "20261123T215049Z-3f9c21")}) {
            write(store, name, hours(6));
            finish(store, name);
        }
        put(store,
            layout_.fact({.chain = kChain, .sequence = 1, .fact = "Checksum", .transaction = 10, .run = {"check", 1}}),
            "{}");
    }
    ChainRemoval remove(MemoryStore& store) const {
        const auto done = remove_chain(store, layout_, kChain, kRun, {});
        EXPECT_TRUE(done) << done.error().message;
        return done.value_or(ChainRemoval{});
    }
    /// What is left of the chain.
    std::vector<std::string> left(const MemoryStore& store) const {
        std::vector<std::string> keys;
        for (const auto& [key, bytes] : store.objects())
            if (key.find(kChain) != std::string::npos) keys.push_back(key);
        return keys;
    }
    [[nodiscard]] bool is_closed(const MemoryStore& store) const {
        return store.objects().contains(layout_.closed(kChain));
    }
    [[nodiscard]] std::string closing(const std::string& uid, hours ago = hours(0)) {
        return layout_.fact({.chain = kChain,
                             .fact = std::string(kClosedFact),
                             .time = std::chrono::floor<std::chrono::seconds>(store_.now({}).value()) - ago,
                             .run = {.uid = uid, .attempt = 1}});
    }
    void lose_heads() {
        for (std::int64_t sequence = 0; sequence < 3; ++sequence)
            ASSERT_TRUE(store_.remove(layout_.head({artifact(sequence), 9 + sequence}), {}));
    }
    [[nodiscard]] std::string text(const std::string& key) const {
        const auto objects = store_.objects();
        const auto found = objects.find(key);
        if (found == objects.end()) return "";
        return {reinterpret_cast<const char*>(found->second.data()), found->second.size()};
    }
    void hold(MemoryStore& store, const std::string& name, std::optional<base::SystemTime> expires) const {
        put(store, layout_.hold(kChain, name).value(), format::print_hold({.expires = expires}));
    }

    const std::string kChain = "20261122T215049Z-3f9c21";
    const format::RunId kRun{.uid = "prune", .attempt = 1};
    const format::Layout layout_ = format::Layout::create("prod", "graph.db").value();
    MemoryStore store_;
};

TEST_F(ChainRemovalTest, LeavesNothingButTheWordThatTheChainIsClosed) {
    const auto before = store_.objects().size();
    const auto done = remove(store_);
    EXPECT_EQ(done.state, RemovalState::kRemoved);
    EXPECT_EQ(done.bytes > 90, true) << "nine blocks and the intents";
    EXPECT_THAT(left(store_), ElementsAre(layout_.closed(kChain), HasSubstr("/facts/" + kChain + "-000000-Closed-")));
    EXPECT_EQ(before - store_.objects().size(), 3U * (kBlocks + 3) + 1 - 2) << "the other chain is untouched";
}

TEST_F(ChainRemovalTest, ForgetsAfterThirtyDays) {
    remove(store_);
    EXPECT_FALSE(forget_removal(store_, layout_, kChain, {}).value());
    store_.let_pass(hours(29 * 24));
    EXPECT_FALSE(forget_removal(store_, layout_, kChain, {}).value());
    store_.let_pass(hours(2 * 24));
    EXPECT_TRUE(forget_removal(store_, layout_, kChain, {}).value());
    EXPECT_THAT(left(store_), IsEmpty());
}

TEST_F(ChainRemovalTest, LeavesWhatIsHeldAsItWas) {
    hold(store_, "legal", std::nullopt);
    const auto before = store_.objects();
    const auto done = remove(store_);
    EXPECT_EQ(done.state, RemovalState::kHeld);
    EXPECT_THAT(done.detail, HasSubstr("holds/legal"));
    EXPECT_EQ(store_.objects(), before);
}

TEST_F(ChainRemovalTest, AHoldThatHasExpiredCountsNoMore) {
    hold(store_, "audit", store_.now({}).value() + hours(1));
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld);
    store_.let_pass(hours(2) - std::chrono::minutes(1));
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld) << "whoever wrote it may have had another clock";
    store_.let_pass(std::chrono::minutes(2));
    EXPECT_EQ(remove(store_).state, RemovalState::kRemoved);
}

TEST_F(ChainRemovalTest, APlacedHoldKeepsTheChainUntilItIsTakenAway) {
    ASSERT_TRUE(place_hold(store_, layout_, kChain, "legal", std::nullopt, {}));
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld);
    EXPECT_FALSE(take_hold_away(store_, layout_, kChain, "other", {}).value());
    EXPECT_TRUE(take_hold_away(store_, layout_, kChain, "legal", {}).value());
    EXPECT_EQ(remove(store_).state, RemovalState::kRemoved);
}

TEST_F(ChainRemovalTest, NoHoldIsPlacedWhereItWouldKeepNothing) {
    EXPECT_EQ(place_hold(store_, layout_, "20261124T215049Z-3f9c21", "legal", std::nullopt, {}).error().reason,
              base::Reason::kArtifactNotFound);
    EXPECT_EQ(place_hold(store_, layout_, kChain, "read-me", std::nullopt, {}).error().reason,
              base::Reason::kInvalidRunSpec)
        << "a name that readers use";
    for (const auto* cut : {"20261122T215049Z", "20261122T215049Z-3f9c21-000000"})
        EXPECT_EQ(place_hold(store_, layout_, cut, "legal", std::nullopt, {}).error().reason,
                  base::Reason::kInvalidRunSpec)
            << "heads begin so, but no chain has that name";
    put(store_, layout_.closed(kChain), format::print_closed());
    const auto before = store_.objects();
    EXPECT_EQ(place_hold(store_, layout_, kChain, "legal", std::nullopt, {}).error().reason,
              base::Reason::kArtifactConflict);
    EXPECT_EQ(store_.objects(), before);
}

TEST_F(ChainRemovalTest, AHoldThatNobodyUnderstandsCounts) {
    put(store_, layout_.hold(kChain, "later-runner").value(), "never mind");
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld);
    EXPECT_FALSE(is_closed(store_));
}

TEST_F(ChainRemovalTest, AHoldThatComesWhileItClosesOpensTheChainAgain) {
    int lists = 0;
    store_.on_list = [&] {
        // The first look at holds has found none.
        if (++lists == 4) hold(store_, "reader", std::nullopt);
    };
    const auto heads = left(store_).size();
    const auto done = remove(store_);
    EXPECT_EQ(done.state, RemovalState::kHeld);
    EXPECT_FALSE(is_closed(store_));
    EXPECT_EQ(left(store_).size(), heads + 1) << "nothing but the hold was added or taken";
}

TEST_F(ChainRemovalTest, AHoldOnAChainThatADeadRemovalClosedOpensItAgain) {
    put(store_, layout_.closed(kChain), format::print_closed());
    hold(store_, "legal", std::nullopt);
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld);
    EXPECT_FALSE(is_closed(store_));
}

/// Two runs remove the same chain, and a hold comes: the one that finds it can't know whether the other has sent the
/// removal of a head already.
TEST_F(ChainRemovalTest, NobodyOpensWhatAnotherRunMayBeRemoving) {
    const format::FactName other{.chain = kChain,
                                 .fact = std::string(kClosedFact),
                                 .time = std::chrono::floor<std::chrono::seconds>(store_.now({}).value()),
                                 .run = {.uid = "other", .attempt = 1}};
    put(store_, layout_.fact(other), "{}");
    put(store_, layout_.closed(kChain), format::print_closed());
    hold(store_, "legal", std::nullopt);
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld);
    EXPECT_TRUE(is_closed(store_));
    store_.let_pass(std::chrono::minutes(61));
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld);
    EXPECT_FALSE(is_closed(store_)) << "the other one has looked for holds since, or is dead";
    EXPECT_THAT(left(store_), ::testing::Not(::testing::Contains(HasSubstr("-Closed-"))));
}

/// Tells when closed.json goes.
class OpeningStore final : public object_store::ForwardingStore {
public:
    using ForwardingStore::ForwardingStore;
    std::function<void()> before_opening{};
    Result<object_store::Removal> remove(std::string_view key, const Call& call) override {
        if (key.ends_with("/closed.json")) before_opening();
        return inner_.remove(key, call);
    }
};

/// The other run has seen closed.json by then, and the hold may be taken away before it looks for that.
TEST_F(ChainRemovalTest, ARunThatComesWhileTheChainIsOpenedFindsItClosed) {
    put(store_, layout_.closed(kChain), format::print_closed());
    hold(store_, "legal", std::nullopt);
    OpeningStore opening(store_);
    opening.before_opening = [&] { put(store_, closing("newcomer"), "{}"); };
    const auto done = remove_chain(opening, layout_, kChain, kRun, {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->state, RemovalState::kHeld);
    EXPECT_TRUE(is_closed(store_)) << "else the newcomer would remove a head of an open chain";
    EXPECT_TRUE(store_.objects().contains(closing("newcomer")));
}

TEST_F(ChainRemovalTest, TheFactOfARunThatComesAfterTheOpeningStays) {
    put(store_, layout_.closed(kChain), format::print_closed());
    hold(store_, "legal", std::nullopt);
    class LateStore final : public object_store::ForwardingStore {
    public:
        using ForwardingStore::ForwardingStore;
        std::function<void()> before_first_fact_goes{};
        Result<object_store::Removal> remove(std::string_view key, const Call& call) override {
            if (key.find("-Closed-") != std::string_view::npos && before_first_fact_goes) {
                std::exchange(before_first_fact_goes, {})();
            }
            return inner_.remove(key, call);
        }
    } late(store_);
    late.before_first_fact_goes = [&] { put(store_, closing("newcomer"), "{}"); };
    const auto done = remove_chain(late, layout_, kChain, kRun, {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_FALSE(is_closed(store_));
    EXPECT_THAT(left(store_), ::testing::Contains(HasSubstr("-newcomer-1")))
        << "nobody would find what it leaves when it dies";
    EXPECT_THAT(left(store_), Each(::testing::Not(HasSubstr("-prune-1"))));
}

TEST_F(ChainRemovalTest, WhatHasNoHeadsIsNotOpenedAgain) {
    put(store_, layout_.closed(kChain), format::print_closed());
    lose_heads();
    // A removal that died has taken the marks, and with the heads they are what tells of a backup.
    for (std::int64_t sequence = 0; sequence < 3; ++sequence)
        ASSERT_TRUE(store_.remove(layout_.mark(artifact(sequence)), {}));
    hold(store_, "legal", std::nullopt);
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld);
    EXPECT_TRUE(is_closed(store_));
}

/// The call ends between closed.json and the second look for holds.
TEST_F(ChainRemovalTest, AChainIsOpenedAgainAlsoWhereTheCallHasEnded) {
    std::stop_source stop;
    store_.on_now = [&] {
        if (is_closed(store_)) stop.request_stop();
    };
    const auto before = store_.objects();
    const auto done = remove_chain(store_, layout_, kChain, kRun, {.stop = stop.get_token()});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(store_.objects(), before);
}

/// Can't read one object.
class UnreadableStore final : public object_store::ForwardingStore {
public:
    UnreadableStore(object_store::ObjectStore& inner, std::string key, base::Error error)
        : ForwardingStore(inner), key_(std::move(key)), error_(std::move(error)) {}
    Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                            const Call& call) override {
        if (key == key_) return base::fail(error_);
        return inner_.get(key, offset, into, call);
    }

private:
    const std::string key_;
    const base::Error error_;
};

TEST_F(ChainRemovalTest, AHoldThatCannotBeReadCounts) {
    hold(store_, "audit", base::SystemTime{});
    const auto before = store_.objects();
    for (const auto& [code, reason] : {std::pair(ErrorCode::kPermissionDenied, base::Reason::kStoragePermission),
                                       std::pair(ErrorCode::kUnavailable, base::Reason::kStorageUnavailable)}) {
        UnreadableStore broken(store_, layout_.hold(kChain, "audit").value(),
                               {.code = code, .message = "no luck", .reason = reason});
        const auto done = remove_chain(broken, layout_, kChain, kRun, {});
        ASSERT_TRUE(done) << done.error().message;
        EXPECT_EQ(done->state, RemovalState::kHeld);
        EXPECT_THAT(done->detail, HasSubstr("holds/audit.json counts as a hold, since it can't be read: no luck"));
        EXPECT_EQ(store_.objects(), before);
    }
}

TEST_F(ChainRemovalTest, ACallThatHasEndedIsNoHold) {
    hold(store_, "audit", std::nullopt);
    UnreadableStore broken(store_, layout_.hold(kChain, "audit").value(),
                           {.code = ErrorCode::kCancelled, .message = "ended"});
    std::stop_source stop;
    store_.on_list = [&] { stop.request_stop(); };
    EXPECT_FALSE(find_hold(broken, layout_, kChain, {.stop = stop.get_token()}));
}

TEST_F(ChainRemovalTest, ARefusedHoldLeavesTheOneOfItsNameAsItWas) {
    hold(store_, "audit", store_.now({}).value() + hours(1));
    const auto key = layout_.hold(kChain, "audit").value();
    const auto former = text(key);
    // A removal closes the chain after the first look for closed.json.
    store_.on_put = [&](std::size_t) {
        (void)store_.create(layout_.closed(kChain), std::as_bytes(std::span(std::string_view("{}"))), {});
    };
    const auto placed = place_hold(store_, layout_, kChain, "audit", std::nullopt, {});
    ASSERT_FALSE(placed);
    EXPECT_EQ(placed.error().reason, base::Reason::kArtifactConflict);
    EXPECT_EQ(text(key), former) << "it would hold for ever what was to be held for an hour";
    EXPECT_FALSE(place_hold(store_, layout_, kChain, "legal", std::nullopt, {}));
    EXPECT_EQ(text(layout_.hold(kChain, "legal").value()), "");
    EXPECT_FALSE(place_hold(store_, layout_, kChain, "audit", std::nullopt, {}));
    EXPECT_EQ(text(key), former);
}

TEST_F(ChainRemovalTest, AHoldIsNotLeftWhereTheChainIsClosedWhileItIsPlaced) {
    store_.on_put = [&](std::size_t) {
        (void)store_.create(layout_.closed(kChain), std::as_bytes(std::span(std::string_view("{}"))), {});
    };
    EXPECT_FALSE(place_hold(store_, layout_, kChain, "audit", std::nullopt, {}));
    EXPECT_EQ(text(layout_.hold(kChain, "audit").value()), "");
}

TEST_F(ChainRemovalTest, WhatLostItsHeadIsNotOpenedAgain) {
    put(store_, layout_.closed(kChain), format::print_closed());
    ASSERT_TRUE(store_.remove(layout_.head({artifact(2), 11}), {}));
    hold(store_, "legal", std::nullopt);
    EXPECT_EQ(remove(store_).state, RemovalState::kHeld);
    EXPECT_TRUE(is_closed(store_));
}

TEST_F(ChainRemovalTest, StopsWhereAnotherRunHasOpenedTheChain) {
    const auto heads = [&] {
        return std::ranges::count_if(left(store_), [](const auto& key) { return key.find("/heads/") != key.npos; });
    };
    store_.on_list = [&] {
        // The last head is gone, and the next one is looked at.
        if (heads() == 2) (void)store_.remove(layout_.closed(kChain), {});
    };
    const auto done = remove(store_);
    EXPECT_EQ(done.state, RemovalState::kHeld);
    EXPECT_THAT(done.detail, HasSubstr("opened the chain again"));
    EXPECT_EQ(heads(), 2);
}

TEST_F(ChainRemovalTest, ARemovalThatDiedLongAgoIsFinishedBeforeItIsForgotten) {
    put(store_, layout_.closed(kChain), format::print_closed());
    const format::FactName dead{.chain = kChain,
                                .fact = std::string(kClosedFact),
                                .time = std::chrono::floor<std::chrono::seconds>(store_.now({}).value()),
                                .run = {.uid = "dead", .attempt = 1}};
    put(store_, layout_.fact(dead), "{}");
    for (std::int64_t sequence = 0; sequence < 3; ++sequence)
        ASSERT_TRUE(store_.remove(layout_.head({artifact(sequence), 9 + sequence}), {}));
    store_.let_pass(hours(31 * 24));
    EXPECT_FALSE(forget_removal(store_, layout_, kChain, {}).value()) << "its blocks are there";
    EXPECT_EQ(remove(store_).state, RemovalState::kRemoved);
    EXPECT_FALSE(forget_removal(store_, layout_, kChain, {}).value()) << "thirty days from the last removal on";
    EXPECT_THAT(left(store_), ElementsAre(layout_.closed(kChain), HasSubstr("-Closed-")));
    store_.let_pass(hours(31 * 24));
    EXPECT_TRUE(forget_removal(store_, layout_, kChain, {}).value());
    EXPECT_THAT(left(store_), IsEmpty());
}

/// Has no room for another object while there is a fact about the proof of one.
class FullStore final : public object_store::ForwardingStore {
public:
    using ForwardingStore::ForwardingStore;
    Result<object_store::Creation> create(std::string_view key, std::span<const std::byte> bytes,
                                          const Call& call) override {
        const auto objects = static_cast<MemoryStore&>(inner_).objects();
        const bool full = std::ranges::any_of(
            objects, [](const auto& object) { return object.first.find("-Checksum-") != std::string::npos; });
        if (full) return base::fail(ErrorCode::kFailedPrecondition, base::Reason::kStorageFull, "full");
        return inner_.create(key, bytes, call);
    }
};

TEST_F(ChainRemovalTest, OnAFullStorageFactsGiveWay) {
    FullStore full(store_);
    const auto done = remove_chain(full, layout_, kChain, kRun, {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->state, RemovalState::kRemoved);
}

/// Has no room for another object at all.
class NoRoomStore final : public object_store::ForwardingStore {
public:
    using ForwardingStore::ForwardingStore;
    Result<object_store::Creation> create(std::string_view /*key*/, std::span<const std::byte> /*bytes*/,
                                          const Call& /*call*/) override {
        return base::fail(ErrorCode::kFailedPrecondition, base::Reason::kStorageFull, "full");
    }
    Result<void> put(std::string_view /*key*/, std::span<const std::byte> /*bytes*/, const Call& /*call*/) override {
        return base::fail(ErrorCode::kFailedPrecondition, base::Reason::kStorageFull, "full");
    }
};

TEST_F(ChainRemovalTest, WhatHasLostAHeadIsRemovedFromAStorageWithoutAnyRoom) {
    put(store_, layout_.closed(kChain), format::print_closed());
    put(store_, closing("dead"), "{}");
    NoRoomStore full(store_);
    EXPECT_FALSE(remove_chain(full, layout_, kChain, kRun, {})) << "it is whole, and another run may open it";
    ASSERT_TRUE(store_.remove(layout_.head({artifact(2), 11}), {}));
    const auto done = remove_chain(full, layout_, kChain, kRun, {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->state, RemovalState::kRemoved);
    EXPECT_THAT(left(store_), ElementsAre(layout_.closed(kChain), HasSubstr("-Closed-")));
}

TEST_F(ChainRemovalTest, WhatHasNoHeadsIsRemovedFromAStorageWithoutAnyRoom) {
    put(store_, layout_.closed(kChain), format::print_closed());
    put(store_, closing("dead"), "{}");
    lose_heads();
    NoRoomStore full(store_);
    const auto done = remove_chain(full, layout_, kChain, kRun, {});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->state, RemovalState::kRemoved);
}

TEST_F(ChainRemovalTest, ALockedWordThatTheChainIsClosedIsNotForgotten) {
    MemoryStore locked({.locks = true});
    put(locked, layout_.closed(kChain), format::print_closed());
    put(locked, closing("dead", hours(31 * 24)), "{}");
    EXPECT_FALSE(forget_removal(locked, layout_, kChain, {}).value());
}

TEST_F(ChainRemovalTest, WhoMayRemoveNothingIsToldSo) {
    MemoryStore refusing({.refuses_removal = true});
    fill(refusing);
    const auto done = remove_chain(refusing, layout_, kChain, kRun, {});
    ASSERT_FALSE(done) << "that is no lock that ends";
    EXPECT_EQ(done.error().reason, base::Reason::kStorageAccessDenied);
}

TEST_F(ChainRemovalTest, WaitsForWhoMayStillWrite) {
    write(store_, artifact(3), hours(6));
    const auto done = remove(store_);
    EXPECT_EQ(done.state, RemovalState::kWaiting);
    EXPECT_THAT(done.detail, HasSubstr("run-3"));
    EXPECT_TRUE(is_closed(store_)) << "whoever comes later is told";
    EXPECT_EQ(store_.objects().contains(layout_.head({artifact(2), 11})), true);
    store_.let_pass(hours(7) + std::chrono::seconds(2));
    EXPECT_EQ(remove(store_).state, RemovalState::kRemoved);
    EXPECT_EQ(left(store_).size(), 2U);
}

TEST_F(ChainRemovalTest, LeavesAChainThatALaterRunnerWroteTo) {
    put(store_, layout_.heads() + kChain + "-000003-of-another-form.json", "?");
    const auto before = store_.objects();
    const auto done = remove_chain(store_, layout_, kChain, kRun, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().reason, base::Reason::kArtifactNotSupported);
    EXPECT_EQ(store_.objects(), before);
}

TEST_F(ChainRemovalTest, WhatTheStorageLocksStaysAndIsTold) {
    MemoryStore locked({.locks = true});
    fill(locked);
    const auto done = remove(locked);
    EXPECT_EQ(done.state, RemovalState::kLocked);
    EXPECT_THAT(done.detail, HasSubstr("/heads/" + kChain + "-000002")) << "the last head is the first to go";
    EXPECT_TRUE(is_closed(locked));
}

TEST_F(ChainRemovalTest, KilledAtAnyCallItNeverLeavesHalfAChainForAWholeOneAndTheNextGoesOn) {
    for (std::int64_t calls = 0;; ++calls) {
        MemoryStore store;
        fill(store);
        DyingStore dying(store, calls);
        const auto done = remove_chain(dying, layout_, kChain, kRun, {});
        const auto objects = store.objects();
        std::int64_t heads = 0;
        for (std::int64_t sequence = 0; sequence < 3; ++sequence) {
            if (!objects.contains(layout_.head({artifact(sequence), 9 + sequence}))) continue;
            EXPECT_EQ(heads, sequence) << "at " << calls << ": a head is gone before one that goes on from it";
            ++heads;
            for (int i = 1; i <= kBlocks; ++i)
                EXPECT_TRUE(objects.contains(layout_.blocks(artifact(sequence)) + format::block_name(i)))
                    << "at " << calls << ": a block is gone before its head";
        }
        EXPECT_TRUE(heads == 3 || is_closed(store)) << "at " << calls;
        EXPECT_EQ(remove(store).state, RemovalState::kRemoved) << "at " << calls;
        EXPECT_EQ(left(store).size(), is_closed(store) ? left(store).size() : 0U);
        for (const auto& key : left(store))
            EXPECT_TRUE(key == layout_.closed(kChain) || key.find("-Closed-") != std::string::npos) << key;
        store.let_pass(hours(31 * 24));
        EXPECT_TRUE(forget_removal(store, layout_, kChain, {}).value());
        EXPECT_THAT(left(store), IsEmpty()) << "at " << calls;
        if (!dying.died()) {
            EXPECT_TRUE(done);
            EXPECT_GT(calls, 30);
            return;
        }
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace n4b::engine
