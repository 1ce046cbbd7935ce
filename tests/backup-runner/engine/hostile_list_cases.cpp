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
using testing::ScriptedPeer;
using testing::Then;

Arrange prepare(Change change) {
    return on(Asked::kPrepare, std::move(change));
}

/// PREPARE answered with a list of one's own, behind the files.
Arrange list(const std::function<void(PayloadWriter&)>& write) {
    return prepare(frames([write](Frames& parts) {
        PayloadWriter body;
        write(body);
        parts.payloads.back() = body.take();
    }));
}

/// The honest list with other names.
Arrange names(std::vector<std::string> files) {
    return list([files = std::move(files)](PayloadWriter& body) {
        body.i32(0).i64(5).i32(static_cast<std::int32_t>(files.size()));
        for (const auto& file : files) body.text(file);
        body.i32(0);
    });
}

std::vector<std::string> all_and(std::string more) {
    std::vector<std::string> files{std::move(more)};
    for (const auto& [name, contents] : FakeCatchupServer().store_files) files.push_back(name);
    return files;
}

std::vector<std::string> all_but(const std::string& missing) {
    auto files = all_and(missing);
    std::erase(files, missing);
    return files;
}

Arrange checkpoint(std::int64_t transaction) {
    return [transaction](FakeCatchupServer& content, ScriptedPeer&) { content.checkpoint = transaction; };
}

/// Files of these names in front of those that an honest server streams.
Arrange atomic(std::vector<std::string> files) {
    return prepare(frames([files = std::move(files)](Frames& parts) {
        std::vector<Bytes> all;
        for (const auto& name : files) {
            all.push_back({std::byte{3}});
            all.push_back(PayloadWriter().text(name).i32(1).take());
            all.push_back(PayloadWriter().i32(1).byte(9).take());
        }
        all.insert(all.end(), parts.payloads.begin(), parts.payloads.end());
        parts.payloads = std::move(all);
    }));
}

/// File after file, each of another name.
Change files_for_ever(std::string directory) {
    return [directory = std::move(directory)](Answer& answer) {
        answer.bytes.clear();
        auto count = std::make_shared<int>(0);
        answer.more = [directory, count] {
            Bytes out;
            for (int i = 0; i < 50; ++i) {
                catchup::append_frame(out, {std::byte{3}});
                catchup::append_frame(out, PayloadWriter().text(directory + std::to_string(++*count)).i32(1).take());
                catchup::append_frame(out, PayloadWriter().i32(0).take());
            }
            return out;
        };
    };
}

/// One file without an end.
Change file_for_ever() {
    return [](Answer& answer) {
        answer.bytes.clear();
        catchup::append_frame(answer.bytes, {std::byte{3}});
        catchup::append_frame(answer.bytes, PayloadWriter().text("neostore.counts.db.b").i32(1).take());
        auto chunk = PayloadWriter().i32(-1).take();
        chunk.resize(4 + 8192);
        Bytes framed;
        catchup::append_frame(framed, chunk);
        answer.pause = std::chrono::milliseconds(1);
        answer.more = [framed] { return framed; };
    };
}

}  // namespace

