#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/select.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "backup-runner/object_store/curl_errors.hpp"
#include "backup-runner/object_store/curl_handles.hpp"
#include "backup-runner/object_store/http_transport.hpp"
#include "backup-runner/s3/percent.hpp"
#include "common/base/check.hpp"

namespace n4b::object_store {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using std::chrono::milliseconds;

/// libcurl looks at its own timers at least so often; a stop wakes it at once.
constexpr milliseconds kLongestPoll{1000};
/// libcurl's own 64 KiB cost a send, a poll and a turn of its machinery for each; every connection has one such buffer.
constexpr long kUploadBufferBytes = 256L * 1024;
constexpr std::size_t kMaxHeaders = 64;
constexpr std::size_t kMaxHeaderValue = 4096;
constexpr int kProxyAuthenticationRequired = 407;

/// What a transfer has brought so far; libcurl's callbacks fill it.
struct Progress {
    CURL* easy;
    const Exchange& exchange;
    Received received{};
    std::size_t sent = 0;   ///< To libcurl; the kernel may have most of it still.
    std::size_t heard = 0;  ///< Of heads and bodies of replies.
    bool overflow = false;  ///< A success with more than was asked for.
    bool enough = false;    ///< An error longer than is read.
};

std::size_t send_body(char* into, std::size_t size, std::size_t count, void* user) {
    auto& progress = *static_cast<Progress*>(user);
    const auto rest = progress.exchange.body.subspan(progress.sent);
    const auto bytes = std::min(size * count, rest.size());
    if (bytes > 0) std::memcpy(into, rest.data(), bytes);
    progress.sent += bytes;
    return bytes;
}

/// libcurl starts a body anew when a connection that it used again turns out to be dead.
int seek_body(void* user, curl_off_t offset, int origin) {
    auto& progress = *static_cast<Progress*>(user);
    const bool valid =
        origin == SEEK_SET && offset >= 0 && static_cast<std::size_t>(offset) <= progress.exchange.body.size();
    if (!valid) return CURL_SEEKFUNC_FAIL;
    progress.sent = static_cast<std::size_t>(offset);
    return CURL_SEEKFUNC_OK;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
    auto& progress = *static_cast<Progress*>(user);
    auto& reply = progress.received.reply;
    const std::size_t all = size * count;
    progress.heard += all;
    std::string_view line(data, all);
    // After "100 Continue" the reply proper begins with its own status line.
    if (line.starts_with("HTTP/")) reply.headers.clear();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || reply.headers.size() == kMaxHeaders) return all;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
    if (value.size() <= kMaxHeaderValue) reply.headers.push_back({std::move(name), std::string(value)});
    return all;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
    auto& progress = *static_cast<Progress*>(user);
    auto& [reply, bytes] = progress.received;
    const std::size_t all = size * count;
    progress.heard += all;
    long status = 0;
    curl_easy_getinfo(progress.easy, CURLINFO_RESPONSE_CODE, &status);
    const auto into = progress.exchange.into;
    if (s3::is_success(static_cast<int>(status)) && !into.empty()) {
        progress.overflow = all > into.size() - bytes;
        if (progress.overflow) return 0;
        std::memcpy(into.data() + bytes, data, all);
        bytes += all;
        return all;
    }
    const auto limit = s3::is_success(static_cast<int>(status)) ? progress.exchange.max_reply : s3::kMaxErrorBytes;
    const auto kept = std::min(all, limit - reply.body.size());
    reply.body.append(data, kept);
    if (kept == all) return all;
    (s3::is_success(static_cast<int>(status)) ? progress.overflow : progress.enough) = true;
    return 0;
}

/// Tells how long nothing has moved either way. libcurl's own count (CURLOPT_LOW_SPEED_TIME) ends when the kernel has
/// the bytes: megabytes wait there on a slow line, and every request would be given up, and begun anew, before they are
/// sent.
class Silence {
public:
    /// Of the only request of `multi`.
    Silence(CURLM* multi, const Progress& progress) : multi_(multi), progress_(progress) {}

    /// Since the last time that anything had moved when this was called.
    [[nodiscard]] base::SteadyTime::duration look() {
        const Moved now{.sent = progress_.sent, .heard = progress_.heard, .waiting = waiting()};
        if (now != moved_) {
            moved_ = now;
            since_ = std::chrono::steady_clock::now();
        }
        return std::chrono::steady_clock::now() - since_;
    }

private:
    struct Moved {
        std::size_t sent = 0;
        std::size_t heard = 0;
        int waiting = 0;
        bool operator==(const Moved&) const = default;
    };

