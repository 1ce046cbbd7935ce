#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "backup-runner/engine/catalogue.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {

/// Kinds of facts beside the levels of proof, which are named as contract::VerifyLevel is.
inline constexpr std::string_view kDamagedFact = "Damaged";
inline constexpr std::string_view kUpToDateFact = "UpToDate";
/// The fact by which a chain is known that is being removed, from before its closed.json is there until after that is
/// gone. Each run that removes something of the chain puts down one of its own; its time is when that run began.
inline constexpr std::string_view kClosedFact = "Closed";

/// Calls take for the facts whose names begin so, such as "<chain>-" or "<chain>-<sequence>-"; empty: for all. What a
/// later runner wrote is passed over.
base::Result<void> list_facts(object_store::ObjectStore& store, const format::Layout& layout,
                              const std::string& name_begin, const std::function<void(const format::FactName&)>& take,
                              const object_store::Call& call);

/// The name of a fact about an artifact, up to its highest transaction.
format::FactName fact_about(const Artifact& artifact, std::string_view kind, base::SystemTime at,
                            const format::RunId& run);

/// `message`: what was found, for a person; may be empty.
base::Result<void> put_fact(object_store::ObjectStore& store, const format::Layout& layout,
                            const format::FactName& fact, const Artifact& artifact, std::string_view message,
                            const object_store::Call& call);

/// Puts down that something up to this artifact is damaged, so that nothing goes on from its chain any more.
base::Result<void> mark_damaged(object_store::ObjectStore& store, const Artifact& artifact, const format::RunId& run,
                                std::string_view what, const object_store::Call& call);

/// How far an artifact was looked at, and when that began.
struct Proof {
    contract::VerifyLevel level = contract::VerifyLevel::kWritten;
    base::SystemTime at{};
};

/// Puts a proof down, in place of those of the same artifact that say no more.
base::Result<void> keep_proof(object_store::ObjectStore& store, const Artifact& artifact, const Proof& proof,
                              const format::RunId& run, const object_store::Call& call);

/// What the facts say of one artifact. An artifact beside it at the same place of its chain has facts of its own.
struct KnownState {
    std::optional<Proof> proof{};               ///< The furthest, the latest of several.
    std::optional<base::SystemTime> damaged{};  ///< When something up to it was found damaged.
};

/// What stands in the storage of an artifact by now. A proof from before it was found damaged counts no more.
base::Result<KnownState> known_state(object_store::ObjectStore& store, const Artifact& artifact,
                                     const object_store::Call& call);

}  // namespace n4b::engine
