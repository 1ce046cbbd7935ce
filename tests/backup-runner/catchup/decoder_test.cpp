#include "backup-runner/catchup/decoder.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/bytes.hpp"

namespace n4b::catchup {
namespace {

using testing::from_hex;

constexpr char kStoreIdBody[] = "01 000001a2036e773d b62f2964b31eac02 000001a2036e773d 0000000000000001";

/// A log of the events, spans copied.
struct Log {
    std::string text;
    Bytes data;

    void operator()(const NeedMore&) {}
    void operator()(const StoreIdMessage& e) { text += "id " + txlog::to_string(e.id) + "\n"; }
    void operator()(const FileBegin& e) { text += "file " + e.name + "\n"; }
    void operator()(const FileData& e) { data.insert(data.end(), e.bytes.begin(), e.bytes.end()); }
    void operator()(const FileEnd&) { text += "end " + std::to_string(data.size()) + "\n"; }
    void operator()(const FileFinished& e) { text += "finished " + std::to_string(static_cast<int>(e.status)) + "\n"; }
    void operator()(const Prepared& e) {
        text += "prepared " + std::to_string(e.last_transaction);
        for (const auto& f : e.files) text += " " + f;
        text += "\n";
    }
    void operator()(const TransactionBegin& e) { text += "transaction " + std::to_string(e.bytes) + "\n"; }
    void operator()(const TransactionData& e) { data.insert(data.end(), e.bytes.begin(), e.bytes.end()); }
    void operator()(const TransactionEnd&) { text += "end " + std::to_string(data.size()) + "\n"; }
    void operator()(const CoreSnapshot&) { text += "core\n"; }
    void operator()(const PullFinished& e) {
        text +=
            "pulled " + std::to_string(static_cast<int>(e.status)) + " " + std::to_string(e.latest_transaction) + "\n";
    }
};

/// Decodes in pieces of that size; the error, or the log.
base::Result<Log> decode(const Bytes& input, std::size_t piece) {
    Decoder decoder;
    Log log;
    for (std::size_t at = 0; at < input.size(); at += piece) {
        std::span<const std::byte> rest = std::span(input).subspan(at, std::min(piece, input.size() - at));
        for (;;) {
            N4B_TRY(const auto event, decoder.next(rest));
            if (std::holds_alternative<NeedMore>(event)) break;
            std::visit(log, event);
        }
    }
    log.text += decoder.idle() ? "idle" : "cut";
    return log;
}

Bytes message(std::uint8_t type, const Bytes& body) {
    Bytes out;
    append_frame(out, {std::byte{type}});
    append_frame(out, body);
    return out;
}

Bytes chunk(std::int32_t encoded, std::size_t bytes) {
    auto payload = PayloadWriter().i32(encoded).take();
    payload.resize(payload.size() + bytes, std::byte{0xAB});
    Bytes out;
    append_frame(out, payload);
    return out;
}

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

void expect(const Bytes& input, const std::string& text) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{4096}, input.size() + 1}) {
        const auto log = decode(input, piece);
        ASSERT_TRUE(log) << log.error().message;
        EXPECT_EQ(log->text, text) << "in pieces of " << piece;
    }
}

TEST(Decoder, ReadsAStoreId) {
    expect(message(2, from_hex(kStoreIdBody)),
           "id 000001a2036e773db62f2964b31eac02000001a2036e773d0000000000000001\nidle");
}

TEST(Decoder, ReadsFilesOfEveryShape) {
    const auto header = [](const char* name) { return message(3, PayloadWriter().text(name).i32(1).take()); };
    expect(header("a") + chunk(-1, 8192) + chunk(10, 10), "file a\nend 8202\nidle");
    expect(header("b") + chunk(8192, 8192), "file b\nend 8192\nidle");
    expect(header("c") + chunk(0, 0) + message(4, PayloadWriter().i32(0).take()), "file c\nend 0\nfinished 0\nidle");
    expect(header("d") + chunk(-1, 8192), "file d\ncut");
}

TEST(Decoder, ReadsAListOfFiles) {
    const auto body = PayloadWriter().i32(0).i64(42).i32(2).text("x").text("neostore").i32(1).i64(7).take();
    expect(message(7, body), "prepared 42 x neostore\nidle");
    // The answer to a foreign store id (section 6.6).
    expect(message(7, from_hex("00000001 0000000000000000 00000000 00000000")), "prepared 0\nidle");
}

