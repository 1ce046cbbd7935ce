#include "backup-runner/catchup/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "backup-runner/net/tls.hpp"

namespace n4b::catchup {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// What an event is part of, for a person.
std::string_view kind_of(const Event& event) {
    static constexpr std::array<std::string_view, std::variant_size_v<Event>> kKinds{"nothing",
                                                                                     "a store id",
                                                                                     "the beginning of a file",
                                                                                     "the contents of a file",
                                                                                     "the end of a file's contents",
                                                                                     "the end of a file",
                                                                                     "a list of files",
                                                                                     "the beginning of a transaction",
                                                                                     "the contents of a transaction",
                                                                                     "the end of a transaction",
                                                                                     "the end of a transaction stream",
                                                                                     "a core's snapshot"};
    return kKinds.at(event.index());
}

tl::unexpected<base::Error> unexpected_answer(std::string_view request, const Event& event) {
    return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                      fmt::format("the source answered {} with {}", request, kind_of(event)));
}

/// What a peer speaks is found out within this time: it answers at once or never.
constexpr auto kProbePatience = std::chrono::seconds(5);

/// True for what a server in clear text does with the greeting of a TLS client: nothing, mostly.
bool may_speak_clear_text(const base::Error& error) {
    return error.reason == Reason::kSourceStalled || error.reason == Reason::kSourceConnectionLost ||
           error.reason == Reason::kNotCatchupServer;
}

base::Error speaks_clear_text(const net::Address& address) {
    return {.code = ErrorCode::kFailedPrecondition,
            .message = fmt::format("{}: found a catchup server in clear text, expected TLS: it has no SSL policy "
                                   "(dbms.backup.ssl_policy); set one there, or leave out TLS here",
                                   net::to_string(address)),
            .reason = Reason::kSourceSpeaksClearText};
}

base::Error requires_tls(const net::Address& address) {
    return {
        .code = ErrorCode::kFailedPrecondition,
        .message = fmt::format("{}: found a server that speaks TLS, but was told to speak clear text: give the key "
                               "and certificates of its SSL policy (spec.connection.tls of the source, or --tls DIR)",
                               net::to_string(address)),
        .reason = Reason::kSourceRequiresTls};
}

}  // namespace

Session::Session(std::unique_ptr<net::Stream> stream, const SessionOptions& options)
    : stream_(std::move(stream)), options_(options), buffer_(options.buffer_bytes) {}

Result<std::unique_ptr<Session>> Session::open(net::Dialer& dialer, const net::Address& address,
                                               const SessionOptions& options, std::stop_token stop,
                                               std::optional<Family>& family) {
    const Family first = family.value_or(Family::kNeo4j);
    auto stage = Stage::kConnecting;
    auto session = open_as(dialer, address, options, stop, first, stage);
    if (session) {
        family = first;
        return session;
    }
    if (family) return session;
    if (stage == Stage::kConnecting && dialer.secure() && may_speak_clear_text(session.error())) {
        N4B_TRY(const bool clear, answers_in_clear(dialer, address, options, stop));
        if (clear) return base::fail(speaks_clear_text(address));
        return session;
    }
    if (stage != Stage::kGreeted) return session;
    // A peer that closes without a byte speaks the other magic, or TLS, or something else altogether.
    auto second = open_as(dialer, address, options, stop, Family::kOngdb, stage);
    if (second) {
        family = Family::kOngdb;
    } else if (stage == Stage::kGreeted && !dialer.secure()) {
        const auto deadline = base::Deadline::after(kProbePatience).sooner(options.deadline);
        N4B_TRY(const bool tls, net::answers_tls(dialer, address, deadline, std::move(stop)));
        if (tls) return base::fail(requires_tls(address));
    }
    return second;
}

Result<std::unique_ptr<Session>> Session::open_as(net::Dialer& dialer, const net::Address& address,
                                                  const SessionOptions& options, std::stop_token stop, Family family,
                                                  Stage& stage) {
    stage = Stage::kConnecting;
    const auto deadline = base::Deadline::after(options.connect).sooner(options.deadline);
    N4B_TRY(auto stream, dialer.connect(address, deadline, std::move(stop)));
    std::unique_ptr<Session> session(new Session(std::move(stream), options));
    if (auto done = session->shake_hands(family, stage); !done) {
        return base::fail(done.error().wrap(net::to_string(address)));
    }
    return session;
}

