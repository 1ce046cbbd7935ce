#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/result.hpp"

namespace n4b::archive {

/// Where things lie below the repository (format 0). Keys are relative, with '/' between components, and every
/// component is ours: letters, digits, '.', '_', '-' and '%'.
inline constexpr std::string_view kRepositoryKey = "neo4j-backup.json";
inline constexpr std::string_view kHeadSuffix = ".json";
inline constexpr std::string_view kZstdSuffix = ".zst";
inline constexpr std::string_view kTransactionLog = "transactions.log";
inline constexpr std::string_view kIndex = "index.json.zst";
inline constexpr std::string_view kIntent = "intent.json";

/// "20261122T215049Z-3f9c21": start time and six random hexadecimal digits.
std::string chain_name(base::SystemTime start, std::uint32_t random);
bool is_chain_name(std::string_view name);

/// "<sequence>-<kind>-<run>", the name of one artifact; run is "<uid>-<attempt>".
struct ArtifactName {
    std::int64_t sequence = 0;
    std::string kind;  ///< "full"
    std::string run_uid;
    std::int64_t attempt = 1;
    bool operator==(const ArtifactName&) const = default;
};
std::string to_string(const ArtifactName& name);
/// Nothing when the text is no artifact name.
std::optional<ArtifactName> parse_artifact_name(std::string_view text);

/// The key of the file that closes a chain: "<source>/<database>/<chain>/closed.json".
std::string closed_key(std::string_view source, std::string_view database, std::string_view chain);

/// The keys of one artifact.
struct ArtifactKeys {
    std::string chain;   ///< "<source>/<database>/<chain>"
    std::string closed;  ///< closed_key of the chain
    std::string heads;   ///< "<chain>/heads"
    std::string head;    ///< "<chain>/heads/<artifact>.json"
    std::string data;    ///< "<chain>/data/<artifact>"
    std::string files;   ///< "<data>/files"
};
ArtifactKeys artifact_keys(std::string_view source, std::string_view database, std::string_view chain,
                           const ArtifactName& name);

/// The key, below "files/", of a store file that a server named: bytes other than [A-Za-z0-9._-] and a leading '.'
/// become %XX; '\' counts as '/'; a component that is too long once escaped becomes "%sha256-" and its digest. Invalid
/// (SourceProtocolError): empty, absolute, with an empty component, "." or "..", control characters or NUL, not UTF-8,
/// more than 16 components, or one above 255 bytes.
base::Result<std::string> file_key(std::string_view name);

/// The relative path that a file of that name has in a restored store; checked like file_key, but not escaped.
base::Result<std::string> file_path(std::string_view name);

/// A name from outside as it may stand in a message or a log: in quotes, printable, at most 80 characters of it.
std::string quoted_name(std::string_view name);

}  // namespace n4b::archive
