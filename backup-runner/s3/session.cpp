#include "backup-runner/s3/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "backup-runner/s3/percent.hpp"
#include "backup-runner/s3/xml_reader.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::s3 {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using std::chrono::milliseconds;
using Event = XmlReader::Event;

/// Amazon's SDKs begin to renew 15 minutes before the end, and wait for it at 10; sessions live an hour or more there.
constexpr milliseconds kDueBefore = std::chrono::minutes(10);
/// As long as a request may take from its signature to the storage's look at it.
constexpr milliseconds kOverBefore = std::chrono::seconds(30);

tl::unexpected<base::Error> bad(std::string message) {
    return base::fail(ErrorCode::kInvalid, Reason::kStorageReplyInvalid, std::move(message));
}

/// The texts of a session, before they are checked.
struct RawSession {
    std::string key_id{};
    std::string secret{};
    std::string token{};
    std::string expiration{};
};

bool can_stand_in_header(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Result<Session> checked(RawSession raw) {
    for (const auto& [name, text] :
         {std::pair("AccessKeyId", &raw.key_id), std::pair("SecretAccessKey", &raw.secret)}) {
        if (text->empty()) return bad(fmt::format("found no {}, expected one", name));
    }
    if (!can_stand_in_header(raw.key_id + raw.secret + raw.token)) {
        return bad("AccessKeyId, SecretAccessKey and token: expected printable ASCII without spaces");
    }
    Session session{.credentials = {.key_id = std::move(raw.key_id),
                                    .secret = std::move(raw.secret),
                                    .session_token = std::move(raw.token)}};
    if (raw.expiration.empty()) return session;
    const auto expires = base::parse_rfc3339(raw.expiration);
    if (!expires) return bad(fmt::format("Expiration: found \"{}\", expected a time", printable(raw.expiration)));
    session.expires = *expires;
    return session;
}

/// Without the bucket that may stand before it.
std::string_view host_of_service(const Location& location) {
    std::string_view host = location.host;
    if (!location.path_style) host.remove_prefix(location.bucket.size() + 1);
    return host;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

struct Meaning {
    ErrorCode code;
    Reason reason;
};

/// The codes are those of Amazon's token service; an agent passes them on within a text.
Meaning meaning_of(const Reply& reply, const ErrorDocument& document) {
    constexpr Meaning kUnavailable{ErrorCode::kUnavailable, Reason::kStorageUnavailable};
    constexpr Meaning kThrottled{ErrorCode::kThrottled, Reason::kStorageThrottled};
    // The issuer of the token could not be asked for its keys, says Amazon, and that it is worth another try.
    if (document.code == "IDPCommunicationError") return kUnavailable;
    if (is_one_of(document.code, {"Throttling", "ThrottlingException", "TooManyRequestsException",
                                  "RequestLimitExceeded", "SlowDown"})) {
        return kThrottled;
    }
    if (reply.status == 429) return kThrottled;
    if (reply.status >= 500 || reply.status == 408) return kUnavailable;
    if (is_one_of(document.code, {"InvalidAction", "MethodNotAllowed", "NotImplemented"})) {
        return {ErrorCode::kInvalid, Reason::kStorageReplyInvalid};
    }
    if (!document.code.empty() || reply.status == 400 || reply.status == 401 || reply.status == 403) {
        return {ErrorCode::kUnauthenticated, Reason::kStorageCredentialsRejected};
    }
    return {ErrorCode::kInvalid, Reason::kStorageReplyInvalid};
}

}  // namespace

Freshness freshness_of(milliseconds left, milliseconds lifetime) {
    if (left <= std::min(kOverBefore, lifetime / 8)) return Freshness::kOver;
    return left <= std::min(kDueBefore, lifetime / 2) ? Freshness::kDue : Freshness::kFresh;
}

std::optional<std::string> amazons_token_service(const Location& location) {
    const auto host = host_of_service(location);
    const auto name = host.substr(0, host.rfind(':'));
    for (const std::string_view tail : {"amazonaws.com", "amazonaws.com.cn"}) {
        if (name.ends_with(fmt::format(".{}", tail))) return fmt::format("https://sts.{}.{}", location.region, tail);
    }
    return std::nullopt;
}

std::string usual_token_service(const Location& location) {
    auto amazons = amazons_token_service(location);
    return amazons ? std::move(*amazons) : fmt::format("{}://{}", location.scheme, host_of_service(location));
}

SessionRequest assume_role(const std::string& service, const RoleWanted& wanted) {
    std::vector<Field> form{{"Action", "AssumeRoleWithWebIdentity"},
                            {"Version", "2011-06-15"},
                            {"RoleSessionName", wanted.session_name},
                            {"WebIdentityToken", wanted.token}};
    if (!wanted.role_arn.empty()) form.push_back({"RoleArn", wanted.role_arn});
    return {.request = {.method = "POST",
                        .url = service + "/",
                        .headers = {{"content-type", "application/x-www-form-urlencoded"}}},
            .body = canonical_query(form)};
}

Result<Session> parse_assumed_role(std::string_view text) {
    constexpr std::string_view kRoot = "AssumeRoleWithWebIdentityResponse";
    constexpr std::string_view kCredentials =
        "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials/";
    RawSession raw;
    XmlReader xml(text);
    for (;;) {
        const auto event = xml.next();
        if (!event) return bad(event.error().message);
        if (*event == Event::kEnd) return checked(std::move(raw));
        const std::string_view path = xml.path();
        if (*event == Event::kOpen && !path.starts_with(kRoot)) {
            return bad(fmt::format("found <{}>, expected <{}>", printable(path), kRoot));
        }
        if (*event != Event::kText || !path.starts_with(kCredentials)) continue;
        const auto field = path.substr(kCredentials.size());
        if (field == "AccessKeyId") raw.key_id += xml.text();
        if (field == "SecretAccessKey") raw.secret += xml.text();
        if (field == "SessionToken") raw.token += xml.text();
        if (field == "Expiration") raw.expiration += xml.text();
    }
}

Result<Session> parse_session(std::string_view text) {
    const auto document = base::parse_json(text, kMaxSessionBytes, "the answer");
    // The parser's own words may quote the text.
    if (!document) return bad("found no JSON, expected AccessKeyId, SecretAccessKey, Token and Expiration");
    base::JsonObject object(*document, "");
    RawSession raw{.key_id = object.value_or<std::string>("AccessKeyId", ""),
                   .secret = object.value_or<std::string>("SecretAccessKey", ""),
                   .token = object.value_or<std::string>("Token", ""),
                   .expiration = object.value_or<std::string>("Expiration", "")};
    if (const auto read = object.finish(); !read) return bad(read.error().message);
    return checked(std::move(raw));
}

base::Error explain_no_session(std::string_view who, const Reply& reply) {
    const auto document = parse_error(reply.body);
    const auto meaning = meaning_of(reply, document);
    std::string text = fmt::format("{}: {}", who, reply.status);
    if (!document.code.empty()) text += " " + document.code;
    if (!document.message.empty()) text += ": " + document.message;
    // Agents answer in plain text.
    if (document.code.empty() && !reply.body.empty() && reply.body.front() != '<') text += ": " + printable(reply.body);
    if (!document.request_id.empty()) text += fmt::format(" (request id {})", document.request_id);
    return {.code = meaning.code,
            .message = std::move(text),
            .retry_after = retry_after_of(reply),
            .reason = meaning.reason};
}

bool is_agents_url(std::string_view url) {
    if (url.starts_with("https://")) return true;
    constexpr std::string_view kClear = "http://";
    if (!url.starts_with(kClear)) return false;
    const auto authority = url.substr(kClear.size(), url.find('/', kClear.size()) - kClear.size());
    // What stands before an '@' would be taken for the host.
    if (authority.find('@') != std::string_view::npos) return false;
    const auto bracket = authority.find(']');
    const auto host = authority.substr(0, bracket == std::string_view::npos ? authority.find(':') : bracket + 1);
    return is_one_of(host, {"localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"});
}

}  // namespace n4b::s3
