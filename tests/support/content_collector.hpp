#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backup-runner/blocks/artifact_reader.hpp"

namespace n4b::testing {

/// Keeps what an artifact holds. One thread.
class ContentCollector final : public blocks::ContentReceiver {
public:
    base::Result<void> open(std::int64_t number, const std::optional<std::string>& path, std::int64_t bytes) override {
        names_[number] = path.value_or(kLog);
        expected_[number] = bytes;
        return {};
    }
    base::Result<void> data(std::int64_t number, std::span<const std::byte> bytes) override {
        auto& contents = open_[number];
        contents.insert(contents.end(), bytes.begin(), bytes.end());
        return {};
    }
    base::Result<void> done(std::int64_t number) override {
        if (static_cast<std::int64_t>(open_[number].size()) != expected_.at(number) ||
            files_.contains(names_.at(number))) {
            return base::fail(base::ErrorCode::kInternal, "a file of another length, or twice");
        }
        files_[names_.at(number)] = std::move(open_[number]);
        return {};
    }

    [[nodiscard]] const std::map<std::string, std::vector<std::byte>>& files() const { return files_; }

    static constexpr char kLog[] = "<log>";

private:
    std::map<std::int64_t, std::string> names_{};
    std::map<std::int64_t, std::int64_t> expected_{};
    std::map<std::int64_t, std::vector<std::byte>> open_{};
    std::map<std::string, std::vector<std::byte>> files_{};
};

}  // namespace n4b::testing
