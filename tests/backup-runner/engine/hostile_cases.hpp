#pragma once

#include <chrono>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "common/contract/run_spec.hpp"
#include "tests/support/scripted_peer.hpp"

namespace n4b::engine {

/// Makes a server hostile.
using Arrange = std::function<void(testing::FakeCatchupServer&, testing::ScriptedPeer&)>;

/// One thing a server may do, and how the backup has to end.
struct HostileCase {
    std::string name;  ///< For GoogleTest: letters and digits.
    base::Reason reason;
    std::string message;  ///< Part of what the user reads.
    Arrange arrange;
    std::chrono::milliseconds within = std::chrono::seconds(10);
    std::function<void(contract::RunSpec&)> spec = nullptr;
};

inline std::ostream& operator<<(std::ostream& out, const HostileCase& hostile) {
    return out << hostile.name;
}

/// The table, by the stage in which the server turns hostile.
std::vector<HostileCase> handshake_cases();
std::vector<HostileCase> identity_cases();
std::vector<HostileCase> list_cases();
std::vector<HostileCase> name_cases();
std::vector<HostileCase> file_cases();
std::vector<HostileCase> neostore_cases();
std::vector<HostileCase> log_cases();

// How cases are written.
using Change = std::function<void(testing::Answer&)>;
using FrameChange = std::function<void(testing::Frames&)>;

/// Changes the answers to requests of a type.
Arrange on(testing::Asked type, Change change);
/// Changes the answer to the request for a file.
Arrange on_file(std::string name, Change change);
/// Changes the transactions, not the question for the last one.
Arrange on_pull(Change change);

Change frames(FrameChange change);
/// An answer cut short after some bytes.
Change cut(std::size_t at, testing::Then then);
/// Another answer altogether.
Change instead(catchup::Bytes bytes, testing::Then then = testing::Then::kGoOn);
/// Nothing but an end.
Change nothing(testing::Then then);
/// Goes on for ever with the same bytes.
Change then_for_ever(catchup::Bytes bytes);

/// Impatience, for cases that have to wait for it.
void short_stall(contract::RunSpec& spec);
/// A second for everything.
void short_deadline(contract::RunSpec& spec);

inline constexpr char kNodes[] = "neostore.nodestore.db";
inline constexpr auto kWrong = base::Reason::kSourceProtocolError;
/// A line is taken up again four times before it is given up.
inline constexpr auto kRetries = std::chrono::seconds(20);

}  // namespace n4b::engine
