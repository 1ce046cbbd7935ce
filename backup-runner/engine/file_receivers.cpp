#include "backup-runner/engine/file_receivers.hpp"

#include <fmt/format.h>

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// A page is 8 KiB; what is much longer is no metadata store.
constexpr std::size_t kMaxNeostoreBytes = 64 * 1024;
/// All names that came with PREPARE, together: they are remembered to tell a second copy of a file from a first.
constexpr std::size_t kMaxAtomicNameBytes = 2 * 1024 * 1024;

tl::unexpected<base::Error> wrong(std::string text) {
    return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError, std::move(text));
}

}  // namespace

Result<void> ArtifactReceiver::begin(const std::string& name) {
    if (!expected_.empty() && (name != expected_ || count_ > 0)) {
        return wrong(fmt::format("the source sent the file {} when {} was asked for", name.substr(0, 200), expected_));
    }
    if (!begun_) begun_ = std::chrono::steady_clock::now();
    name_ = name;
    N4B_TRY(sink_, target_.artifact.open_file(name));
    return {};
}

Result<void> ArtifactReceiver::data(std::span<const std::byte> bytes) {
    target_.progress.bytes += static_cast<std::int64_t>(bytes.size());
    if (target_.limit != nullptr) target_.limit->pass(bytes.size(), target_.stop);
    return sink_->write(bytes);
}

Result<void> ArtifactReceiver::end() {
    N4B_TRY(auto stored, sink_->finish());
    sink_.reset();
    ++count_;
    ++target_.progress.files;
    if (expected_.empty()) {
        name_bytes_ += name_.size();
        if (name_bytes_ > kMaxAtomicNameBytes) return wrong("the source sends more files than a store can have");
        names_.insert(name_);
    }
    return target_.artifact.add_file(name_, std::move(stored));
}

Result<void> NeostoreReceiver::begin(const std::string& name) {
    if (name == kNeostore && !complete_) return {};
    return wrong(fmt::format("the source sent the file {} when neostore was asked for", name.substr(0, 200)));
}

Result<void> NeostoreReceiver::data(std::span<const std::byte> bytes) {
    if (contents_.size() + bytes.size() > kMaxNeostoreBytes) {
        return wrong(fmt::format("the source's neostore is longer than {} bytes", kMaxNeostoreBytes));
    }
    contents_.insert(contents_.end(), bytes.begin(), bytes.end());
    return {};
}

Result<void> NeostoreReceiver::end() {
    complete_ = true;
    return {};
}

}  // namespace n4b::engine
