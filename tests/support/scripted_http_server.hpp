#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backup-runner/net/openssl_handles.hpp"
#include "tests/support/loopback_listener.hpp"
#include "tests/support/tls_identity.hpp"

namespace n4b::testing {

struct HttpCall {
    std::string method{};
    std::string target{};                          ///< As it came, with its query.
    std::map<std::string, std::string> headers{};  ///< Names in lower case.
    std::string body{};                            ///< Empty before it was read.
};

/// What a server does that a well-behaved one doesn't.
enum class HttpFault {
    kNone,
    kCut,     ///< Announces the whole body, sends half of it, and closes.
    kReset,   ///< Closes without a reply.
    kSilent,  ///< Says nothing until the client goes.
    kFrozen,  ///< The same, and reads nothing.
};

struct HttpAnswer {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
    HttpFault fault = HttpFault::kNone;
};

/// An HTTP/1.1 server on loopback with keep-alive whose answers a test decides; each connection has its thread.
/// Thread-safe; the functions are called from any of the threads.
class ScriptedHttpServer {
public:
    using Answer = std::function<HttpAnswer(const HttpCall&)>;
    using EarlyAnswer = std::function<std::optional<HttpAnswer>(const HttpCall&)>;

    /// `early` may answer before the body was read; the connection is closed then. With an identity it speaks TLS.
    explicit ScriptedHttpServer(Answer answer, EarlyAnswer early = nullptr, const Identity* identity = nullptr);
    ~ScriptedHttpServer();
    ScriptedHttpServer(const ScriptedHttpServer&) = delete;
    ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
    /// Requests whose head has come.
    [[nodiscard]] int calls() const { return calls_; }
    [[nodiscard]] int connections() const { return connections_; }

private:
    class Wire;
    void accept_all();
    void serve(int fd);
    bool serve_one(Wire& wire);

    const Answer answer_;
    const EarlyAnswer early_;
    net::ContextHandle context_{};
    LoopbackListener listener_{};
    std::atomic<int> calls_ = 0;
    std::atomic<int> connections_ = 0;
    std::mutex mutex_{};
    std::vector<int> open_{};
    std::vector<std::jthread> threads_{};
    std::jthread acceptor_{};
};

}  // namespace n4b::testing
