#include "backup-runner/txlog/big_endian.hpp"
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

/// Of a transaction's frame: the store id before the START entry.
constexpr std::size_t kStoreId = 33;

/// Changes the bytes of transaction 7, the third of the first pull; 1 + 2 * 2 is its frame.
Arrange seventh(const std::function<void(Bytes&)>& change) {
    return on_pull(frames([change](Frames& parts) {
        if (parts.payloads.size() > 7) change(parts.payloads[5]);
    }));
}

Arrange byte_of_seventh(std::size_t offset, std::uint8_t value) {
    return seventh([=](Bytes& frame) { frame.at(offset) = std::byte{value}; });
}

/// The transaction id stands 16 bytes before the end, the commit time 8.
Arrange number_of_seventh(std::size_t from_end, std::int64_t value) {
    return seventh([=](Bytes& frame) { txlog::store_big_endian(std::span(frame).last(from_end), value); });
}

Arrange status(std::int32_t value, std::int64_t latest) {
    return on_pull(frames([=](Frames& parts) {
        parts.payloads = {{std::byte{6}}, PayloadWriter().i32(value).i64(latest).take()};
    }));
}

Bytes transaction_frame(std::int64_t id) {
    Bytes out;
    catchup::append_frame(out, {std::byte{1}});
    auto frame = PayloadWriter().store_id(FakeCatchupServer().id).take();
    const auto entries = FakeCatchupServer::transaction(id);
    frame.insert(frame.end(), entries.begin(), entries.end());
    catchup::append_frame(out, frame);
    return out;
}

/// Transaction after transaction, as from a server that commits faster than anybody can read.
void transactions_for_ever(Answer& answer) {
    answer.bytes.clear();
    auto next = std::make_shared<std::int64_t>(5);
    answer.more = [next] {
        Bytes out;
        for (int i = 0; i < 100; ++i) {
            const auto one = transaction_frame((*next)++);
            out.insert(out.end(), one.begin(), one.end());
        }
        return out;
    };
}

/// One transaction of two gigabytes.
void a_huge_transaction(Answer& answer) {
    auto first = transaction_frame(5);
    txlog::store_big_endian(std::span(first).subspan(5), INT32_MAX);
    answer.bytes = first;
    answer.more = [] { return Bytes(65536, std::byte{3}); };
}

/// Breaks off within transaction 7, and sends it differently the second time.
void sent_differently_again(FakeCatchupServer&, ScriptedPeer& peer) {
    peer.script = [](const Request& request, Answer& answer) {
        if (request.type != Asked::kPull || !request.ours) return;
        if (request.transaction == 4) {
            Frames parts(answer.bytes);
            parts.payloads.resize(6);
            answer.bytes = parts.bytes();
            answer.bytes.resize(answer.bytes.size() - 20);
            answer.then = Then::kClose;
        } else if (request.transaction == 6) {
            Frames parts(answer.bytes);
            parts.payloads[1].at(kStoreId + 12) = std::byte{0x55};
            answer.bytes = parts.bytes();
        }
    };
}

}  // namespace

