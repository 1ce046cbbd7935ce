#include "backup-runner/txlog/neostore.hpp"
#include "tests/backup-runner/engine/hostile_cases.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using catchup::Bytes;
using catchup::PayloadWriter;
using testing::Answer;
using testing::FakeCatchupServer;
using testing::Frames;
using testing::ScriptedPeer;
using testing::Then;
using txlog::NeostoreField;

Arrange nodes(Change change) {
    return on_file(kNodes, std::move(change));
}

/// What a frame of the node file claims: 0 type, 1 header, 2 to 4 chunks, 5 type, 6 status.
Arrange lie(std::size_t frame, std::int32_t length) {
    return nodes(frames([=](Frames& parts) { parts.lies = {{frame, length}}; }));
}

/// What the second chunk of the node file claims to hold.
Arrange chunk(std::int32_t encoded, std::size_t bytes) {
    return nodes(frames([=](Frames& parts) {
        parts.payloads.at(3) = PayloadWriter().i32(encoded).take();
        parts.payloads.at(3).resize(4 + bytes);
    }));
}

Arrange status(std::int32_t value) {
    return nodes(instead([value] {
        Bytes out;
        catchup::append_frame(out, {std::byte{4}});
        catchup::append_frame(out, PayloadWriter().i32(value).take());
        return out;
    }()));
}

Arrange status_behind_the_file(std::int32_t value) {
    return nodes(frames([=](Frames& parts) { parts.payloads.back() = PayloadWriter().i32(value).take(); }));
}

/// The node file without an end.
void without_end(Answer& answer) {
    Frames parts(answer.bytes);
    parts.payloads.resize(3);
    answer.bytes = parts.bytes();
    Bytes framed;
    catchup::append_frame(framed, parts.payloads.back());
    answer.more = [framed] { return framed; };
}

Arrange neostore(const std::function<void(Bytes&)>& change) {
    return [change](FakeCatchupServer& content, ScriptedPeer&) { change(content.store_files.back().second); };
}

Arrange neostore_field(NeostoreField field, std::int64_t value) {
    return neostore([=](Bytes& file) { txlog::set(file, field, value); });
}

}  // namespace

std::vector<HostileCase> file_cases() {
    return {
        {"AnotherStore", Reason::kSourceRefused, "changed its store id during the copy", status(1)},
        {"TooFarBehind", Reason::kSourceBehind, "behind its own checkpoint 5", status(2), kRetries},
        {"Unknown", Reason::kSourceRefused, "does not have the file neostore.nodestore.db that it listed", status(3)},
        {"UnknownStatus", kWrong, "the unknown status 4 at the end of a file", status(4)},
        {"NegativeStatus", kWrong, "the unknown status -1 at the end of a file", status(-1)},
        {"SuccessWithoutAFile", kWrong, "answered the request for neostore.nodestore.db without a file", status(0)},
        {"RefusalBehindTheFile", Reason::kSourceBehind, "behind its own checkpoint 5", status_behind_the_file(2),
         kRetries},
        {"UnknownBehindTheFile", Reason::kSourceRefused, "does not have the file", status_behind_the_file(3)},
        {"AnotherFile", kWrong,
         "the source sent the file \"neostore.nodestore.xx\" when neostore.nodestore.db was asked for",
         nodes(frames(
             [](Frames& parts) { parts.payloads[1] = PayloadWriter().text("neostore.nodestore.xx").i32(15).take(); }))},
        {"SameFileTwice", kWrong, "the source sent the file \"neostore.nodestore.db\" again",
         nodes(frames([](Frames& parts) {
             const std::vector<Bytes> file(parts.payloads.begin(), parts.payloads.begin() + 5);
             parts.payloads.insert(parts.payloads.begin(), file.begin(), file.end());
         }))},
        {"AnotherMessageInTheFile", kWrong, "a frame of 1 bytes where 4 to 8196 are allowed",
         nodes(frames([](Frames& parts) { parts.payloads[3] = {std::byte{4}}; }))},
        {"ListInsteadOfAFile", kWrong, "with a list of files", nodes(instead([] {
             Bytes out;
             catchup::append_frame(out, {std::byte{7}});
             catchup::append_frame(out, PayloadWriter().i32(0).i64(5).i32(0).i32(0).take());
             return out;
         }()))},
        {"HeaderWithoutAlignment", kWrong, "a file header with an end in the middle of a number",
         nodes(frames([](Frames& parts) { parts.payloads[1].resize(parts.payloads[1].size() - 1); }))},
        {"HeaderWithMore", kWrong, "a file header with 1 bytes too many",
         nodes(frames([](Frames& parts) { parts.payloads[1].resize(parts.payloads[1].size() + 1); }))},
        {"NegativeLengthOfTheName", kWrong, "a file header with a string that claims -1 bytes",
         nodes(frames([](Frames& parts) { parts.payloads[1] = PayloadWriter().i32(-1).i32(1).take(); }))},
        {"ChunkOfMinusTwo", kWrong, "a chunk of 8192 bytes that claims -2", chunk(-2, 8192)},
        {"ChunkOfMinusOneTooShort", kWrong, "a chunk of 100 bytes that claims -1", chunk(-1, 100)},
        {"ChunkThatClaimsMore", kWrong, "a chunk of 10 bytes that claims 8192", chunk(8192, 10)},
        {"ChunkThatClaimsLess", kWrong, "a chunk of 8192 bytes that claims 0", chunk(0, 8192)},
        {"ChunkThatClaimsHuge", kWrong, "a chunk of 8192 bytes that claims 2147483647", chunk(INT32_MAX, 8192)},
        {"ChunkTooLong", kWrong, "a frame of 8197 bytes where 4 to 8196 are allowed", chunk(8193, 8193)},
        {"EmptyFrame", kWrong, "a frame of 0 bytes where 4 to 8196 are allowed", lie(3, 0)},
        {"OneByteFrame", kWrong, "a frame of 1 bytes where 4 to 8196 are allowed", lie(3, 1)},
        {"NegativeFrame", kWrong, "a frame of -1 bytes where 4 to 8196 are allowed", lie(3, -1)},
        {"HugeFrame", kWrong, "a frame of 2147483647 bytes where 4 to 8196 are allowed", lie(3, INT32_MAX)},
        {"FrameShorterThanItsPayload", kWrong, "a chunk of 8191 bytes that claims -1", lie(3, 8195)},
        {"LongHeaderFrame", kWrong, "a frame of 5000 bytes where 0 to 4096 are allowed", lie(1, 5000)},
        {"Stalls", Reason::kSourceStalled, "sent nothing for 0.3 s", nodes(cut(9000, Then::kStall)),
         std::chrono::seconds(10), short_stall},
        {"ClosesEachTime", Reason::kSourceConnectionLost, "in the middle of its answer", nodes(cut(9000, Then::kClose)),
         kRetries},
        {"ResetsEachTime", Reason::kSourceConnectionLost, "reset", nodes(cut(9000, Then::kReset)), kRetries},
        {"ClosesEachTimeBehindTheFile", Reason::kSourceConnectionLost, "closed the connection before its answer",
         nodes([](Answer& answer) {
             frames([](Frames& parts) { parts.payloads.resize(5); })(answer);
             answer.then = Then::kClose;
         }),
         kRetries},
        {"ForEver", Reason::kAttemptDeadlineExceeded, "deadline", nodes(without_end), std::chrono::seconds(10),
         short_deadline},
    };
}

