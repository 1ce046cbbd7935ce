#pragma once

#include <string>
#include <vector>

#include "backup-runner/format/names.hpp"
#include "backup-runner/object_store/object_store.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// What lies in the storage of a chain, by its names alone.
struct ChainListing {
    std::vector<format::HeadName> heads{};          ///< In the order of their names.
    std::vector<format::ArtifactName> artifacts{};  ///< Whose directories hold anything, with a head or without.
    bool closed = false;                            ///< closed.json is there.
    bool holds = false;                             ///< The directory of holds has something in it.
};

/// Two listings, in a bucket one request for each 1,000 objects of the chain. FailedPrecondition
/// (ArtifactNotSupported): a head or a directory of the chain has a name that this runner doesn't know.
base::Result<ChainListing> list_chain(object_store::ObjectStore& store, const format::Layout& layout,
                                      const std::string& chain, const object_store::Call& call);

/// Whether a head of the chain is gone, which is how its removal begins: an artifact has the mark of a finished backup
/// and no head, or there is no head at all. An artifact that was never marked is not missed; what is left is a sound
/// chain that ends before it.
base::Result<bool> has_lost_head(object_store::ObjectStore& store, const format::Layout& layout,
                                 const ChainListing& listing, const object_store::Call& call);

/// The names of what lies below a prefix, up to the first '/', each once and in order.
base::Result<std::vector<std::string>> names_below(object_store::ObjectStore& store, const std::string& prefix,
                                                   const object_store::Call& call);

}  // namespace n4b::engine
