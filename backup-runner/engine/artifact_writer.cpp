#include "backup-runner/engine/artifact_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace n4b::engine {
namespace {

using base::Result;

constexpr std::size_t kIndexBufferBytes = 32 * 1024;
/// Directories deeper than any key of ours end a listing: a cycle or somebody else's tree.
constexpr int kMaxDepth = 24;
constexpr int kMaxDiscardPasses = 8;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::uint64_t fingerprint_of(std::string_view key, std::int64_t bytes) {
    return std::hash<std::string>{}(fmt::format("{}:{}", key, bytes));
}

std::string member_of(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
}

/// Calls visit for each file and leave for each directory (after its members), depth first.
Result<void> walk(storage::Storage& storage, const std::string& key, int depth,
                  const std::function<void(const std::string&, std::int64_t)>& visit,
                  const std::function<Result<void>(const std::string&)>& leave) {
    if (depth > kMaxDepth) {
        return base::fail(base::ErrorCode::kInvalid, base::Reason::kStorageUnavailable,
                          fmt::format("{}: directories deeper than {}", key, kMaxDepth));
    }
    std::vector<std::string> directories;
    N4B_TRY_VOID(storage.list(key, [&](const storage::Entry& entry) {
        if (key.empty() && entry.directory && entry.name == storage::kLostAndFound) return true;
        if (entry.directory) {
            directories.push_back(entry.name);
        } else {
            visit(member_of(key, entry.name), entry.bytes);
        }
        return true;
    }));
    for (const auto& directory : directories) {
        N4B_TRY_VOID(walk(storage, member_of(key, directory), depth + 1, visit, leave));
    }
    return leave(key);
}

tl::unexpected<base::Error> sent_twice(const std::string& name) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kSourceProtocolError,
                      fmt::format("the source sent the file {} twice, or both as a file and as a directory",
                                  archive::quoted_name(name)));
}

tl::unexpected<base::Error> below_a_file(const std::string& name) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kSourceProtocolError,
                      fmt::format("the source sent the file {}, but a part of that name is a file itself",
                                  archive::quoted_name(name)));
}

}  // namespace

Result<std::unique_ptr<ObjectSink>> ObjectSink::create(storage::Storage& storage, const std::string& key, bool compress,
                                                       std::size_t buffer_bytes) {
    N4B_TRY(auto writer, storage.create(key));
    return std::unique_ptr<ObjectSink>(new ObjectSink(std::move(writer), compress, buffer_bytes));
}

ObjectSink::ObjectSink(std::unique_ptr<storage::Writer> writer, bool compress, std::size_t buffer_bytes)
    : writer_(std::move(writer)),
      compressor_(compress ? std::make_unique<archive::ZstdCompressor>() : nullptr),
      stored_sink_([this](std::span<const std::byte> bytes) { return store(bytes); }),
      buffer_(buffer_bytes) {
    if (compress) stored_digest_.emplace();
}

Result<void> ObjectSink::write(std::span<const std::byte> bytes) {
    plain_digest_.update(bytes);
    stored_.bytes += static_cast<std::int64_t>(bytes.size());
    return compressor_ ? compressor_->write(bytes, stored_sink_) : store(bytes);
}

Result<void> ObjectSink::store(std::span<const std::byte> bytes) {
    if (stored_digest_) stored_digest_->update(bytes);
    stored_.stored_bytes += static_cast<std::int64_t>(bytes.size());
    while (!bytes.empty()) {
        const auto part = bytes.first(std::min(bytes.size(), buffer_.size() - filled_));
        std::copy(part.begin(), part.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(filled_));
        filled_ += part.size();
        bytes = bytes.subspan(part.size());
        if (filled_ == buffer_.size()) N4B_TRY_VOID(flush());
    }
    return {};
}

Result<void> ObjectSink::flush() {
    const auto full = std::span<const std::byte>(buffer_).first(std::exchange(filled_, 0));
    return writer_->write(full);
}

