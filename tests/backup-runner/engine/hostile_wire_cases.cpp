#include "tests/backup-runner/engine/hostile_cases.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using catchup::Bytes;
using catchup::PayloadWriter;
using testing::Answer;
using testing::Asked;
using testing::FakeCatchupServer;
using testing::Frames;
using testing::Request;
using testing::ScriptedPeer;
using testing::Then;

Bytes text(std::string_view characters) {
    const auto raw = std::as_bytes(std::span(characters));
    return {raw.begin(), raw.end()};
}

Bytes frame(PayloadWriter& writer) {
    Bytes out;
    catchup::append_frame(out, writer.take());
    return out;
}

/// Changes an answer of the handshake.
Arrange greet(int number, Change change) {
    return [number, change = std::move(change)](FakeCatchupServer&, ScriptedPeer& peer) {
        peer.greeting = [number, change](int which, Answer& answer) {
            if (which == number) change(answer);
        };
    };
}

Change lie(std::size_t frame, std::int32_t length) {
    return frames([=](Frames& parts) { parts.lies = {{frame, length}}; });
}

Change resize(std::size_t frame, std::size_t bytes) {
    return frames([=](Frames& parts) { parts.payloads.at(frame).resize(bytes); });
}

Change slowly(std::chrono::milliseconds pause) {
    return [pause](Answer& answer) {
        answer.piece = 1;
        answer.pause = pause;
    };
}

}  // namespace

std::vector<HostileCase> handshake_cases() {
    const auto wrong = Reason::kNotCatchupServer;
    return {
        {"AnotherProtocolsGreeting", wrong, "its first frame claims 1397966893 bytes",
         greet(1, instead(text("SSH-2.0-OpenSSH_8.4\r\n")))},
        {"Http", wrong, "it speaks HTTP", greet(1, instead(text("HTTP/1.1 400 Bad Request\r\n\r\n")))},
        {"ASingleInstance", wrong, "it is a single or HA instance",
         greet(1, instead(text(std::string("\x00\x00\x0b\xc2\x08\x02\xac\xed\x00\x05", 10))))},
        {"WrongMagicCode", wrong, "its greeting is not that of",
         greet(1, instead(frame(PayloadWriter().i32(0x344F454F).text("NEO4J_CLUSTER"))))},
        {"WrongMagicText", wrong, "its greeting is not that of",
         greet(1, instead(frame(PayloadWriter().i32(0x344F454E).text("NEO4J_CLUSTES"))))},
        {"MagicThatClaimsMore", wrong, "its greeting is not that of",
         greet(1, instead(frame(PayloadWriter().i32(0x344F454E).i32(INT32_MAX))))},
        {"ClosesAtOnce", wrong, "closed the connection", greet(1, nothing(Then::kClose))},
        {"ResetsAtOnce", wrong, "closed the connection", greet(1, nothing(Then::kReset))},
        {"SaysNothing", wrong, "did not answer", greet(1, nothing(Then::kStall)), std::chrono::seconds(10),
         short_stall},
        {"ClosesHalfWay", wrong, "closed the connection during", greet(2, nothing(Then::kClose))},
        {"SilentHalfWay", wrong, "did not answer during", greet(2, nothing(Then::kStall)), std::chrono::seconds(10),
         short_stall},
        {"OneByteNowAndThen", Reason::kNotCatchupServer, "did not answer during",
         greet(2, slowly(std::chrono::milliseconds(150))), std::chrono::seconds(10), short_stall},
        {"EmptyFrame", wrong, "its first frame claims 0 bytes", greet(1, lie(0, 0))},
        {"NegativeFrame", wrong, "its first frame claims -1 bytes", greet(1, lie(0, -1))},
        {"HugeFrame", wrong, "its first frame claims 2147483647 bytes", greet(1, lie(0, INT32_MAX))},
        {"RefusesTheProtocol", wrong, "refuses the catchup protocol",
         greet(2, instead(frame(PayloadWriter().i32(0).i32(-1).text("").i32(0)), Then::kClose))},
        {"AnotherVersion", wrong, "refuses the catchup protocol",
         greet(2, instead(frame(PayloadWriter().i32(0).i32(0).text("catchup").i32(2))))},
        {"AnotherAnswerThanTheProtocols", wrong, "a malformed protocol answer",
         greet(2, instead(frame(PayloadWriter().i32(1).i32(0).text("catchup").i32(1))))},
        {"RefusesToSwitchOver", wrong, "refuses to switch over",
         greet(3, instead(frame(PayloadWriter().i32(2).i32(-1)), Then::kClose))},
        {"SwitchOverWithMore", wrong, "refuses to switch over",
         greet(3, instead(frame(PayloadWriter().i32(2).i32(0).i32(0))))},
        {"MessagesBehindTheHandshake", Reason::kSourceProtocolError, "a frame of 8 bytes where 1 to 1 are allowed",
         greet(3,
               [](Answer& answer) {
                   const auto again = answer.bytes;
                   answer.bytes.insert(answer.bytes.end(), again.begin(), again.end());
               })},
    };
}