std::vector<HostileCase> log_cases() {
    return {
        {"OfAnotherStore", kWrong, "a transaction of another database", byte_of_seventh(16, 0x77)},
        {"OfNoStore", kWrong, "a malformed store id before a transaction", byte_of_seventh(0, 0)},
        {"FrameTooShort", kWrong, "a frame of 50 bytes where 81 to 2147483647 are allowed",
         seventh([](Bytes& frame) { frame.resize(50); })},
        {"EmptyFrame", kWrong, "a frame of 0 bytes", seventh([](Bytes& frame) { frame.clear(); })},
        {"EntryOfAnotherVersion", kWrong, "transaction 7: it begins with bytes F5 01, a start entry begins with F6 01",
         byte_of_seventh(kStoreId, 0xF5)},
        {"CommandFirst", kWrong, "transaction 7: it begins with bytes F6 03, a start entry begins with F6 01",
         byte_of_seventh(kStoreId + 1, 3)},
        {"NegativeHeader", kWrong, "transaction 7: its start entry claims -1 bytes of additional header",
         seventh([](Bytes& frame) { txlog::store_big_endian(std::span(frame).subspan(kStoreId + 26), -1); })},
        {"HugeHeader", kWrong, "transaction 7: its start entry claims 2147483647 bytes of additional header",
         seventh([](Bytes& frame) { txlog::store_big_endian(std::span(frame).subspan(kStoreId + 26), INT32_MAX); })},
        {"HeaderOverTheCommit", kWrong, "transaction 7: its start entry claims 20 bytes of additional header",
         seventh([](Bytes& frame) { txlog::store_big_endian(std::span(frame).subspan(kStoreId + 26), 20); })},
        {"HeaderShorterThanItIs", kWrong, "transaction 7: behind its start entry stand bytes 00 00",
         seventh([](Bytes& frame) { txlog::store_big_endian(std::span(frame).subspan(kStoreId + 26), 2); })},
        {"NoCommand", kWrong, "transaction 7: behind its start entry stand bytes F6 01", seventh([](Bytes& frame) {
             const Bytes start(frame.begin() + kStoreId, frame.begin() + kStoreId + 38);
             frame.insert(frame.begin() + kStoreId, start.begin(), start.end());
         })},
        {"CommitOfAnotherVersion", kWrong, "transaction 7: it ends with bytes F5 05, a commit entry begins with F6 05",
         seventh([](Bytes& frame) { *(frame.end() - 18) = std::byte{0xF5}; })},
        {"NoCommit", kWrong, "transaction 7: it ends with bytes",
         seventh([](Bytes& frame) { frame.insert(frame.end(), 7, std::byte{0}); })},
        {"Gap", kWrong, "transaction 8 came where 7 was due", number_of_seventh(16, 8)},
        {"Repeat", kWrong, "transaction 6 came where 7 was due", number_of_seventh(16, 6)},
        {"Back", kWrong, "transaction 2 came where 7 was due", number_of_seventh(16, 2)},
        {"NegativeId", kWrong, "transaction -7 came where 7 was due", number_of_seventh(16, -7)},
        {"HugeId", kWrong, "transaction 9223372036854775807 came where 7 was due", number_of_seventh(16, INT64_MAX)},
        {"Reordered", kWrong, "transaction 8 came where 7 was due", on_pull(frames([](Frames& parts) {
             if (parts.payloads.size() > 7) std::swap(parts.payloads[5], parts.payloads[7]);
         }))},
        {"CommitTimeBeyondTheCalendar", kWrong, "transaction 7: its commit time 9223372036854775807 is none",
         number_of_seventh(8, INT64_MAX)},
        {"CommitTimeBeforeTheCalendar", kWrong, "transaction 7: its commit time -9223372036854775808 is none",
         number_of_seventh(8, INT64_MIN)},
        {"AnotherStoreStatus", Reason::kSourceRefused, "changed its store id", status(2, 9)},
        {"Unavailable", Reason::kSourceRefused, "not available at the moment", status(3, 9)},
        {"Pruned", Reason::kSourceLogPruned, "has pruned transaction 5", status(4, 9)},
        {"InvalidRequest", Reason::kSourceRefused, "refuses to send transactions after 4", status(5, -1)},
        {"UnknownStatus", kWrong, "the unknown status 6 at the end of a transaction stream", status(6, 9)},
        {"NegativeStatus", kWrong, "the unknown status -1 at the end of a transaction stream", status(-1, 9)},
        {"EndsInThePast", Reason::kSourceBehind, "committed only up to transaction 2", status(1, 2)},
        {"EndsWithoutTheCheckpointsTransaction", Reason::kCopyInconsistent, "sent the log only to 4", status(1, 9)},
        {"EndOfBatchOnly", Reason::kCopyInconsistent, "sent the log only to 4", status(0, 9)},
        {"FileInTheStream", kWrong, "with the beginning of a file", on_pull(frames([](Frames& parts) {
             parts.payloads = {{std::byte{3}}, PayloadWriter().text("x").i32(1).take()};
         }))},
        {"Stalls", Reason::kSourceStalled, "sent nothing for 0.3 s", on_pull(cut(150, Then::kStall)),
         std::chrono::seconds(10), short_stall},
        {"ClosesEachTime", Reason::kSourceConnectionLost, "in the middle of its answer", on_pull(cut(60, Then::kClose)),
         kRetries},
        {"ResetsEachTime", Reason::kSourceConnectionLost, "reset", on_pull(cut(60, Then::kReset)), kRetries},
        {"ClosesEachTimeOnAFrameBoundary", Reason::kSourceConnectionLost, "closed the connection before its answer",
         on_pull([](Answer& answer) {
             Frames parts(answer.bytes);
             if (parts.payloads.size() > 2) parts.payloads.resize(2);
             answer.bytes = parts.bytes();
             answer.then = Then::kClose;
         }),
         std::chrono::seconds(40)},
        {"SentDifferentlyAgain", kWrong, "transaction 7 was sent again with other bytes", sent_differently_again},
        {"SentAgainWithAnotherLength", kWrong, "transaction 7 came with",
         [](FakeCatchupServer& content, ScriptedPeer& peer) {
             sent_differently_again(content, peer);
             peer.script = [first = peer.script](const Request& request, Answer& answer) {
                 first(request, answer);
                 if (request.type != Asked::kPull || !request.ours || request.transaction != 6) return;
                 Frames parts(answer.bytes);
                 parts.payloads[1].resize(parts.payloads[1].size() + 9);
                 answer.bytes = parts.bytes();
             };
         }},
        {"ForEver", Reason::kAttemptDeadlineExceeded, "deadline", on_pull(transactions_for_ever),
         std::chrono::seconds(10), short_deadline},
        {"HugeTransaction", Reason::kAttemptDeadlineExceeded, "deadline", on_pull(a_huge_transaction),
         std::chrono::seconds(10), short_deadline},
        // Files of different moments: what the completeness rule is for.
        {"FallsShortOfWhatWasCommittedWhenTheFilesWereRead", Reason::kCopyInconsistent,
         "had committed transaction 9 when its files had been read, but sent the log only to 8",
         [](FakeCatchupServer& content, ScriptedPeer&) { content.pulled_to = 8; }},
        {"DoesNotFollowWhatIsCommittedMeanwhile", Reason::kCopyInconsistent,
         "had committed transaction 12 when its files had been read, but sent the log only to 9",
         [](FakeCatchupServer& content, ScriptedPeer&) {
             content.pulled_to = 9;
             content.on_file = [&content](const std::string& name) {
                 if (name == kNodes) content.last_committed = 12;
             };
         }},
    };
}

}  // namespace n4b::engine