    /// Bytes that the other side has not acknowledged yet; -1 without a connection.
    [[nodiscard]] int waiting() const {
        fd_set read{};
        fd_set write{};
        fd_set failed{};
        int highest = -1;
        if (curl_multi_fdset(multi_, &read, &write, &failed, &highest) != CURLM_OK) return -1;
        int all = -1;
        for (int socket = 0; socket <= highest; ++socket) {
            int bytes = 0;
            if (!FD_ISSET(socket, &read) && !FD_ISSET(socket, &write)) continue;
            if (::ioctl(socket, SIOCOUTQ, &bytes) == 0) all = std::max(all, 0) + bytes;
        }
        return all;
    }

    CURLM* multi_;
    const Progress& progress_;
    Moved moved_{};
    base::SteadyTime since_ = std::chrono::steady_clock::now();
};

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
    N4B_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK, "libcurl refuses an option");
}

HeaderList header_list(const s3::Request& request) {
    HeaderList list;
    const auto append = [&](const std::string& line) {
        auto* longer = curl_slist_append(list.get(), line.c_str());
        N4B_CHECK(longer != nullptr, "libcurl has no memory");
        (void)list.release();
        list.reset(longer);
    };
    for (const auto& header : request.headers) append(header.name + ": " + header.value);
    return list;
}

std::string host_of(const std::string& url) {
    const UrlHandle parsed(curl_url());
    char* host = nullptr;
    const bool known = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                       curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) == CURLUE_OK;
    std::string text = known ? host : "";
    curl_free(host);
    return text;
}

class CurlTransport final : public HttpTransport {
public:
    explicit CurlTransport(TransportOptions options)
        : options_(std::move(options)), proxy_host_(options_.proxy.empty() ? "" : host_of(options_.proxy)) {}

    Result<Received> send(const Exchange& exchange, const Call& call) override {
        auto session = take();
        auto received = transfer(*session, exchange, call);
        give_back(std::move(session));
        return received;
    }

private:
    std::unique_ptr<CurlSession> take() {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) return std::make_unique<CurlSession>();
        auto session = std::move(idle_.back());
        idle_.pop_back();
        return session;
    }
    void give_back(std::unique_ptr<CurlSession> session) {
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(session));
    }

    Result<Received> transfer(CurlSession& session, const Exchange& exchange, const Call& call);
    void configure(CurlSession& session, Progress& progress, const curl_slist* headers) const;
    /// libcurl's outcome; nothing: the call had to end first.
    Result<CURLcode> drive(CurlSession& session, const Progress& progress, const Call& call,
                           const std::string& host) const;
    Result<Received> conclude(CurlSession& session, CURLcode code, Progress& progress, const std::string& host) const;

    const TransportOptions options_;
    const std::string proxy_host_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<CurlSession>> idle_;
};

void CurlTransport::configure(CurlSession& session, Progress& progress, const curl_slist* headers) const {
    auto* easy = session.easy.get();
    const auto& request = progress.exchange.request;
    curl_easy_reset(easy);
    session.error.fill('\0');
    set(easy, CURLOPT_ERRORBUFFER, session.error.data());
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // Without it the end of a call waits for a name server that doesn't answer.
    set(easy, CURLOPT_QUICK_EXIT, 1L);
    set(easy, CURLOPT_URL, request.url.c_str());
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    set(easy, CURLOPT_PROTOCOLS_STR, options_.allow_insecure ? "https,http" : "https");
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) {
        set(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
        set(easy, CURLOPT_PROXY_CAINFO, options_.ca_file.c_str());
    }
    // An empty proxy keeps libcurl from asking the environment, which was read once, where it is documented.
    set(easy, CURLOPT_PROXY, options_.proxy.c_str());
    if (!options_.proxy_user.empty()) {
        set(easy, CURLOPT_PROXYUSERNAME, options_.proxy_user.c_str());
        set(easy, CURLOPT_PROXYPASSWORD, options_.proxy_password.c_str());
    }
    set(easy, CURLOPT_NOPROXY, options_.no_proxy.c_str());
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    set(easy, CURLOPT_HTTPHEADER, headers);
    set(easy, CURLOPT_HEADERFUNCTION, &take_header);
    set(easy, CURLOPT_HEADERDATA, static_cast<void*>(&progress));
    set(easy, CURLOPT_WRITEFUNCTION, &take_body);
    set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&progress));
    if (request.method == "PUT" || request.method == "POST") {
        set(easy, CURLOPT_UPLOAD, 1L);
        set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        set(easy, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
        set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(progress.exchange.body.size()));
        set(easy, CURLOPT_READFUNCTION, &send_body);
        set(easy, CURLOPT_READDATA, static_cast<void*>(&progress));
        set(easy, CURLOPT_SEEKFUNCTION, &seek_body);
        set(easy, CURLOPT_SEEKDATA, static_cast<void*>(&progress));
    } else if (request.method == "HEAD") {
        set(easy, CURLOPT_NOBODY, 1L);
    } else {
        set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
}