Result<archive::Stored> ObjectSink::finish() {
    if (compressor_) N4B_TRY_VOID(compressor_->finish(stored_sink_));
    N4B_TRY_VOID(flush());
    N4B_TRY_VOID(writer_->finish());
    stored_.digest = plain_digest_.finish();
    stored_.stored_digest = stored_digest_ ? stored_digest_->finish() : stored_.digest;
    return stored_;
}

Result<std::unique_ptr<ArtifactWriter>> ArtifactWriter::create(storage::Storage& storage, archive::ArtifactKeys keys,
                                                               const std::string& intent, bool compress,
                                                               std::size_t buffer_bytes) {
    std::unique_ptr<ArtifactWriter> writer(new ArtifactWriter(storage, std::move(keys), compress, buffer_bytes));
    auto begun = writer->begin(intent);
    if (begun) return writer;
    // Without an intent of ours, what lies there is somebody else's.
    if (writer->totals_.objects > 0) writer->discard();
    return base::fail(std::move(begun.error()));
}

Result<void> ArtifactWriter::begin(const std::string& intent) {
    N4B_TRY_VOID(storage_.make_directories(keys_.heads));
    N4B_TRY_VOID(sync_ancestors());
    N4B_TRY_VOID(storage_.make_directories(keys_.data));
    N4B_TRY_VOID(write_intent(intent));
    N4B_TRY_VOID(storage_.make_directories(keys_.files));
    N4B_TRY(index_,
            ObjectSink::create(storage_, fmt::format("{}/{}", keys_.data, archive::kIndex), true, kIndexBufferBytes));
    return add_line(archive::IndexHeader{});
}

/// A directory that was there already may be one whose maker died before its name was durable.
Result<void> ArtifactWriter::sync_ancestors() {
    for (auto key = std::string_view(keys_.chain); !key.empty();) {
        const auto slash = key.rfind('/');
        key = slash == std::string_view::npos ? std::string_view() : key.substr(0, slash);
        N4B_TRY_VOID(storage_.sync_directory(key));
    }
    return {};
}

Result<void> ArtifactWriter::write_intent(const std::string& intent) {
    const auto key = fmt::format("{}/{}", keys_.data, archive::kIntent);
    N4B_TRY(auto writer, storage_.create(key));
    N4B_TRY_VOID(writer->write(bytes_of(intent)));
    N4B_TRY_VOID(writer->finish());
    N4B_TRY_VOID(storage_.sync_directory(keys_.data));
    count_object(key, static_cast<std::int64_t>(intent.size()));
    return {};
}

std::string ArtifactWriter::suffixed(std::string_view key) const {
    return fmt::format("{}{}", key, compress_ ? archive::kZstdSuffix : "");
}

Result<std::unique_ptr<ObjectSink>> ArtifactWriter::open_file(const std::string& name) {
    N4B_TRY(const auto below, archive::file_key(name));
    if (const auto slash = below.rfind('/'); slash != std::string::npos) {
        const auto made = storage_.make_directories(keys_.files + "/" + below.substr(0, slash));
        if (!made && made.error().code == base::ErrorCode::kAlreadyExists) return below_a_file(name);
        if (!made) return base::fail(made.error());
    }
    auto sink = ObjectSink::create(storage_, suffixed(keys_.files + "/" + below), compress_, buffer_bytes_);
    if (!sink && sink.error().code == base::ErrorCode::kAlreadyExists) return sent_twice(name);
    // Created first, looked for then: of two threads one sees the other.
    if (sink && compress_) N4B_TRY_VOID(check_alone(below, name));
    return sink;
}

/// With a suffix a file and a directory of one name get along here, and would not in a database directory.
Result<void> ArtifactWriter::check_alone(const std::string& below, const std::string& name) {
    N4B_TRY(const bool is_directory, storage_.exists(keys_.files + "/" + below));
    if (is_directory) return sent_twice(name);
    for (auto slash = below.find('/'); slash != std::string::npos; slash = below.find('/', slash + 1)) {
        N4B_TRY(const bool is_file, storage_.exists(suffixed(keys_.files + "/" + below.substr(0, slash))));
        if (is_file) return below_a_file(name);
    }
    return {};
}