TEST(Decoder, ReadsTransactionsAndTheirEnd) {
    auto body = from_hex(kStoreIdBody);
    body.resize(33 + 100, std::byte{1});
    expect(message(1, body) + message(6, from_hex("00000001 000000000000025e")),
           "transaction 100\nend 100\npulled 1 606\nidle");
}

TEST(Decoder, SkipsACoreSnapshot) {
    expect(message(5, Bytes(300)) + message(5, {}) + message(2, from_hex(kStoreIdBody)),
           "core\ncore\nid 000001a2036e773db62f2964b31eac02000001a2036e773d0000000000000001\nidle");
    expect(message(5, Bytes(5000)), "core\nidle");
}

TEST(Decoder, ReadsAFailedPreparationThatComesWithoutItsType) {
    const auto log = decode(from_hex("00000014 00000002 0000000000000000 00000000 00000000"), 3);
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(log->text, "prepared 0\nidle");
}

TEST(Decoder, RefusesWhatTheProtocolDoesNotAllow) {
    const auto header = message(3, PayloadWriter().text("a").i32(1).take());
    const struct {
        const char* name;
        Bytes input;
    } cases[]{
        {"unknown type", message(9, {})},
        {"type frame of two bytes", from_hex("00000002")},
        {"negative length", from_hex("80000000")},
        {"type frame of twenty bytes", from_hex("00000014 00000000 0000000000000000 00000000 00000000")},
        {"endless snapshot", from_hex("00000001 05 00200001")},
        {"endless header", from_hex("00000001 03 7fffffff")},
        {"endless list", from_hex("00000001 07 00200001")},
        {"chunk longer than a chunk", header + from_hex("00002005")},
        {"chunk that claims more", header + chunk(11, 10)},
        {"chunk that claims less", header + chunk(9, 10)},
        {"short chunk with more to come", header + chunk(-1, 10)},
        {"chunk with code -2", header + chunk(-2, 8192)},
        {"null store id", message(2, from_hex("00"))},
        {"store id with a tail", message(2, from_hex(kStoreIdBody) + from_hex("00"))},
        {"file name longer than its frame", message(3, from_hex("000000ff 6100000001"))},
        {"negative file name", message(3, from_hex("ffffffff 00000001"))},
        {"status out of range", message(4, from_hex("00000007"))},
        {"negative count of files", message(7, from_hex("00000000 0000000000000001 ffffffff 00000000"))},
        {"count beyond the frame", message(7, from_hex("00000000 0000000000000001 7fffffff 00000000"))},
        {"transaction too short", from_hex("00000001 01 00000030")},
    };
    for (const auto& c : cases) {
        for (const std::size_t piece : {std::size_t{1}, c.input.size()}) {
            const auto log = decode(c.input, piece);
            ASSERT_FALSE(log) << c.name << ": " << log->text;
            EXPECT_EQ(log.error().reason, base::Reason::kSourceProtocolError) << c.name;
        }
    }
}

TEST(Requests, MatchTheProtocol) {
    const txlog::StoreId id{.creation_time = 1, .random = 2, .upgrade_time = 3, .upgrade_transaction = 4};
    const std::string id_hex = "01 0000000000000001 0000000000000002 0000000000000003 0000000000000004";
    EXPECT_EQ(store_id_request(), from_hex("00000001 04 00000001 00"));
    EXPECT_EQ(core_snapshot_request(), from_hex("00000001 03 00000001 00"));
    EXPECT_EQ(prepare_store_copy_request(id), from_hex("00000001 05 00000021" + id_hex));
    EXPECT_EQ(store_file_request(id, 9, "ab"),
              from_hex("00000001 06 0000002f" + id_hex + "0000000000000009 00000002 6162"));
    EXPECT_EQ(index_snapshot_request(id, 9, 8),
              from_hex("00000001 07 00000031" + id_hex + "0000000000000009 0000000000000008"));
    EXPECT_EQ(transaction_pull_request(id, 5), from_hex("00000001 01 00000029 0000000000000005" + id_hex));
}

}  // namespace
}  // namespace n4b::catchup
