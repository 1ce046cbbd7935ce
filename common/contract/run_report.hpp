#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/reason.hpp"
#include "common/base/result.hpp"

namespace n4b::contract {

/// The limit of a termination message, in bytes; longer ones are cut by the kubelet, so ours never is longer.
inline constexpr std::size_t kMaxRunReportBytes = 4096;

/// The server a copy came from.
struct SourceReport {
    std::string address;   ///< "10.1.2.3:6362"
    std::string store_id;  ///< 64 hexadecimal digits, as four big-endian numbers.
    std::int64_t last_transaction = 0;
    bool operator==(const SourceReport&) const = default;
};

/// The TLS session in which a copy was made.
struct TlsReport {
    std::string version{};                                  ///< "TLSv1.3"
    std::string cipher{};                                   ///< "TLS_AES_256_GCM_SHA384"
    std::string verification{};                             ///< As asked for: "Full", "Chain" or "None".
    bool client_certificate_requested = false;              ///< The source asked for one.
    std::optional<base::SystemTime> certificate_expires{};  ///< notAfter of ours; absent without one.
    std::optional<base::SystemTime> server_certificate_expires{};
    bool operator==(const TlsReport&) const = default;
};

/// A finished artifact, as its head tells.
struct ArtifactReport {
    std::string database;
    std::string chain;  ///< e.g. 20261122T215049Z-3f9c21
    std::int64_t sequence = 0;
    std::string artifact;  ///< Name of the head without ".json".
    std::string location;  ///< Path of the head below the repository.
    std::string kind = "Full";
    std::int64_t lowest_transaction = 0;
    std::int64_t highest_transaction = 0;
    std::int64_t earliest_restorable = 0;              ///< H of the full (transaction id).
    std::optional<base::SystemTime> recoverable_to{};  ///< Commit time of the newest transaction; absent: unknown.
    std::int64_t files = 0;
    std::int64_t bytes = 0;         ///< Plain.
    std::int64_t stored_bytes = 0;  ///< As stored.
    std::string digest{};           ///< "sha256:" and hex, of the head.
    std::string level = "Written";
    bool operator==(const ArtifactReport&) const = default;
};

/// How one run of the runner ended.
struct RunReport {
    base::Reason reason = base::Reason::kInternalError;
    std::string message{};  ///< For a person; cut to fit.
    std::string run_uid{};
    std::int64_t attempt = 0;
    bool adopted = false;  ///< The artifact was found finished, not copied by this process.
    std::optional<SourceReport> source{};
    std::optional<TlsReport> tls{};  ///< Absent in clear text, and when nothing was copied.
    std::optional<ArtifactReport> artifact{};
    bool operator==(const RunReport&) const = default;
};

/// At most kMaxRunReportBytes; the message is shortened when it does not fit.
std::string to_json(const RunReport& report);

/// Reads a report; unknown fields are ignored, unknown reasons and wrong types are Invalid.
base::Result<RunReport> parse_run_report(std::string_view json);

}  // namespace n4b::contract
