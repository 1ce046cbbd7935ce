#include "tests/support/fake_s3.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <span>

#include "backup-runner/s3/digest.hpp"
#include "backup-runner/s3/percent.hpp"
#include "backup-runner/s3/signature.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::testing {
namespace {

constexpr char kBucketPath[] = "/bucket";
constexpr auto kMaxSkew = std::chrono::minutes(15);

std::string decode_path(const std::string& text) {
    // A '+' in a path stands for itself, in a list's key for a space.
    std::string escaped;
    for (const char c : text) escaped += c == '+' ? std::string("%2B") : std::string(1, c);
    return *s3::decode_listed(escaped);
}

std::map<std::string, std::string> query_of(const std::string& target) {
    std::map<std::string, std::string> query;
    const auto mark = target.find('?');
    if (mark == std::string::npos) return query;
    for (std::size_t start = mark + 1; start < target.size();) {
        const auto end = std::min(target.find('&', start), target.size());
        const auto pair = target.substr(start, end - start);
        const auto equals = std::min(pair.find('='), pair.size());
        query[decode_path(pair.substr(0, equals))] = decode_path(pair.substr(std::min(equals + 1, pair.size())));
        start = end + 1;
    }
    return query;
}

std::string escape_xml(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        escaped += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
    }
    return escaped;
}

/// As MinIO writes listed keys: a space as '+'.
std::string encode_listed(const std::string& key) {
    auto encoded = s3::percent_encode(key, s3::Slash::kKeep);
    for (auto at = encoded.find("%20"); at != std::string::npos; at = encoded.find("%20")) encoded.replace(at, 3, "+");
    return encoded;
}

std::string http_date(base::SystemTime time) {
    return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace

HttpAnswer s3_error(int status, const std::string& code, const std::string& more) {
    return {.status = status,
            .headers = {{"Content-Type", "application/xml"}},
            .body = fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>scripted</Message>{}</Error>",
                                code, more)};
}

HttpAnswer FakeS3::answer(const HttpCall& call) {
    Intervention intervention;
    {
        const std::lock_guard lock(mutex_);
        if (!interventions_.empty()) {
            intervention = std::move(interventions_.front());
            interventions_.pop_front();
        }
    }
    if (intervention) {
        if (auto other = intervention(*this, call)) return *other;
    }
    return work(call);
}

HttpAnswer FakeS3::work(const HttpCall& call) {
    const std::lock_guard lock(mutex_);
    const auto now = base::RealClock().system_now() + habits_.clock_offset;
    const auto with_date = [&](HttpAnswer answer) {
        answer.headers.emplace_back("Date", http_date(now));
        return answer;
    };
    const auto authorization = call.headers.find("authorization");
    if (authorization == call.headers.end()) return with_date(s3_error(403, "AccessDenied"));
    if (authorization->second.find("Credential=" + habits_.key_id + "/") == std::string::npos) {
        return with_date(s3_error(403, "InvalidAccessKeyId"));
    }
    const auto& date = call.headers.at("x-amz-date");
    // Both are of one form, so that the order of texts is that of times.
    if (date < s3::amz_date(now - kMaxSkew) || date > s3::amz_date(now + kMaxSkew)) {
        return with_date(s3_error(403, "RequestTimeTooSkewed"));
    }
    if (call.headers.at("x-amz-content-sha256") != s3::sha256_hex(call.body)) {
        return with_date(s3_error(400, "XAmzContentSHA256Mismatch"));
    }
    const auto path = decode_path(call.target.substr(0, call.target.find('?')));
    if (!path.starts_with(kBucketPath)) return with_date(s3_error(404, "NoSuchBucket"));
    if (path == kBucketPath) return with_date(list(query_of(call.target)));
    const auto key = path.substr(sizeof kBucketPath);
    if (call.method == "PUT") return with_date(put(key, call));
    if (call.method != "DELETE") return with_date(get(key, call));
    if (habits_.locks_all) {
        return with_date({.status = 400,
                          .body = "<Error><Code>InvalidRequest</Code><Message>Object is WORM protected and cannot be "
                                  "overwritten</Message></Error>"});
    }
    objects_.erase(key);
    HttpAnswer gone{.status = 204};
    if (habits_.versioned) gone.headers.emplace_back("x-amz-delete-marker", "true");
    return with_date(gone);
}

