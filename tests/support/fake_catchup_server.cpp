#include "tests/support/fake_catchup_server.hpp"

#include <algorithm>
#include <cstdlib>

#include "backup-runner/catchup/decoder.hpp"
#include "backup-runner/catchup/handshake.hpp"
#include "backup-runner/catchup/payload_reader.hpp"
#include "backup-runner/txlog/big_endian.hpp"
#include "backup-runner/txlog/neostore.hpp"

namespace n4b::testing {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using catchup::append_frame;
using catchup::Bytes;
using catchup::PayloadReader;
using catchup::PayloadWriter;

constexpr std::size_t kChunk = catchup::Decoder::kChunkBytes;

void add_message(Bytes& out, std::uint8_t type, const Bytes& body) {
    append_frame(out, {std::byte{type}});
    append_frame(out, body);
}

}  // namespace

/// One connection: requests in, answers out.
class FakeCatchupServer::Connection final : public net::Stream {
public:
    Connection(FakeCatchupServer& server, std::stop_token stop) : server_(server), stop_(std::move(stop)) {}

    Result<std::size_t> read_some(std::span<std::byte> into, base::Deadline) override {
        if (stop_.stop_requested()) return base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled");
        if (reset_) {
            return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost, "Connection reset by peer");
        }
        if (ended_ || out_.empty()) return 0;
        auto n = static_cast<std::int64_t>(std::min(into.size(), out_.size() - read_));
        const std::int64_t before = server_.sent_;
        n = std::min(n, std::max<std::int64_t>(server_.cut_after - before, 0));
        if (const std::int64_t at = server_.break_once_after; at != INT64_MAX && before + n >= at) {
            server_.break_once_after = INT64_MAX;
            n = std::max<std::int64_t>(at - before, 0);
            ended_ = true;
        }
        if (n == 0) return 0;
        server_.sent_ += n;
        std::copy_n(out_.begin() + static_cast<std::ptrdiff_t>(read_), n, into.begin());
        read_ += static_cast<std::size_t>(n);
        if (read_ == out_.size()) {
            out_.clear();
            read_ = 0;
        }
        return static_cast<std::size_t>(n);
    }

    Result<void> write(std::span<const std::byte> bytes, base::Deadline) override {
        in_.insert(in_.end(), bytes.begin(), bytes.end());
        while (in_.size() >= 4) {
            const auto length = static_cast<std::size_t>(txlog::load_big_endian<std::int32_t>(in_));
            if (in_.size() < 4 + length) break;
            frame(Bytes(in_.begin() + 4, in_.begin() + static_cast<std::ptrdiff_t>(4 + length)));
            in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(4 + length));
        }
        return {};
    }

private:
    void frame(const Bytes& payload) {
        ++frames_;
        if (frames_ == 1) {
            append_frame(out_, payload);  // the magic, echoed
        } else if (frames_ == 2) {
            append_frame(out_, PayloadWriter().i32(0).i32(0).text("catchup").i32(1).take());
        } else if (frames_ == 3) {
            append_frame(out_, PayloadWriter().i32(2).i32(0).take());
        } else if (frames_ % 2 == 0) {
            type_ = std::to_integer<std::uint8_t>(payload[0]);
        } else if (type_ == 3 && server_.resets_when_asked_for_role) {
            reset_ = true;
        } else if (type_ == 3 && server_.role == Role::kReadReplica) {
            ended_ = true;  // It has no handler for a core's snapshot.
        } else {
            auto reply = server_.answer(type_, payload);
            if (server_.tamper) server_.tamper(reply);
            out_.insert(out_.end(), reply.begin(), reply.end());
        }
    }

    FakeCatchupServer& server_;
    std::stop_token stop_;
    Bytes in_{};
    Bytes out_{};
    std::size_t read_ = 0;  ///< Of `out_`: answers have hundreds of megabytes, too many to move with each read.
    int frames_ = 0;
    std::uint8_t type_ = 0;
    bool ended_ = false;
    bool reset_ = false;
};

catchup::Bytes& FakeCatchupServer::store_file(const std::string& name) {
    for (auto& [listed, contents] : store_files) {
        if (listed == name) return contents;
    }
    std::abort();  // A misspelt name.
}

FakeCatchupServer::FakeCatchupServer() {
    atomic_files = {{"neostore.counts.db.a", Bytes(96)}, {"schema/index/lucene/1/segments_1", Bytes(3)}};
    Bytes neostore(8192);
    for (std::size_t i = 0; i < txlog::kNeostoreMinBytes; i += 9) neostore[i] = std::byte{1};
    using txlog::NeostoreField;
    txlog::set(neostore, NeostoreField::kCreationTime, id.creation_time);
    txlog::set(neostore, NeostoreField::kRandom, id.random);
    txlog::set(neostore, NeostoreField::kUpgradeTime, id.upgrade_time);
    txlog::set(neostore, NeostoreField::kUpgradeTransaction, id.upgrade_transaction);
    txlog::set(neostore, NeostoreField::kLastTransaction, 6);
    txlog::set(neostore, NeostoreField::kStoreVersion, 16094931155187206);
    store_files = {{"neostore.nodestore.db", Bytes(20000, std::byte{7})},
                   {"neostore.propertystore.db", Bytes(16384, std::byte{8})},
                   {"neostore.relationshipstore.db", {}},
                   {"neostore.nodestore.db.labels", {}},
                   {"neostore.propertystore.db.arrays", {}},
                   {"neostore.propertystore.db.index", {}},
                   {"neostore.propertystore.db.index.keys", {}},
                   {"neostore.propertystore.db.strings", {}},
                   {"neostore.relationshipgroupstore.db", {}},
                   {"neostore.relationshiptypestore.db", {}},
                   {"neostore.relationshiptypestore.db.names", {}},
                   {"neostore.labeltokenstore.db", {}},
                   {"neostore.labeltokenstore.db.names", {}},
                   {"neostore.schemastore.db", {}},
                   {"neostore.counts.db.a", Bytes(1)},
                   {"neostore", neostore}};
}