Result<void> ArtifactWriter::add_file(const std::string& name, archive::Stored stored,
                                      std::vector<std::string> patched) {
    N4B_TRY(const auto below, archive::file_key(name));
    N4B_TRY(auto path, archive::file_path(name));
    const std::lock_guard lock(mutex_);
    ++totals_.files;
    return add({.path = std::move(path),
                .key = suffixed("files/" + below),
                .stored = std::move(stored),
                .patched = std::move(patched)});
}

Result<std::unique_ptr<ObjectSink>> ArtifactWriter::open_log() {
    return ObjectSink::create(storage_, suffixed(fmt::format("{}/{}", keys_.data, archive::kTransactionLog)), compress_,
                              buffer_bytes_);
}

Result<void> ArtifactWriter::add_log(const std::string& path, archive::Stored stored) {
    const std::lock_guard lock(mutex_);
    return add({.path = path, .key = suffixed(archive::kTransactionLog), .stored = std::move(stored)});
}

Result<void> ArtifactWriter::add(archive::IndexFile file) {
    totals_.bytes += file.stored.bytes;
    totals_.stored_bytes += file.stored.stored_bytes;
    ++end_.files;
    count_object(keys_.data + "/" + file.key, file.stored.stored_bytes);
    return add_line(file);
}

Result<void> ArtifactWriter::add_transaction(const archive::IndexTransaction& transaction) {
    const std::lock_guard lock(mutex_);
    ++end_.transactions;
    return add_line(transaction);
}

Result<void> ArtifactWriter::add_line(const archive::IndexLine& line) {
    return index_->write(bytes_of(archive::to_line(line)));
}

void ArtifactWriter::count_object(const std::string& key, std::int64_t bytes) {
    ++totals_.objects;
    totals_.object_bytes += bytes;
    fingerprint_ += fingerprint_of(key, bytes);
}

Result<ArtifactWriter::Totals> ArtifactWriter::seal() {
    const std::lock_guard lock(mutex_);
    N4B_TRY_VOID(add_line(end_));
    N4B_TRY(totals_.index, index_->finish());
    count_object(fmt::format("{}/{}", keys_.data, archive::kIndex), totals_.index.stored_bytes);
    N4B_TRY(const auto listing, list_objects(storage_, keys_.data, SyncDirectories::kYes));
    if (listing.fingerprint != fingerprint_ || listing.objects != totals_.objects) {
        return base::fail(
            base::ErrorCode::kUnavailable, base::Reason::kStorageUnavailable,
            fmt::format("{}: the listing shows {} objects and {} bytes, {} and {} were written", keys_.data,
                        listing.objects, listing.bytes, totals_.objects, totals_.object_bytes));
    }
    return totals_;
}

void ArtifactWriter::discard() {
    {
        const std::lock_guard lock(mutex_);
        index_.reset();
    }
    // In passes, since a listing may miss names when others are removed meanwhile; and not from a list of all objects,
    // which could be long. What can't be removed stays without a head: it never counts as an artifact.
    for (int pass = 0; pass < kMaxDiscardPasses; ++pass) {
        bool removed = false;
        (void)walk(
            storage_, keys_.data, 0,
            [&](const std::string& key, std::int64_t) { removed = storage_.remove(key).has_value() || removed; },
            [](const std::string&) { return Result<void>{}; });
        if (!removed) return;
    }
}

Result<Listing> list_objects(storage::Storage& storage, const std::string& data, SyncDirectories sync) {
    Listing listing;
    N4B_TRY_VOID(walk(
        storage, data, 0,
        [&](const std::string& key, std::int64_t bytes) {
            ++listing.objects;
            listing.bytes += bytes;
            listing.fingerprint += fingerprint_of(key, bytes);
        },
        [&](const std::string& directory) {
            return sync == SyncDirectories::kYes ? storage.sync_directory(directory) : Result<void>{};
        }));
    return listing;
}

}  // namespace n4b::engine