std::vector<HostileCase> identity_cases() {
    const auto wrong = Reason::kSourceProtocolError;
    const auto id = [](Change change) { return on(Asked::kStoreId, std::move(change)); };
    const auto last = [](Change change) -> Arrange {
        return [change = std::move(change)](FakeCatchupServer&, ScriptedPeer& peer) {
            peer.script = [change](const Request& request, Answer& answer) {
                if (request.type == Asked::kPull && !request.ours) change(answer);
            };
        };
    };
    const auto last_says = [&](std::int32_t status, std::int64_t transaction) {
        return last(frames(
            [=](Frames& parts) { parts.payloads.back() = PayloadWriter().i32(status).i64(transaction).take(); }));
    };
    return {
        {"NullStoreId", wrong, "a malformed store id",
         id(frames([](Frames& parts) { parts.payloads[1] = {std::byte{0}}; }))},
        {"StoreIdTooShort", wrong, "a malformed store id", id(resize(1, 32))},
        {"StoreIdTooLong", wrong, "a malformed store id", id(resize(1, 34))},
        {"UnknownType", wrong, "unknown message type 148",
         id(frames([](Frames& parts) { parts.payloads[0] = {std::byte{0x94}}; }))},
        {"TypeOfAnotherMessage", wrong, "with the end of a file", id(instead([] {
             Bytes out;
             catchup::append_frame(out, {std::byte{4}});
             catchup::append_frame(out, PayloadWriter().i32(0).take());
             return out;
         }()))},
        {"StoreIdTwice", wrong, "with a store id", id([](Answer& answer) {
             const auto again = answer.bytes;
             answer.bytes.insert(answer.bytes.end(), again.begin(), again.end());
         })},
        {"EmptyTypeFrame", wrong, "a frame of 0 bytes where 1 to 1 are allowed", id(lie(0, 0))},
        {"NegativeTypeFrame", wrong, "a frame of -1 bytes where 1 to 1 are allowed", id(lie(0, -1))},
        {"HugeTypeFrame", wrong, "a frame of 2147483647 bytes where 1 to 1 are allowed", id(lie(0, INT32_MAX))},
        {"HugeBodyFrame", wrong, "a frame of 2147483647 bytes where 0 to 4096 are allowed", id(lie(1, INT32_MAX))},
        {"MinBodyFrame", wrong, "a frame of -2147483648 bytes where 0 to 4096 are allowed", id(lie(1, INT32_MIN))},
        {"BodyFrameTooLong", Reason::kSourceStalled, "sent nothing for 0.3 s", id(lie(1, 40)), std::chrono::seconds(10),
         short_stall},
        {"SilentWhenAsked", Reason::kSourceStalled, "sent nothing for 0.3 s", id(nothing(Then::kStall)),
         std::chrono::seconds(10), short_stall},
        {"ClosesWhenAsked", Reason::kSourceConnectionLost, "closed the connection before its answer",
         id(nothing(Then::kClose))},
        {"ClosesInTheAnswer", Reason::kSourceConnectionLost, "closed the connection in the middle of its answer",
         id(cut(12, Then::kClose))},
        {"ResetsInTheAnswer", Reason::kSourceConnectionLost, "reset", id(cut(12, Then::kReset))},
        {"AnotherStoreEachTime", Reason::kSourceRefused, "changed its store id from",
         [](FakeCatchupServer&, ScriptedPeer& peer) {
             peer.script = [](const Request& request, Answer& answer) {
                 if (request.type != Asked::kStoreId) return;
                 testing::Frames parts(answer.bytes);
                 parts.payloads[1][16] = static_cast<std::byte>(request.number);
                 answer.bytes = parts.bytes();
             };
         }},
        {"LastTransactionUnavailable", Reason::kSourceRefused, "its database is not available", last_says(3, 0)},
        {"LastTransactionOfOurOwnStore", wrong, "with status 1", last_says(1, 9)},
        {"LastTransactionUnknownStatus", wrong, "the unknown status 77", last_says(77, 9)},
        {"LastTransactionNegative", wrong, "-7 as its last committed transaction", last_says(2, -7)},
        {"LastTransactionBelowItsCheckpoint", Reason::kCopyInconsistent,
         "transaction 3 as the last it has committed, below its own checkpoint 5", last_says(2, 3)},
    };
}

}  // namespace n4b::engine
