#include "backup-runner/catchup/handshake.hpp"

#include <gtest/gtest.h>

#include "common/base/hex.hpp"
#include "tests/support/bytes.hpp"

namespace n4b::catchup {
namespace {

using testing::from_hex;

// Byte vectors of the catchup protocol, section 5.6.
constexpr char kMagic[] = "00000015 344f454e 0000000d 4e454f344a5f434c5553544552";
constexpr char kRequest[] = "00000017 00000001 00000007 63617463687570 00000001 00000001";
constexpr char kAccepted[] = "00000017 00000000 00000000 00000007 63617463687570 00000001";
constexpr char kRefused[] = "00000010 00000000 ffffffff 00000000 00000000";
constexpr char kSwitch[] = "00000017 00000003 00000007 63617463687570 00000001 00000000";
constexpr char kSwitched[] = "00000008 00000002 00000000";

Bytes concat(std::initializer_list<const char*> parts) {
    Bytes all;
    for (const char* part : parts) {
        const auto bytes = from_hex(part);
        all.insert(all.end(), bytes.begin(), bytes.end());
    }
    return all;
}

/// Feeds everything in pieces of that size; the last error, or all that was sent in answer.
base::Result<Bytes> feed(Handshake& handshake, const Bytes& input, std::size_t piece) {
    Bytes sent;
    for (std::size_t at = 0; at < input.size(); at += piece) {
        auto rest = std::span(input).subspan(at, std::min(piece, input.size() - at));
        while (!rest.empty() && !handshake.done()) {
            N4B_TRY(const Bytes reply, handshake.feed(rest));
            sent.insert(sent.end(), reply.begin(), reply.end());
        }
    }
    return sent;
}

TEST(Handshake, OpensWithMagicAndRequestAtOnce) {
    EXPECT_EQ(Handshake(Family::kNeo4j).opening(), concat({kMagic, kRequest}));
    const auto ongdb = Handshake(Family::kOngdb).opening();
    EXPECT_EQ(base::to_hex(std::span(ongdb).first(25)), "0000001544474e4f0000000d4f4e4744425f434c5553544552");
}

TEST(Handshake, SucceedsInPiecesOfAnySize) {
    for (const std::size_t piece : {1U, 3U, 4U, 7U, 1000U}) {
        Handshake handshake(Family::kNeo4j);
        const auto sent = feed(handshake, concat({kMagic, kAccepted, kSwitched}), piece);
        ASSERT_TRUE(sent) << sent.error().message;
        EXPECT_EQ(*sent, from_hex(kSwitch));
        EXPECT_TRUE(handshake.done());
    }
}

TEST(Handshake, LeavesWhatFollowsUnread) {
    Handshake handshake(Family::kNeo4j);
    const auto input = concat({kMagic, kAccepted, kSwitched, "0000"});
    std::span<const std::byte> rest(input);
    while (!handshake.done()) ASSERT_TRUE(handshake.feed(rest));
    EXPECT_EQ(rest.size(), 2U);
}

TEST(Handshake, TellsApartWhatIsNotACatchupServer) {
    const struct {
        const char* name;
        Bytes input;
        const char* message;
    } cases[]{
        {"http", from_hex("485454502f312e31"), "HTTP"},
        {"refused", concat({kMagic, kRefused}), "raft"},
        {"common protocol", from_hex("00000008 0802aced00057372"), "single or HA instance"},
        {"common protocol, a long exception", from_hex("00000bc2 0802aced00057372"), "single or HA instance"},
        {"long frame", from_hex("00000bc2 0802aced"), "single or HA instance"},
        {"another long frame", from_hex("00000bc2 08020000"), "claims 3010 bytes"},
        {"endless frame", from_hex("7fffffff"), "claims"},
        {"negative frame", from_hex("ffffffff"), "claims"},
        {"empty frame", from_hex("00000000"), "claims"},
        {"switch refused", concat({kMagic, kAccepted, "00000008 00000002 ffffffff"}), "switch"},
    };
    for (const auto& c : cases) {
        Handshake handshake(Family::kNeo4j);
        const auto result = feed(handshake, c.input, 5);
        ASSERT_FALSE(result) << c.name;
        EXPECT_EQ(result.error().reason, base::Reason::kNotCatchupServer) << c.name;
        EXPECT_NE(result.error().message.find(c.message), std::string::npos) << result.error().message;
    }
}

}  // namespace
}  // namespace n4b::catchup
