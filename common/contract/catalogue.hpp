#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.hpp"
#include "common/base/reason.hpp"
#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"

namespace n4b::contract {

/// One chain of a storage, as its names, facts and the heads of its full and of its last artifact tell.
struct ChainRecord {
    std::string source;
    std::string database;
    std::string chain;  ///< e.g. 20261122T215049Z-3f9c21
    std::string tip{};  ///< The last artifact: name of its head without ".json".
    std::int64_t artifacts = 1;
    std::string store_id{};                             ///< Empty: the head of the tip can't be read.
    std::int64_t earliest_restorable = 0;               ///< Transaction; 0: unknown.
    std::int64_t highest_transaction = 0;               ///< The last that it can be restored to; 0: none.
    std::int64_t stored_bytes = 0;                      ///< Of all its artifacts, as stored.
    std::optional<base::SystemTime> restorable_from{};  ///< The first time that it can be restored to.
    std::optional<base::SystemTime> recoverable_to{};   ///< Commit time of the last transaction.
    std::optional<base::SystemTime> current_at{};       ///< When the source was last seen to have no more than that.
    base::Reason reason = base::Reason::kCompleted;     ///< kCompleted: it can be read; else why not.
    std::string message{};                              ///< Of that, for a person.
    bool operator==(const ChainRecord&) const = default;
};

/// The chain that ends with an artifact, as far as the artifact's report tells: not whose it is, nor of which store.
ChainRecord chain_up_to(const ArtifactReport& artifact);

/// A part of a storage's chains, as GET /catalogue/<page> of a runner answers.
struct CataloguePage {
    std::string run_uid;
    std::int64_t attempt = 0;
    std::int64_t page = 0;   ///< From 0 on.
    std::int64_t pages = 1;  ///< How many there are; an empty catalogue has one.
    std::vector<ChainRecord> chains{};
    bool operator==(const CataloguePage&) const = default;
};

/// How many chains stand on a page, and the most bytes of a page.
inline constexpr std::size_t kChainsOnPage = 100;
inline constexpr std::size_t kMaxCataloguePageBytes = std::size_t{256} << 10U;
/// The most chains of a catalogue; of more, the newest of each database are told.
inline constexpr std::size_t kMostChains = 10'000;
inline constexpr std::int64_t kMostCataloguePages = kMostChains / kChainsOnPage;
/// Messages are cut to so many bytes.
inline constexpr std::size_t kMaxChainMessage = 512;

std::string to_json(const CataloguePage& page);

/// Reads a page strictly: what goes into an object of Kubernetes must be as it says. Invalid, with the path of the
/// field.
base::Result<CataloguePage> parse_catalogue_page(std::string_view json);

/// The path at which a runner serves a page.
std::string catalogue_path(std::int64_t page);

/// What ties pages to the report of the runner that served them: 16 hexadecimal digits over their texts in order.
std::string catalogue_digest(const std::vector<std::string>& pages);

}  // namespace n4b::contract
