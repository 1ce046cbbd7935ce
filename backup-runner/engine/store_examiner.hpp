#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backup-runner/format/head.hpp"
#include "common/base/result.hpp"

namespace n4b::engine {

/// Holds the store files of an artifact to what its head says of the store: sizes to the records that they are made of,
/// and the fields of `neostore`, as the server sent it and as a restore up to this artifact would patch it. One thread.
///
/// DataLoss (ArtifactDamaged): with what was found, and what was expected.
class StoreExaminer {
public:
    /// `neostore`: of an increment, the fields of its chain's full; of a full, empty. Borrows the head.
    StoreExaminer(const format::Head& head, std::vector<std::byte> neostore)
        : head_(head), neostore_(std::move(neostore)) {}

    [[nodiscard]] base::Result<void> file(const std::string& path, std::int64_t bytes) const;
    /// The next bytes of that file.
    void neostore(std::span<const std::byte> bytes);
    /// Returns the fields of `neostore`, as the server sent it.
    base::Result<std::vector<std::byte>> finish();

private:
    [[nodiscard]] base::Result<void> check_sent() const;
    [[nodiscard]] base::Result<void> check_patched() const;

    const format::Head& head_;
    std::vector<std::byte> neostore_;
};

}  // namespace n4b::engine
