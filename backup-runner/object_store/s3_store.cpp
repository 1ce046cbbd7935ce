#include "backup-runner/object_store/s3_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "backup-runner/object_store/s3_caller.hpp"
#include "backup-runner/s3/percent.hpp"
#include "common/base/http_date.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using s3::FailureKind;

constexpr int kPageKeys = 1000;
constexpr int kPartialContent = 206;
/// What is compared with an object is read in pieces of so many bytes.
constexpr std::size_t kCompareBytes = std::size_t{256} * 1024;

tl::unexpected<base::Error> strange(std::string message) {
    return base::fail(ErrorCode::kInvalid, Reason::kStorageReplyInvalid, std::move(message));
}

class S3Store final : public ObjectStore {
public:
    explicit S3Store(S3Parts parts) : caller_(std::move(parts)) {}

    Result<Creation> create(std::string_view key, std::span<const std::byte> bytes, const Call& call) override {
        N4B_TRY_VOID(s3::check_key(key));
        const auto operation = s3::create_object(location(), key);
        N4B_TRY(const auto answer, caller_.perform({.operation = operation, .body = bytes}, call));
        if (!answer.refusal) return Creation::kCreated;
        if (answer.refusal != FailureKind::kTaken) return unexpected(operation, answer);
        if (!answer.maybe_done_before) return Creation::kTaken;
        // The storage may have answered an earlier try with an error after it had stored the object.
        N4B_TRY(const bool ours, holds(key, bytes, call));
        return ours ? Creation::kCreated : Creation::kTaken;
    }

    Result<void> put(std::string_view key, std::span<const std::byte> bytes, const Call& call) override {
        return put_object(key, {.bytes = bytes}, call);
    }

    std::unique_ptr<ObjectBatch> begin_batch() override { return std::make_unique<Batch>(*this); }

    Result<std::size_t> get(std::string_view key, std::int64_t offset, std::span<std::byte> into,
                            const Call& call) override {
        N4B_TRY_VOID(s3::check_key(key));
        if (into.empty()) return 0;
        const auto operation = s3::get_object(location(), key, offset, static_cast<std::int64_t>(into.size()));
        N4B_TRY(const auto answer, caller_.perform({.operation = operation, .into = into}, call));
        if (answer.refusal == FailureKind::kBeyondEnd) return 0;
        if (answer.refusal) return missing(operation);
        N4B_TRY_VOID(check_range(operation, answer.received, offset, into.size()));
        return answer.received.bytes;
    }

    Result<ObjectInfo> stat(std::string_view key, const Call& call) override {
        N4B_TRY_VOID(s3::check_key(key));
        const auto operation = s3::head_object(location(), key);
        N4B_TRY(auto answer, caller_.perform({.operation = operation}, call));
        if (answer.refusal) {
            // Without a body, an unknown bucket or key id looks like a missing object; the answer to GET tells which.
            std::array<std::byte, 1> byte{};
            N4B_TRY([[maybe_unused]] const auto n, get(key, 0, byte, call));
            N4B_TRY(answer, caller_.perform({.operation = operation}, call));
        }
        if (answer.refusal) return missing(operation);
        const auto length = s3::header_of(answer.received.reply, "content-length");
        const auto bytes = length ? s3::parse_bytes(*length) : std::nullopt;
        if (!bytes) return strange(s3::describe(location(), operation) + ": found no Content-Length, expected one");
        const auto modified = s3::header_of(answer.received.reply, "last-modified");
        return ObjectInfo{.key = std::string(key),
                          .bytes = *bytes,
                          .modified = modified ? base::parse_http_date(*modified) : std::nullopt};
    }

    Result<void> list(std::string_view prefix, std::string_view after,
                      const std::function<bool(std::span<const ObjectInfo>)>& take, const Call& call) override {
        std::string last = after.empty() ? std::string() : location().prefix + std::string(after);
        s3::PageStart start{.after = last};
        for (;;) {
            N4B_TRY(auto page, list_page(prefix, start, kPageKeys, call));
            N4B_TRY(const auto objects, next_objects(page, last));
            if (!objects.empty() && !take(objects)) return {};
            if (!page.truncated) return {};
            if (page.continuation == start.continuation) return strange("ListObjectsV2: a page points to itself");
            start.continuation = std::move(page.continuation);
        }
    }

    /// What can be read from a bucket is durable.
    Result<void> make_durable(std::string_view key, const Call& call) override {
        return stat(key, call).map([](const ObjectInfo&) {});
    }

    Result<Removal> remove(std::string_view key, const Call& call) override {
        N4B_TRY_VOID(s3::check_key(key));
        const auto operation = s3::delete_object(location(), key);
        N4B_TRY(const auto answer, caller_.perform({.operation = operation}, call));
        if (answer.refusal == FailureKind::kHeld) return Removal::kHeld;
        const bool done = !answer.refusal || answer.refusal == FailureKind::kNotFound;
        if (!done) return unexpected(operation, answer);
        return s3::header_of(answer.received.reply, "x-amz-delete-marker") == "true" ? Removal::kHidden
                                                                                     : Removal::kRemoved;
    }

    /// What was not stored whole was not stored, and keys have no directories.
    Result<std::int64_t> remove_unfinished(std::string_view /*directory*/, const Call& /*call*/) override { return 0; }

    Result<void> remove_empty(std::string_view /*directory*/, std::string_view /*kept*/,
                              const Call& /*call*/) override {
        return {};
    }

