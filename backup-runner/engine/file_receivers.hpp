#pragma once

#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "backup-runner/catchup/session.hpp"
#include "backup-runner/engine/artifact_writer.hpp"
#include "backup-runner/engine/bandwidth.hpp"

namespace n4b::engine {

inline constexpr std::string_view kNeostore = "neostore";

/// Where received files go, and how fast.
struct FileTarget {
    ArtifactWriter& artifact;
    ProgressCounters& progress;
    BandwidthLimit* limit = nullptr;  ///< Null: as fast as they come.
    std::stop_token stop{};           ///< Ends a wait for the limit.
};

/// Receives files into the artifact; one thread.
class ArtifactReceiver final : public catchup::FileReceiver {
public:
    /// `expected`: the one name that may come; empty: any.
    explicit ArtifactReceiver(FileTarget target, std::string expected = {})
        : target_(std::move(target)), expected_(std::move(expected)) {}

    base::Result<void> begin(const std::string& name) override;
    base::Result<void> data(std::span<const std::byte> bytes) override;
    base::Result<void> end() override;

    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] const std::set<std::string>& names() const { return names_; }
    /// When the first file began.
    [[nodiscard]] std::optional<base::SteadyTime> begun() const { return begun_; }

private:
    FileTarget target_;
    const std::string expected_;
    std::string name_{};
    std::unique_ptr<ObjectSink> sink_{};
    std::size_t count_ = 0;
    std::set<std::string> names_{};
    std::size_t name_bytes_ = 0;
    std::optional<base::SteadyTime> begun_{};
};

/// Keeps `neostore` in memory: it is small, and what it says changes before it is stored.
class NeostoreReceiver final : public catchup::FileReceiver {
public:
    base::Result<void> begin(const std::string& name) override;
    base::Result<void> data(std::span<const std::byte> bytes) override;
    base::Result<void> end() override;

    [[nodiscard]] bool complete() const { return complete_; }
    catchup::Bytes& contents() { return contents_; }

private:
    catchup::Bytes contents_{};
    bool complete_ = false;
};

}  // namespace n4b::engine
