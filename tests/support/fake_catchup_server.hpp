#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "backup-runner/catchup/messages.hpp"
#include "backup-runner/net/stream.hpp"

namespace n4b::testing {

/// A catchup server in memory, for speed and for faults: it answers what real servers were seen to answer. Its database
/// may change between requests. The same backups run against real servers in tests/servers. Thread-safe as a Dialer;
/// its fields are set before it is used.
class FakeCatchupServer final : public net::Dialer {
public:
    FakeCatchupServer();

    txlog::StoreId id{.creation_time = 10, .random = 20, .upgrade_time = 10, .upgrade_transaction = 1};
    std::map<std::string, catchup::Bytes> atomic_files{};
    std::vector<std::pair<std::string, catchup::Bytes>> store_files{};  ///< As listed; `neostore` last.
    /// The contents of a store file that it lists.
    catchup::Bytes& store_file(const std::string& name);
    std::int64_t checkpoint = 5;
    std::atomic<std::int64_t> last_committed = 9;
    std::int64_t pulled_to = INT64_MAX;       ///< The log it sends ends here, whatever it has committed.
    std::atomic<std::int64_t> pruned_to = 0;  ///< Its log no longer holds these.
    /// The bytes of each transaction in its log.
    std::function<catchup::Bytes(std::int64_t)> history = &FakeCatchupServer::transaction;

    enum class Role { kCore, kReadReplica } role = Role::kReadReplica;
    bool resets_when_asked_for_role = false;
    std::int32_t prepare_status =
        0;  ///< What PREPARE, STORE_FILE and a pull with the right store id are answered with.
    std::int32_t file_status = 0;
    std::int32_t pull_status = 1;

    /// Ends every connection for good after this many bytes were sent in all.
    std::atomic<std::int64_t> cut_after = INT64_MAX;
    /// Ends one connection, once, after this many bytes were sent in all.
    std::atomic<std::int64_t> break_once_after = INT64_MAX;
    /// Called with the name before a file is sent.
    std::function<void(const std::string&)> on_file{};
    /// Called before a pull is answered, with the transaction that it starts after.
    std::function<void(std::int64_t)> on_pull{};
    /// Called before a pull with a foreign store id is answered, which asks for the last transaction; false: the
    /// connection ends instead.
    std::function<bool()> on_last_committed{};
    std::map<std::string, std::string> addresses{};  ///< By name; a name that is not there is its own address.
    /// Called before a connection is taken; an error refuses it.
    std::function<base::Result<void>()> on_connect{};
    /// Changes an answer before it is sent.
    std::function<void(catchup::Bytes&)> tamper{};

    [[nodiscard]] std::int64_t sent() const { return sent_; }
    [[nodiscard]] const std::vector<std::string>& requested() const { return requested_; }

    base::Result<std::vector<net::Address>> resolve(const std::string& host, std::uint16_t port,
                                                    base::Deadline deadline, std::stop_token stop) override;
    base::Result<std::unique_ptr<net::Stream>> connect(const net::Address& address, base::Deadline deadline,
                                                       std::stop_token stop) override;

    /// The bytes of one transaction: a START entry with eight bytes of header, and a COMMIT entry.
    static catchup::Bytes transaction(std::int64_t id);

private:
    class Connection;
    catchup::Bytes answer(std::uint8_t type, std::span<const std::byte> body);
    void add_file(catchup::Bytes& out, const std::string& name, const catchup::Bytes& contents);
    catchup::Bytes answer_file(std::span<const std::byte> body);
    catchup::Bytes answer_pull(std::span<const std::byte> body);

    std::atomic<std::int64_t> sent_ = 0;
    std::mutex mutex_{};
    std::vector<std::string> requested_{};
};

}  // namespace n4b::testing
