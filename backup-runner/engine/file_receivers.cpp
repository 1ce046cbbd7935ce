#include "backup-runner/engine/file_receivers.hpp"

#include <fmt/format.h>

#include "backup-runner/archive/names.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

/// A page is 8 KiB; what is much longer is no metadata store.
constexpr std::size_t kMaxNeostoreBytes = 64 * 1024;
/// What bounds the number of files that come without being asked for by name: the sum of their names, each with what it
/// costs to remember one. Some 35000 files of schema indexes; a few hundred of those that are remembered, which are
/// five in a real store.
constexpr std::size_t kPerName = 64;
constexpr std::size_t kMaxNameBytes = 4 * 1024 * 1024;
constexpr std::size_t kMaxBareNameBytes = 64 * 1024;

tl::unexpected<base::Error> wrong(std::string text) {
    return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError, std::move(text));
}

}  // namespace

Result<void> ReceivedNames::add(const std::string& name) {
    N4B_TRY(const auto path, archive::file_path(name));
    const std::lock_guard lock(mutex_);
    switch (names_.add(path)) {
        case NameClash::kNone:
            return {};
        case NameClash::kTaken:
            return wrong(fmt::format("the source sent the file {} twice, or both as a file and as a directory",
                                     archive::quoted_name(name)));
        case NameClash::kBelowAFile:
            break;
    }
    return wrong(fmt::format("the source sent the file {}, but a part of that name is a file itself",
                             archive::quoted_name(name)));
}

ArtifactReceiver::~ArtifactReceiver() {
    // An error of the stream comes back with its next use.
    if (open_) (void)target_.stream.abandon();
}

Result<void> ArtifactReceiver::begin(const std::string& name) {
    if (!expected_.empty() && (name != expected_ || complete_)) {
        return wrong(fmt::format("the source sent the file {}{} when {} was asked for", archive::quoted_name(name),
                                 name == expected_ ? " again" : "", expected_));
    }
    N4B_TRY_VOID(check_store_file_name(name));
    if (name == kNeostore) return wrong("the source sent neostore before it was asked for");
    if (!begun_) begun_ = std::chrono::steady_clock::now();
    name_ = name;
    N4B_TRY_VOID(target_.stream.open(name));
    open_ = true;
    return {};
}

Result<void> ArtifactReceiver::data(std::span<const std::byte> bytes) {
    target_.progress.bytes += static_cast<std::int64_t>(bytes.size());
    if (target_.limit != nullptr) target_.limit->pass(bytes.size(), target_.stop);
    return target_.stream.write(bytes);
}

Result<void> ArtifactReceiver::end() {
    if (!expected_.empty()) {
        complete_ = true;
        return {};
    }
    N4B_TRY_VOID(remember());
    return keep();
}

Result<void> ArtifactReceiver::remember() {
    name_bytes_ += name_.size() + kPerName;
    const bool bare = name_.find_first_of("/\\") == std::string::npos;
    if (bare) bare_name_bytes_ += name_.size() + kPerName;
    if (name_bytes_ > kMaxNameBytes || bare_name_bytes_ > kMaxBareNameBytes) {
        return wrong("the source sends more files than a store can have");
    }
    if (bare) names_.insert(name_);
    return {};
}

Result<void> ArtifactReceiver::keep() {
    N4B_TRY_VOID(target_.names.add(name_));
    open_ = false;
    N4B_TRY_VOID(target_.stream.done());
    ++target_.progress.files;
    return {};
}

Result<void> NeostoreReceiver::begin(const std::string& name) {
    if (name == kNeostore && !complete_) return {};
    return wrong(fmt::format("the source sent the file {} when neostore was asked for", archive::quoted_name(name)));
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