std::vector<HostileCase> neostore_cases() {
    return {
        {"Missing", Reason::kSourceRefused, "refuses neostore with status 3",
         on_file("neostore", instead([] {
                     Bytes out;
                     catchup::append_frame(out, {std::byte{4}});
                     catchup::append_frame(out, PayloadWriter().i32(3).take());
                     return out;
                 }()))},
        {"Empty", kWrong, "neostore: 0 bytes, at least 135 expected", neostore([](Bytes& file) { file.clear(); })},
        {"TooShort", kWrong, "neostore: 134 bytes, at least 135 expected",
         neostore([](Bytes& file) { file.resize(134); })},
        {"TooLong", kWrong, "longer than 65536 bytes", neostore([](Bytes& file) { file.resize(65537); })},
        {"ForEver", kWrong, "longer than 65536 bytes",
         on_file("neostore",
                 [](Answer& answer) {
                     Frames parts(answer.bytes);
                     parts.payloads.resize(2);
                     answer.bytes = parts.bytes();
                     auto chunk = PayloadWriter().i32(-1).take();
                     chunk.resize(4 + 8192);
                     Bytes framed;
                     catchup::append_frame(framed, chunk);
                     answer.more = [framed] { return framed; };
                 })},
        {"Zeros", kWrong, "neostore: record 0 is not in use",
         neostore([](Bytes& file) { std::fill(file.begin(), file.end(), std::byte{0}); })},
        {"Garbage", kWrong, "neostore: record 0 is not in use",
         neostore([](Bytes& file) { std::fill(file.begin(), file.end(), std::byte{0xA5}); })},
        {"OfAnotherStore", Reason::kCopyInconsistent, "another store id", neostore_field(NeostoreField::kRandom, 21)},
        {"LastTransactionNegative", kWrong, "neostore: last transaction -4",
         neostore_field(NeostoreField::kLastTransaction, -4)},
        {"AnotherFile", kWrong, "the source sent the file \"neostore.x\" when neostore was asked for",
         on_file("neostore",
                 frames([](Frames& parts) { parts.payloads[1] = PayloadWriter().text("neostore.x").i32(9).take(); }))},
        // Files of different moments: what the completeness rule is for.
        {"AheadOfTheLog", Reason::kCopyInconsistent, "the copied neostore knows transaction 10, the log ends at 9",
         neostore_field(NeostoreField::kLastTransaction, 10)},
    };
}

}  // namespace n4b::engine