Result<std::vector<net::Address>> FakeCatchupServer::resolve(const std::string& host, std::uint16_t port,
                                                             base::Deadline, std::stop_token) {
    if (host == "unknown") return base::fail(ErrorCode::kNotFound, Reason::kSourceNameNotResolved, "resolve unknown");
    const auto known = addresses.find(host);
    return std::vector<net::Address>{{.ip = known == addresses.end() ? host : known->second, .port = port}};
}

Result<std::unique_ptr<net::Stream>> FakeCatchupServer::connect(const net::Address& address, base::Deadline,
                                                                std::stop_token stop) {
    if (address.ip == "refused") {
        return base::fail(ErrorCode::kUnavailable, Reason::kSourceUnreachable, "connect to refused");
    }
    if (on_connect) N4B_TRY_VOID(on_connect());
    return std::make_unique<Connection>(*this, std::move(stop));
}

Bytes FakeCatchupServer::transaction(std::int64_t id) {
    auto bytes = PayloadWriter()
                     .byte(0xF6)
                     .byte(1)
                     .i32(-1)
                     .i32(-1)
                     .i64(1000 + id)
                     .i64(id - 1)
                     .i32(8)
                     .i64(id)
                     .byte(0xF6)
                     .byte(5)
                     .i64(id)
                     .i64(1000 + id)
                     .take();
    return bytes;
}

Bytes FakeCatchupServer::answer(std::uint8_t type, std::span<const std::byte> body) {
    Bytes out;
    switch (type) {
        case 1:
            return answer_pull(body);
        case 3:
            add_message(out, 5, Bytes(300));
            return out;
        case 4:
            add_message(out, 2, PayloadWriter().store_id(id).take());
            return out;
        case 5: {
            if (prepare_status == 1) {
                add_message(out, 7, PayloadWriter().i32(1).i64(0).i32(0).i32(0).take());
                return out;
            }
            if (prepare_status == 2) {
                append_frame(out, PayloadWriter().i32(2).i64(0).i32(0).i32(0).take());
                return out;
            }
            for (const auto& [name, contents] : atomic_files) add_file(out, name, contents);
            auto list = PayloadWriter().i32(0).i64(checkpoint).i32(static_cast<std::int32_t>(store_files.size()));
            for (const auto& file : store_files) list.text(file.first);
            add_message(out, 7, list.i32(0).take());
            return out;
        }
        case 6:
            return answer_file(body);
        default:
            return out;
    }
}

void FakeCatchupServer::add_file(Bytes& out, const std::string& name, const Bytes& contents) {
    add_message(out, 3, PayloadWriter().text(name).i32(1).take());
    for (std::size_t at = 0;; at += kChunk) {
        const auto n = std::min(kChunk, contents.size() - at);
        const bool last = at + n == contents.size();
        auto chunk = PayloadWriter().i32(last ? static_cast<std::int32_t>(n) : -1).take();
        chunk.insert(chunk.end(), contents.begin() + static_cast<std::ptrdiff_t>(at),
                     contents.begin() + static_cast<std::ptrdiff_t>(at + n));
        append_frame(out, chunk);
        if (last) return;
    }
}

Bytes FakeCatchupServer::answer_file(std::span<const std::byte> body) {
    PayloadReader reader(body);
    reader.store_id();
    reader.i64();
    const auto name = reader.text(1024);
    {
        const std::lock_guard lock(mutex_);
        requested_.push_back(name);
    }
    if (on_file) on_file(name);
    Bytes out;
    if (file_status != 0) {
        add_message(out, 4, PayloadWriter().i32(file_status).take());
        return out;
    }
    const auto file =
        std::find_if(store_files.begin(), store_files.end(), [&](const auto& f) { return f.first == name; });
    if (file != store_files.end()) add_file(out, name, file->second);
    add_message(out, 4, PayloadWriter().i32(file == store_files.end() ? 3 : 0).take());
    return out;
}

Bytes FakeCatchupServer::answer_pull(std::span<const std::byte> body) {
    PayloadReader reader(body);
    const auto previous = reader.i64();
    const bool ours = reader.store_id() == id;
    if (ours && on_pull) on_pull(previous);
    if (!ours && on_last_committed && !on_last_committed()) return {};
    const std::int64_t committed = last_committed;
    const auto status = previous < pruned_to ? 4 : pull_status;
    Bytes out;
    if (ours && status == 1) {
        for (auto i = previous + 1; i <= std::min(committed, pulled_to); ++i) {
            auto frame = PayloadWriter().store_id(id).take();
            const auto entries = history(i);
            frame.insert(frame.end(), entries.begin(), entries.end());
            add_message(out, 1, frame);
        }
    }
    add_message(out, 6, PayloadWriter().i32(ours ? status : 2).i64(committed).take());
    return out;
}

}  // namespace n4b::testing