    Result<base::SystemTime> now(const Call& call) override {
        N4B_TRY_VOID(check_call(call, "ask for the storage's time"));
        if (const auto known = caller_.known_time()) return *known;
        const auto operation = s3::list_objects(location(), "", {}, 1);
        N4B_TRY(const auto answer, caller_.perform({.operation = operation, .max_reply = s3::kMaxListBytes}, call));
        if (answer.refusal) return unexpected(operation, answer);
        const auto time = s3::time_of(answer.received.reply);
        if (!time) return strange(s3::describe(location(), operation) + ": found no Date in the reply, expected one");
        return *time;
    }

    Result<std::optional<Space>> space(const Call& /*call*/) override { return std::nullopt; }

private:
    /// What is in a bucket is durable at once, so that a batch has nothing to share.
    class Batch final : public ObjectBatch {
    public:
        explicit Batch(S3Store& store) : store_(store) {}
        Result<void> put(std::string_view key, const HashedBytes& object, const Call& call) override {
            return store_.put_object(key, object, call);
        }
        Result<void> settle(const Call& /*call*/) override { return {}; }

    private:
        S3Store& store_;
    };

    /// Without a digest, the bytes are hashed here.
    Result<void> put_object(std::string_view key, const HashedBytes& object, const Call& call) {
        N4B_TRY_VOID(s3::check_key(key));
        const auto operation = s3::put_object(location(), key);
        N4B_TRY(const auto answer,
                caller_.perform({.operation = operation, .body = object.bytes, .body_sha256 = object.sha256}, call));
        if (answer.refusal) return unexpected(operation, answer);
        return {};
    }

    [[nodiscard]] const s3::Location& location() const { return caller_.location(); }

    tl::unexpected<base::Error> missing(const s3::Operation& operation) const {
        return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound,
                          s3::describe(location(), operation) + ": there is no such object");
    }

    /// An answer that belongs to another operation.
    tl::unexpected<base::Error> unexpected(const s3::Operation& operation, const S3Answer& answer) const {
        return strange(fmt::format("{}: found status {}, expected success", s3::describe(location(), operation),
                                   answer.received.reply.status));
    }

    Result<void> check_range(const s3::Operation& operation, const Received& received, std::int64_t offset,
                             std::size_t asked) const {
        const auto bytes = static_cast<std::int64_t>(received.bytes);
        const auto what = s3::describe(location(), operation);
        const auto text = s3::header_of(received.reply, "content-range");
        // Some stores answer 200 to a range, with Content-Range (rclone) or without where it is the whole object.
        if (!text && received.reply.status != kPartialContent) {
            if (offset == 0) return {};
            return base::fail(ErrorCode::kInvalid, Reason::kStorageOperationUnsupported,
                              fmt::format("{}: found status {} and no Content-Range, expected 206: the storage ignores "
                                          "ranges",
                                          what, received.reply.status));
        }
        const auto range = text ? s3::parse_content_range(*text) : std::nullopt;
        const bool whole = range && range->first == offset && range->last - range->first + 1 == bytes &&
                           (received.bytes == asked || range->last + 1 == range->size);
        if (whole) return {};
        return strange(fmt::format("{}: found {} bytes with Content-Range \"{}\", expected {} bytes from {}", what,
                                   bytes, s3::printable(text.value_or("")), asked, offset));
    }

    Result<s3::ListPage> list_page(std::string_view prefix, const s3::PageStart& start, int keys, const Call& call) {
        const auto operation = s3::list_objects(location(), prefix, start, keys);
        N4B_TRY(const auto answer, caller_.perform({.operation = operation, .max_reply = s3::kMaxListBytes}, call));
        if (answer.refusal) return unexpected(operation, answer);
        auto page = s3::parse_list(answer.received.reply.body, location().prefix + std::string(prefix));
        if (!page) return base::fail(page.error().wrap(s3::describe(location(), operation)));
        return page;
    }

    /// The objects of a page, which begin beyond `last`; `last` becomes the page's last key.
    Result<std::vector<ObjectInfo>> next_objects(s3::ListPage& page, std::string& last) const {
        std::vector<ObjectInfo> objects;
        objects.reserve(page.objects.size());
        for (auto& object : page.objects) {
            if (object.key <= last && !last.empty()) {
                return strange(fmt::format("ListObjectsV2: found key {} after {}, expected byte order",
                                           s3::printable(object.key), s3::printable(last)));
            }
            last = object.key;
            // Consoles show folders by empty objects whose keys end with '/'.
            if (object.key.ends_with('/')) continue;
            objects.push_back({.key = object.key.substr(location().prefix.size()),
                               .bytes = object.bytes,
                               .modified = object.modified});
        }
        return objects;
    }

    /// Whether the object has just these bytes.
    Result<bool> holds(std::string_view key, std::span<const std::byte> bytes, const Call& call) {
        N4B_TRY(const auto info, stat(key, call));
        if (info.bytes != static_cast<std::int64_t>(bytes.size())) return false;
        std::vector<std::byte> piece(std::min(bytes.size(), kCompareBytes));
        for (std::size_t offset = 0; offset < bytes.size();) {
            const auto expected = bytes.subspan(offset, std::min(piece.size(), bytes.size() - offset));
            const auto into = std::span(piece).first(expected.size());
            N4B_TRY(const auto n, get(key, static_cast<std::int64_t>(offset), into, call));
            if (n != expected.size() || !std::equal(expected.begin(), expected.end(), into.begin())) return false;
            offset += n;
        }
        return true;
    }

    S3Caller caller_;
};

}  // namespace

std::unique_ptr<ObjectStore> s3_store(S3Parts parts) {
    return std::make_unique<S3Store>(std::move(parts));
}

}  // namespace n4b::object_store