/// Whether a peer that does not take TLS shakes hands in clear text. Cancelled.
Result<bool> Session::answers_in_clear(net::Dialer& dialer, const net::Address& address, SessionOptions options,
                                       const std::stop_token& stop) {
    options.handshake = std::min<std::chrono::milliseconds>(options.handshake, kProbePatience);
    for (const auto family : {Family::kNeo4j, Family::kOngdb}) {
        const auto deadline = base::Deadline::after(kProbePatience).sooner(options.deadline);
        auto stream = dialer.connect_in_clear(address, deadline, stop);
        if (!stream) return stop.stop_requested() ? Result<bool>(base::fail(stream.error())) : Result<bool>(false);
        Session session(std::move(*stream), options);
        auto stage = Stage::kConnecting;
        const auto done = session.shake_hands(family, stage);
        if (done) return true;
        if (done.error().code == ErrorCode::kCancelled) return base::fail(done.error());
        if (stage != Stage::kGreeted) return false;
    }
    return false;
}

Result<void> Session::shake_hands(Family family, Stage& stage) {
    stage = Stage::kHeard;
    Handshake handshake(family);
    N4B_TRY_VOID(send(handshake.opening()));
    bool heard = false;
    // For all of it: a peer that sends a byte now and then does not hold us longer.
    const auto until = base::Deadline::after(options_.handshake);
    while (!handshake.done()) {
        const auto received = fill(until.left());
        const bool quiet = !received && received.error().reason == Reason::kSourceStalled;
        const bool closed = received ? *received == 0 : received.error().reason == Reason::kSourceConnectionLost;
        if (quiet || closed) {
            if (closed && !heard) stage = Stage::kGreeted;
            return base::fail(
                quiet ? ErrorCode::kDeadline : ErrorCode::kInvalid, Reason::kNotCatchupServer,
                fmt::format("this is not a catchup server in {}: it {} {} the handshake (a single instance "
                            "or another service look like this)",
                            security() == nullptr ? "clear text" : "TLS",
                            quiet ? "did not answer" : "closed the connection", heard ? "during" : "on"));
        }
        if (!received) return base::fail(received.error());
        heard = true;
        N4B_TRY(const Bytes reply, handshake.feed(input_));
        if (!reply.empty()) N4B_TRY_VOID(send(reply));
    }
    if (security() != nullptr && !input_.empty()) {
        return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                          "the source sent more in a TLS session that had ended");
    }
    return stream_->renew(base::Deadline::after(options_.connect).sooner(options_.deadline));
}

namespace {

/// A connection that was lost says so itself; every other error goes on as it is.
tl::unexpected<base::Error> broke(const base::Error& error) {
    const bool lost = error.reason == Reason::kSourceConnectionLost;
    return base::fail(lost ? error.wrap("the connection to the source broke") : error);
}

}  // namespace

/// Reads more once everything was decoded. 0: the peer has closed.
Result<std::size_t> Session::fill(std::chrono::milliseconds patience) {
    auto received = stream_->read_some(buffer_, base::Deadline::after(patience).sooner(options_.deadline));
    if (!received && received.error().code == ErrorCode::kDeadline) {
        if (options_.deadline.passed()) {
            return base::fail(ErrorCode::kDeadline, Reason::kAttemptDeadlineExceeded,
                              "the deadline of this attempt has passed");
        }
        return base::fail(
            ErrorCode::kDeadline, Reason::kSourceStalled,
            fmt::format("the source sent nothing for {} s", static_cast<double>(patience.count()) / 1000.0));
    }
    if (!received) return broke(received.error());
    input_ = std::span(buffer_).first(*received);
    return received;
}

Result<std::optional<Event>> Session::next_or_end(std::chrono::milliseconds patience) {
    for (;;) {
        N4B_TRY(auto event, decoder_.next(input_));
        if (!std::holds_alternative<NeedMore>(event)) return event;
        N4B_TRY(const std::size_t received, fill(patience));
        if (received == 0) return std::nullopt;
    }
}

Result<Event> Session::next(std::chrono::milliseconds patience) {
    N4B_TRY(auto event, next_or_end(patience));
    if (event) return *std::move(event);
    return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost,
                      decoder_.idle() ? "the source closed the connection before its answer"
                                      : "the source closed the connection in the middle of its answer");
}

Result<void> Session::send(const Bytes& request) {
    auto sent = stream_->write(request, base::Deadline::after(options_.stall).sooner(options_.deadline));
    if (!sent && sent.error().code == ErrorCode::kDeadline) {
        return base::fail(ErrorCode::kDeadline, Reason::kSourceStalled, "the source takes no request");
    }
    return sent ? sent : broke(sent.error());
}

Result<txlog::StoreId> Session::store_id() {
    N4B_TRY_VOID(send(store_id_request()));
    N4B_TRY(const auto event, next(options_.stall));
    if (const auto* message = std::get_if<StoreIdMessage>(&event)) return message->id;
    return unexpected_answer("the request for its store id", event);
}

