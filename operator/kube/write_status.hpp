#pragma once

#include <string>

#include "operator/kube/client.hpp"

namespace n4b::kube {

/// How a status write ended, as far as the caller must go different ways.
enum class StatusWrite {
    kWritten,
    kEqual,           ///< The server has it already; nothing was sent.
    kGone,            ///< The object was deleted, or another one bears its name now.
    kConflict,        ///< The object changed since it was read: look again when the change has come.
    kConditionsOnly,  ///< The server refuses the whole for good (422), but took the conditions.
    kRefused,         ///< The server refuses the conditions alone too.
};

/// Whose status is written.
struct StatusTarget {
    std::string path{};              ///< Of the object, without "/status".
    std::string resource_version{};  ///< As it was read: the write holds only for this state of the object.
    std::string uid{};
};

/// Writes a status, given as a whole, as a merge patch of what differs from `status_json_before` (as it was read; empty
/// when that is unknown: then members that the new status lacks stay). Only the state that was read is overwritten.
///
/// A status that the server's schema refuses (422) is written once more with the conditions alone, their messages cut
/// to 512 bytes, since a run must be able to end visibly whatever its report holds.
/// `conditions_only_json` is a status with nothing but conditions. Blocks; thread-safe.
/// Errors: Invalid (one of the texts is no JSON object), and whatever passes with time: 403, 429, 5xx, timeouts.
base::Result<StatusWrite> write_status(Client& client, const StatusTarget& target,
                                       const std::string& status_json_before, const std::string& status_json,
                                       const std::string& conditions_only_json);

}  // namespace n4b::kube