Result<Received> CurlTransport::transfer(CurlSession& session, const Exchange& exchange, const Call& call) {
    Progress progress{.easy = session.easy.get(), .exchange = exchange};
    const auto headers = header_list(exchange.request);
    configure(session, progress, headers.get());
    const auto host = host_of(exchange.request.url);
    N4B_CHECK(curl_multi_add_handle(session.multi.get(), session.easy.get()) == CURLM_OK, "libcurl takes no request");
    const auto code = drive(session, progress, call, host);
    // What is still under way ends here, and its connection with it.
    curl_multi_remove_handle(session.multi.get(), session.easy.get());
    if (!code) return base::fail(code.error());
    return conclude(session, *code, progress, host);
}

Result<CURLcode> CurlTransport::drive(CurlSession& session, const Progress& progress, const Call& call,
                                      const std::string& host) const {
    auto* multi = session.multi.get();
    const std::stop_callback wake(call.stop, [multi] { curl_multi_wakeup(multi); });
    Silence silence(multi, progress);
    for (;;) {
        N4B_TRY_VOID(check_call(call, host));
        if (silence.look() > options_.silence_timeout) {
            return base::fail(
                ErrorCode::kUnavailable, Reason::kStorageUnavailable,
                fmt::format("{}: not a byte went either way for {} s", host, options_.silence_timeout.count()));
        }
        int running = 0;
        N4B_CHECK(curl_multi_perform(multi, &running) == CURLM_OK, "libcurl fails without a request's fault");
        int left = 0;
        if (const auto* message = curl_multi_info_read(multi, &left); message != nullptr) return message->data.result;
        const auto wait = std::min(call.deadline.left(), kLongestPoll);
        curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
    }
}

Result<Received> CurlTransport::conclude(CurlSession& session, CURLcode code, Progress& progress,
                                         const std::string& host) const {
    long status = 0;
    curl_easy_getinfo(session.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (progress.overflow) {
        return base::fail(
            ErrorCode::kInvalid, Reason::kStorageReplyInvalid,
            fmt::format("{}: found more bytes in the reply than were asked for, expected at most {}", host,
                        progress.exchange.into.empty() ? progress.exchange.max_reply : progress.exchange.into.size()));
    }
    if (code == CURLE_OK || progress.enough) {
        progress.received.reply.status = static_cast<int>(status);
        if (status != kProxyAuthenticationRequired) return std::move(progress.received);
        return base::fail(
            ErrorCode::kInvalid, Reason::kStorageProxyFailed,
            fmt::format("proxy {} to {}: it demands other credentials (407)", s3::printable(proxy_host_), host));
    }
    long connect_status = 0;
    curl_easy_getinfo(session.easy.get(), CURLINFO_HTTP_CONNECTCODE, &connect_status);
    return base::fail(explain_curl_failure({.code = code,
                                            .text = session.error.data(),
                                            .connect_status = connect_status,
                                            .proxy_host = proxy_host_,
                                            .host = host}));
}

}  // namespace

Result<std::unique_ptr<HttpTransport>> curl_transport(const TransportOptions& options) {
    static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
    N4B_CHECK(kReady == CURLE_OK, "libcurl does not start");
    if (!options.proxy.empty() && host_of(options.proxy).empty()) {
        // The text may hold a password.
        return base::fail(ErrorCode::kInvalid, Reason::kInvalidRunSpec,
                          "the proxy (HTTPS_PROXY): found no URL, expected http://[USER:PASSWORD@]HOST:PORT");
    }
    return std::make_unique<CurlTransport>(options);
}

}  // namespace n4b::object_store