std::vector<HostileCase> list_cases() {
    return {
        {"AnotherStore", Reason::kSourceRefused, "changed its store id between two requests",
         [](FakeCatchupServer& content, ScriptedPeer&) { content.prepare_status = 1; }},
        {"ListingFailedWithoutItsTypeFrame", Reason::kSourceRefused, "could not prepare a copy",
         [](FakeCatchupServer& content, ScriptedPeer&) { content.prepare_status = 2; }},
        {"ListingFailed", Reason::kSourceRefused, "could not prepare a copy",
         list([](PayloadWriter& body) { body.i32(2).i64(0).i32(0).i32(0); })},
        {"UnknownStatus", kWrong, "the unknown status 3 of a prepared store copy",
         list([](PayloadWriter& body) { body.i32(3).i64(5).i32(0).i32(0); })},
        {"NegativeStatus", kWrong, "the unknown status -1 of a prepared store copy",
         list([](PayloadWriter& body) { body.i32(-1).i64(5).i32(0).i32(0); })},
        {"EmptyBody", kWrong, "an end in the middle of a number", list([](PayloadWriter&) {})},
        {"NegativeCountOfFiles", kWrong, "a list that claims -5 files",
         list([](PayloadWriter& body) { body.i32(0).i64(5).i32(-5).i32(0); })},
        {"HugeCountOfFiles", kWrong, "a list that claims 2147483647 files",
         list([](PayloadWriter& body) { body.i32(0).i64(5).i32(INT32_MAX).text("neostore").i32(0); })},
        {"MoreFilesClaimedThanThere", kWrong, "a list of files with",
         list([](PayloadWriter& body) { body.i32(0).i64(5).i32(3).text("neostore").i32(0); })},
        {"FewerFilesClaimedThanThere", kWrong, "a list",
         list([](PayloadWriter& body) { body.i32(0).i64(5).i32(1).text("neostore").text("more").i32(0); })},
        {"NegativeLengthOfAName", kWrong, "a string that claims -1 bytes",
         list([](PayloadWriter& body) { body.i32(0).i64(5).i32(1).i32(-1).i32(0); })},
        {"HugeLengthOfAName", kWrong, "a string that claims 2147483647 bytes",
         list([](PayloadWriter& body) { body.i32(0).i64(5).i32(1).i32(INT32_MAX).i32(0); })},
        {"NegativeCountOfIndexes", kWrong, "a list that claims -1 indexes",
         list([](PayloadWriter& body) { body.i32(0).i64(5).i32(1).text("neostore").i32(-1); })},
        {"HugeCountOfIndexes", kWrong, "a list that claims 2147483647 indexes",
         list([](PayloadWriter& body) { body.i32(0).i64(5).i32(1).text("neostore").i32(INT32_MAX).i64(1); })},
        {"AHundredThousandNames", kWrong, "a list that claims 100000 files", list([](PayloadWriter& body) {
             body.i32(0).i64(5).i32(100000);
             for (int i = 0; i < 100000; ++i) body.i32(0);
             body.i32(0);
         })},
        {"ManyIndexes", kWrong, "a list that claims 60000 indexes", list([](PayloadWriter& body) {
             body.i32(0).i64(5).i32(1).text("neostore").i32(60000);
             for (int i = 0; i < 60000; ++i) body.i64(i);
         })},
        {"ListBeyondTwoMebibytes", kWrong, "a frame of 2097200 bytes where 0 to 524288 are allowed",
         list([](PayloadWriter& body) {
             for (int i = 0; i < 2097200; ++i) body.byte(0);
         })},
        {"CheckpointZero", kWrong, "checkpoint 0", checkpoint(0)},
        {"CheckpointNegative", kWrong, "checkpoint -1", checkpoint(-1)},
        {"CheckpointBeyondAnyTransaction", kWrong, "checkpoint 9223372036854775807", checkpoint(INT64_MAX)},
        {"CheckpointInTheFuture", Reason::kSourceBehind, "below its own checkpoint 1000", checkpoint(1000)},
        {"WithoutNeostore", kWrong, "lacks neostore", names(all_but("neostore"))},
        {"WithoutNodes", kWrong, "lacks neostore.nodestore.db", names(all_but("neostore.nodestore.db"))},
        {"WithoutStrings", kWrong, "lacks neostore.propertystore.db.strings",
         names(all_but("neostore.propertystore.db.strings"))},
        {"WithoutCounts", kWrong, "lacks neostore.counts.db.a",
         [](FakeCatchupServer& content, ScriptedPeer&) {
             content.atomic_files.clear();
             std::erase_if(content.store_files, [](const auto& file) { return file.first == "neostore.counts.db.a"; });
         }},
        {"Empty", kWrong, "lacks neostore", names({})},
        {"ANameTwice", kWrong, "lists neostore.nodestore.db twice", names(all_and("neostore.nodestore.db"))},
        {"LeavesTheDirectory", kWrong, "a file named \"../../etc/passwd\": it leaves the database directory",
         names(all_and("../../etc/passwd"))},
        {"TransactionLogAsAStoreFile", kWrong, "a file named \"neostore.transaction.db.3\": reserved",
         names(all_and("neostore.transaction.db.3"))},
        {"NotAsked", Reason::kSourceStalled, "sent nothing for 0.4 s", prepare(nothing(Then::kStall)),
         std::chrono::seconds(10), short_stall},
        {"StallsInAFile", Reason::kSourceStalled, "sent nothing for 0.3 s", prepare(cut(60, Then::kStall)),
         std::chrono::seconds(10), short_stall},
        {"ClosesInAFile", Reason::kSourceConnectionLost, "in the middle of its answer", prepare(cut(60, Then::kClose))},
        {"ClosesOnAFrameBoundary", Reason::kSourceConnectionLost, "closed the connection before its answer",
         prepare([](Answer& answer) {
             Frames parts(answer.bytes);
             parts.payloads.resize(3);
             answer.bytes = parts.bytes();
             answer.then = Then::kClose;
         })},
        {"ListBeforeItsFiles", kWrong, "with the beginning of a file", prepare(frames([](Frames& parts) {
             std::rotate(parts.payloads.begin(), parts.payloads.end() - 2, parts.payloads.end());
         }))},
        {"FilesForEver", kWrong, "more files than a store can have", prepare(files_for_ever("f"))},
        {"LongNamesForEver", kWrong, "more files than a store can have",
         prepare(files_for_ever(std::string(170, 'd') + "/" + std::string(170, 'e') + "/" + std::string(170, 'f') +
                                "/" + std::string(170, 'g') + "/" + std::string(170, 'n'))),
         std::chrono::seconds(60)},
        {"AFileForEver", Reason::kAttemptDeadlineExceeded, "deadline", prepare(file_for_ever()),
         std::chrono::seconds(10), short_deadline},
    };
}

