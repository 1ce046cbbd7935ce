#pragma once

#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "operator/kinds/environment.hpp"
#include "operator/kinds/source/source.hpp"
#include "operator/kube/store.hpp"

namespace n4b::source {

/// Keeps what is known of a source's members: starts a probe when nobody has looked for a while, and takes over what
/// backups see. Thread-safe for different keys.
class SourceController {
public:
    SourceController(const kube::Store<Source>& sources, const kinds::Environment& environment)
        : sources_(sources), environment_(environment) {}

    base::Result<jobs::Requeue> reconcile(const std::string& key, const std::stop_token& stop);
    /// A run has spoken to a member of the source. Thread-safe.
    void hear(const std::string& key, const contract::RunReport& report);

private:
    base::Result<jobs::Requeue> drive(const Source& source);
    base::Result<jobs::Requeue> probe(const Source& source, const SourceStatus& begun);
    enum class TakenOver { kNothing, kWritten };
    /// Writes what a backup has seen since the source was looked at last.
    base::Result<TakenOver> take_over(const Source& source);

    const kube::Store<Source>& sources_;
    const kinds::Environment environment_;
    std::mutex mutex_{};                                  ///< Guards heard_.
    std::map<std::string, contract::RunReport> heard_{};  ///< By key, until it stands in the status.
};

}  // namespace n4b::source