Result<bool> Session::pass(const Event& event, FileReceiver& receiver) {
    Result<void> passed;
    if (const auto* begin = std::get_if<FileBegin>(&event)) {
        passed = receiver.begin(begin->name);
    } else if (const auto* data = std::get_if<FileData>(&event)) {
        passed = receiver.data(data->bytes);
    } else if (std::holds_alternative<FileEnd>(event)) {
        passed = receiver.end();
    } else {
        return false;
    }
    if (!passed) return base::fail(passed.error());
    return true;
}

Result<Prepared> Session::prepare(const txlog::StoreId& id, FileReceiver& receiver) {
    N4B_TRY_VOID(send(prepare_store_copy_request(id)));
    // Only the time to the first byte is the server's checkpoint.
    for (auto patience = options_.prepare;; patience = options_.stall) {
        N4B_TRY(auto event, next(patience));
        if (auto* prepared = std::get_if<Prepared>(&event)) return std::move(*prepared);
        N4B_TRY(const bool passed, pass(event, receiver));
        if (!passed) return unexpected_answer("the preparation of a store copy", event);
    }
}

Result<FileStatus> Session::file(const txlog::StoreId& id, std::int64_t required_transaction, std::string_view name,
                                 FileReceiver& receiver) {
    N4B_TRY_VOID(send(store_file_request(id, required_transaction, name)));
    return receive_files(receiver);
}

Result<FileStatus> Session::index(const txlog::StoreId& id, std::int64_t required_transaction, std::int64_t index,
                                  FileReceiver& receiver) {
    N4B_TRY_VOID(send(index_snapshot_request(id, required_transaction, index)));
    return receive_files(receiver);
}

Result<FileStatus> Session::receive_files(FileReceiver& receiver) {
    for (;;) {
        N4B_TRY(const auto event, next(options_.stall));
        if (const auto* finished = std::get_if<FileFinished>(&event)) return finished->status;
        N4B_TRY(const bool passed, pass(event, receiver));
        if (!passed) return unexpected_answer("the request for a file", event);
    }
}

Result<PullFinished> Session::pull(const txlog::StoreId& id, std::int64_t previous_transaction,
                                   TransactionReceiver& receiver) {
    N4B_TRY_VOID(send(transaction_pull_request(id, previous_transaction)));
    for (;;) {
        N4B_TRY(const auto event, next(options_.stall));
        Result<void> passed;
        if (const auto* begin = std::get_if<TransactionBegin>(&event)) {
            if (begin->id != id) {
                return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError,
                                  "the source sent a transaction of another database");
            }
            passed = receiver.begin(begin->bytes);
        } else if (const auto* data = std::get_if<TransactionData>(&event)) {
            passed = receiver.data(data->bytes);
        } else if (std::holds_alternative<TransactionEnd>(event)) {
            passed = receiver.end();
        } else if (const auto* finished = std::get_if<PullFinished>(&event)) {
            return *finished;
        } else {
            return unexpected_answer("the pull of transactions", event);
        }
        if (!passed) return base::fail(passed.error());
    }
}

Result<bool> Session::is_core() {
    N4B_TRY_VOID(send(core_snapshot_request()));
    N4B_TRY(const auto event, next_or_end(options_.stall));
    if (event && !std::holds_alternative<CoreSnapshot>(*event)) {
        return unexpected_answer("the question for its role", *event);
    }
    if (!event && !decoder_.idle()) {
        return base::fail(ErrorCode::kUnavailable, Reason::kSourceConnectionLost,
                          "the source closed the connection in the middle of its answer");
    }
    return event.has_value();
}

Result<std::int64_t> Session::last_committed(const txlog::StoreId& id) {
    auto foreign = id;
    foreign.random = ~foreign.random;
    N4B_TRY_VOID(send(transaction_pull_request(foreign, 1)));
    N4B_TRY(const auto event, next(options_.stall));
    const auto* finished = std::get_if<PullFinished>(&event);
    constexpr std::string_view kQuestion = "the question for its last committed transaction";
    if (finished == nullptr) return unexpected_answer(kQuestion, event);
    if (finished->status == PullStatus::kStoreUnavailable) {
        return base::fail(ErrorCode::kUnavailable, Reason::kSourceRefused,
                          fmt::format("the source answered {}: its database is not available", kQuestion));
    }
    if (finished->status != PullStatus::kStoreIdMismatch) {
        return base::fail(
            ErrorCode::kInvalid, Reason::kSourceProtocolError,
            fmt::format("the source answered {} with status {}", kQuestion, static_cast<int>(finished->status)));
    }
    if (finished->latest_transaction < 0) {
        return base::fail(
            ErrorCode::kInvalid, Reason::kSourceProtocolError,
            fmt::format("the source named {} as its last committed transaction", finished->latest_transaction));
    }
    return finished->latest_transaction;
}

}  // namespace n4b::catchup