std::vector<HostileCase> name_cases() {
    std::string deep;
    for (int i = 0; i < 20; ++i) deep += "d/";
    const std::string leaves = "it leaves the database directory";
    return {
        {"Empty", kWrong, "a file named \"\": empty", atomic({""})},
        {"Parent", kWrong, leaves, atomic({".."})},
        {"ParentInside", kWrong, leaves, atomic({"schema/../../x"})},
        {"ParentWithBackslash", kWrong, leaves, atomic({"schema\\..\\..\\x"})},
        {"Itself", kWrong, leaves, atomic({"./x"})},
        {"Absolute", kWrong, "absolute", atomic({"/etc/passwd"})},
        {"AbsoluteWithBackslash", kWrong, "absolute", atomic({"\\x"})},
        {"TrailingSlash", kWrong, "empty component", atomic({"schema/"})},
        {"Nul", kWrong, "a control character", atomic({std::string("neo\0store", 9)})},
        {"Newline", kWrong, "a control character", atomic({"neo\nstore"})},
        {"Escape", kWrong, "a file named \"?[31mred\": a control character", atomic({"\x1b[31mred"})},
        {"NotUtf8", kWrong, "not UTF-8", atomic({"caf\xe9"})},
        {"HalfASurrogate", kWrong, "not UTF-8", atomic({"x\xed\xa0\x80"})},
        {"OverlongUtf8", kWrong, "not UTF-8", atomic({"x\xc0\xaf"})},
        {"LongComponent", kWrong, "a part of it is longer than 255 bytes", atomic({std::string(256, 'x')})},
        {"LongPath", kWrong, "a string that claims 1025 bytes", atomic({std::string(1025, 'x')})},
        {"HugePath", kWrong, "a frame of 100008 bytes", atomic({std::string(100000, 'x')})},
        {"Deep", kWrong, "too many directories", atomic({deep + "x"})},
        {"Twice", kWrong, "the source sent the file \"x\" twice", atomic({"x", "x"})},
        {"TwiceWithBackslash", kWrong, "the source sent the file \"d\\x\" twice", atomic({"d/x", "d\\x"})},
        {"FileThenDirectory", kWrong, "a part of that name is a file itself", atomic({"x", "x/y"})},
        {"DirectoryThenFile", kWrong, "both as a file and as a directory", atomic({"x/y", "x"})},
        {"TransactionLog", kWrong, "reserved", atomic({"neostore.transaction.db.0"})},
        {"StoreLock", kWrong, "reserved", atomic({"store_lock"})},
        {"RestoreMarker", kWrong, "reserved", atomic({"RESTORE-INCOMPLETE"})},
        {"BelowTheRestoreMarker", kWrong, "reserved", atomic({"RESTORE-INCOMPLETE/x"})},
        {"BesideTheRestoreMarker", kWrong, "reserved", atomic({"RESTORE-INCOMPLETE.neostore"})},
        {"BelowNeostore", kWrong, "reserved", atomic({"neostore/x"})},
        {"BelowStoreLock", kWrong, "reserved", atomic({"store_lock/x"})},
        {"NeostoreUnderTheLock", kWrong, "the source sent neostore before it was asked for", atomic({"neostore"})},
    };
}

}  // namespace n4b::engine
