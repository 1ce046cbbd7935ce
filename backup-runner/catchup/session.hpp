#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "backup-runner/catchup/decoder.hpp"
#include "backup-runner/catchup/handshake.hpp"
#include "backup-runner/net/stream.hpp"
#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::catchup {

/// Takes the files of an answer, one after the other. An error ends the request; the session is then of no use.
class FileReceiver {
public:
    virtual ~FileReceiver() = default;
    virtual base::Result<void> begin(const std::string& name) = 0;
    virtual base::Result<void> data(std::span<const std::byte> bytes) = 0;
    virtual base::Result<void> end() = 0;
};

/// Takes the transactions of a pull, in the server's order.
class TransactionReceiver {
public:
    virtual ~TransactionReceiver() = default;
    virtual base::Result<void> begin(std::size_t bytes) = 0;
    virtual base::Result<void> data(std::span<const std::byte> bytes) = 0;
    virtual base::Result<void> end() = 0;
};

struct SessionOptions {
    std::chrono::milliseconds connect = std::chrono::seconds(10);
    std::chrono::milliseconds handshake = std::chrono::seconds(20);  ///< The reference client's.
    std::chrono::milliseconds prepare = std::chrono::minutes(30);    ///< Silence while the server checkpoints.
    std::chrono::milliseconds stall = std::chrono::minutes(10);      ///< Silence at any other time.
    base::Deadline deadline = base::Deadline::never();               ///< Of the whole attempt.
    std::size_t buffer_bytes = 256 * 1024;
};

/// One connection to a catchup server in its message stage. One request at a time; one thread. Errors:
/// SourceConnectionLost, SourceStalled, SourceProtocolError, AttemptDeadlineExceeded, Cancelled, and whatever a
/// receiver returns. After any error the session must be dropped.
class Session {
public:
    /// Connects and shakes hands, with Neo4j's magic first and ONgDB's when the peer closes without a word; `family` is
    /// set to the one that worked and used first when it is set already. Over TLS the handshake stage has a TLS session
    /// of its own. Errors also: SourceUnreachable, NotCatchupServer, SourceRequiresTls, SourceSpeaksClearText, and
    /// those of the dialer's TLS.
    static base::Result<std::unique_ptr<Session>> open(net::Dialer& dialer, const net::Address& address,
                                                       const SessionOptions& options, std::stop_token stop,
                                                       std::optional<Family>& family);

    /// Nothing in clear text.
    [[nodiscard]] const net::Security* security() const { return stream_->security(); }

    base::Result<txlog::StoreId> store_id();

    /// Makes the server checkpoint, and receives the files that it streams under its checkpoint lock.
    base::Result<Prepared> prepare(const txlog::StoreId& id, FileReceiver& receiver);

    /// A store file as of at least the checkpoint `required_transaction`.
    base::Result<FileStatus> file(const txlog::StoreId& id, std::int64_t required_transaction, std::string_view name,
                                  FileReceiver& receiver);
    base::Result<FileStatus> index(const txlog::StoreId& id, std::int64_t required_transaction, std::int64_t index,
                                   FileReceiver& receiver);

    /// Everything after `previous_transaction` (> 0).
    base::Result<PullFinished> pull(const txlog::StoreId& id, std::int64_t previous_transaction,
                                    TransactionReceiver& receiver);

    /// Whether the server is a core: a core answers, a read replica closes the connection without a byte. A connection
    /// that breaks says nothing about either: Unavailable (SourceConnectionLost). On a session of its own, which must
    /// be dropped afterwards.
    base::Result<bool> is_core();

    /// The last transaction the server has committed: a pull with a foreign store id answers it at no cost.
    base::Result<std::int64_t> last_committed(const txlog::StoreId& id);

private:
    Session(std::unique_ptr<net::Stream> stream, const SessionOptions& options);

    /// How far an attempt to open a session has come.
    enum class Stage {
        kConnecting,
        kGreeted,  ///< Connected, and the peer has closed without a byte.
        kHeard,
    };

    static base::Result<std::unique_ptr<Session>> open_as(net::Dialer& dialer, const net::Address& address,
                                                          const SessionOptions& options, std::stop_token stop,
                                                          Family family, Stage& stage);
    static base::Result<bool> answers_in_clear(net::Dialer& dialer, const net::Address& address, SessionOptions options,
                                               const std::stop_token& stop);
    base::Result<void> shake_hands(Family family, Stage& stage);
    base::Result<Event> next(std::chrono::milliseconds patience);
    /// Nothing: the peer has closed the connection, and did not break it.
    base::Result<std::optional<Event>> next_or_end(std::chrono::milliseconds patience);
    base::Result<std::size_t> fill(std::chrono::milliseconds patience);
    base::Result<void> send(const Bytes& request);
    base::Result<FileStatus> receive_files(FileReceiver& receiver);
    /// Passes file events on; true when the event was one.
    static base::Result<bool> pass(const Event& event, FileReceiver& receiver);

    std::unique_ptr<net::Stream> stream_;
    SessionOptions options_;
    Decoder decoder_{};
    std::vector<std::byte> buffer_;
    std::span<const std::byte> input_{};  ///< Received and not yet decoded; within buffer_.
};

}  // namespace n4b::catchup