HttpAnswer FakeS3::put(const std::string& key, const HttpCall& call) {
    if (call.headers.contains("x-amz-object-lock-mode")) {
        if (!habits_.knows_locks) return s3_error(400, "InvalidRequest");
        if (call.headers.at("content-md5") != s3::md5_base64(std::as_bytes(std::span(call.body)))) {
            return s3_error(400, "BadDigest");
        }
    }
    if (call.headers.contains("if-none-match")) {
        if (habits_.if_none_match == S3Habits::Condition::kRefused) return s3_error(501, "NotImplemented");
        if (habits_.if_none_match == S3Habits::Condition::kHeld && objects_.contains(key)) {
            return s3_error(412, "PreconditionFailed");
        }
    }
    objects_[key] = call.body;
    return {.status = 200, .headers = {{"ETag", "\"x\""}}};
}

HttpAnswer FakeS3::get(const std::string& key, const HttpCall& call) const {
    const auto found = objects_.find(key);
    if (found == objects_.end()) return s3_error(404, "NoSuchKey");
    const auto& body = found->second;
    if (call.method == "HEAD") {
        return {.headers = {{"Content-Length", std::to_string(body.size())},
                            {"Last-Modified", http_date(base::RealClock().system_now())}}};
    }
    const auto range = call.headers.find("range");
    if (range == call.headers.end() || !habits_.knows_ranges) return {.body = body};
    std::size_t first = 0;
    std::size_t last = 0;
    EXPECT_EQ(std::sscanf(range->second.c_str(), "bytes=%zu-%zu", &first, &last), 2) << range->second;
    if (first >= body.size()) return s3_error(416, "InvalidRange");
    last = std::min(last, body.size() - 1);
    return {.status = 206,
            .headers = {{"Content-Range", fmt::format("bytes {}-{}/{}", first, last, body.size())}},
            .body = body.substr(first, last - first + 1)};
}

HttpAnswer FakeS3::list(const std::map<std::string, std::string>& query) const {
    const auto value = [&](const char* name) {
        const auto found = query.find(name);
        return found == query.end() ? std::string() : found->second;
    };
    const auto prefix = value("prefix");
    const bool encode = habits_.knows_encoding_type && value("encoding-type") == "url";
    // A token is the last key behind a mark, so that one for the very beginning is possible.
    const auto token = value("continuation-token");
    const auto after = token.empty() ? value("start-after") : token.substr(1);
    const auto limit = std::min(habits_.page_keys, std::stoul(value("max-keys")));
    std::string contents;
    std::string last = after;
    std::size_t count = 0;
    bool truncated = habits_.empty_page_first && token.empty();
    for (auto object = objects_.upper_bound(after); object != objects_.end() && !truncated; ++object) {
        if (!object->first.starts_with(prefix)) continue;
        if (count == limit) {
            truncated = true;
            break;
        }
        contents += fmt::format("<Contents><Key>{}</Key><LastModified>{}</LastModified><Size>{}</Size></Contents>",
                                encode ? encode_listed(object->first) : escape_xml(object->first),
                                base::format_rfc3339(base::RealClock().system_now()), object->second.size());
        last = object->first;
        ++count;
    }
    const auto next =
        truncated ? fmt::format("<NextContinuationToken>={}</NextContinuationToken>", escape_xml(last)) : "";
    return {.body = fmt::format(
                "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                "<IsTruncated>{}</IsTruncated>{}{}{}</ListBucketResult>",
                truncated, next, contents, encode ? "<EncodingType>url</EncodingType>" : "")};
}

void FakeS3::set(const S3Habits& habits) {
    const std::lock_guard lock(mutex_);
    habits_ = habits;
}

void FakeS3::intervene(std::vector<Intervention> interventions) {
    const std::lock_guard lock(mutex_);
    interventions_.assign(interventions.begin(), interventions.end());
}

void FakeS3::hold(const std::string& key, const std::string& body) {
    const std::lock_guard lock(mutex_);
    objects_[key] = body;
}

void FakeS3::clear() {
    const std::lock_guard lock(mutex_);
    objects_.clear();
}

std::optional<std::string> FakeS3::held(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

std::size_t FakeS3::count() const {
    const std::lock_guard lock(mutex_);
    return objects_.size();
}

}  // namespace n4b::testing
