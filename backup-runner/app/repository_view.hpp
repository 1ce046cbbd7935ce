#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "backup-runner/app/store_opening.hpp"
#include "common/base/result.hpp"

namespace n4b::runner {

/// How an artifact that can't be used stands in a list.
std::string_view state_of(const base::Error& error);

/// Counts the artifacts of a walk, and keeps what is worst about them: damage before all else.
class Tally {
public:
    void good() { ++count_; }
    void bad(const base::Error& error);
    [[nodiscard]] std::int64_t count() const { return count_; }
    /// The exit code when nothing is bad, or the worst error.
    [[nodiscard]] base::Result<int> outcome() const;

private:
    std::int64_t count_ = 0;
    std::int64_t bad_ = 0;
    std::optional<base::Error> worst_{};
};

/// The repository in a storage, for reading. A damaged file about the repository is no reason to give up the backups in
/// it: each says for itself what it takes to read it.
base::Result<std::unique_ptr<object_store::ObjectStore>> open_repository(const StoreChoice& choice,
                                                                         const object_store::Call& call);

}  // namespace n4b::runner
