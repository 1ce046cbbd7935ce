#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/base/result.hpp"

namespace n4b::httpd {

struct Response {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body{};
};

/// Answers one GET; called on the server's only thread, so it must not block.
using Handler = std::function<Response()>;

struct Options {
    std::uint16_t port = 0;                     ///< 0: any free one.
    std::map<std::string, Handler> handlers{};  ///< By exact path, e.g. "/healthz".
};

/// A small HTTP/1.1 server for health, metrics and progress: GET and HEAD only, dual stack where the host has IPv6, at
/// most 32 connections at once, 8 KiB of header, no request body, 5 s a request. Thread-safe; owns one thread.
class Server {
public:
    /// Unavailable: the port can't be bound.
    static base::Result<std::unique_ptr<Server>> start(Options options);

    /// Closes the port and joins the thread.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] std::uint16_t port() const;

private:
    class Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace n4b::httpd
