#pragma once

// For cpprest_transport.cpp alone: includes cpprestsdk.

#include <cpprest/astreambuf.h>
#include <cpprest/http_client.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace n4b::http {

/// Hands the body of an answer from cpprestsdk's threads to ours, piece by piece. cpprestsdk reads on only when the
/// piece has been used, so nothing but that piece is buffered: by itself it reads as fast as the network brings, and a
/// list of giant objects would fill the memory. A piece is what cpprestsdk reads at once: 64 KiB, or one HTTP chunk.
/// (Kubernetes from 1.33 on writes a list one object a chunk, and a watch one event.)
///
/// One thread uses it, cpprestsdk's threads fill it.
class BodyPipe {
public:
    BodyPipe() : shared_(std::make_shared<Shared>()) {}
    ~BodyPipe() { shared_->abandon(); }
    BodyPipe(const BodyPipe&) = delete;
    BodyPipe& operator=(const BodyPipe&) = delete;

    /// Sends the request and waits for the head of its answer; its body comes by next(). Throws http_exception.
    ///
    /// An exception of cpprestsdk never reaches our thread: its threads may free it at any time, with a reference count
    /// that ThreadSanitizer sees only in part. What it says is copied on cpprestsdk's thread, and thrown anew on ours.
    web::http::http_response send(web::http::client::http_client& client, web::http::http_request request,
                                  const pplx::cancellation_token& token) {
        using Stream = concurrency::streams::streambuf<std::uint8_t>;
        using web::http::http_response;
        request.set_response_stream(Stream(std::make_shared<Buffer>(shared_)).create_ostream());
        // The continuations only note and wake: what blocks on the pool's few threads could wait for itself.
        client.request(request, token).then([shared = shared_](const pplx::task<http_response>& begun) {
            if (auto failure = failure_of(begun)) return shared->finish(std::move(failure));
            const auto reply = begun.get();
            shared->begin(reply);
            reply.content_ready().then(
                [shared](const pplx::task<http_response>& done) { shared->finish(failure_of(done)); });
        });
        return shared_->reply();
    }
    /// The next piece, valid until the next call; nothing at the end. Blocks. Throws http_exception.
    std::optional<std::string_view> next() { return shared_->next(); }

private:
    using Taken = pplx::task_completion_event<std::size_t>;

    struct Failure {
        std::error_code code{};
        std::string what{};
    };
    static std::optional<Failure> failure_of(const pplx::task<web::http::http_response>& task) {
        try {
            task.get();
            return std::nullopt;
        } catch (const web::http::http_exception& error) {
            return Failure{.code = error.error_code(), .what = error.what()};
        } catch (const pplx::task_canceled&) {
            return Failure{.code = std::make_error_code(std::errc::operation_canceled), .what = "cancelled"};
        } catch (const std::exception& error) {
            return Failure{.code = std::make_error_code(std::errc::io_error), .what = error.what()};
        }
    }

    class Shared {
    public:
        void begin(const web::http::http_response& reply) {
            const std::scoped_lock lock(mutex_);
            reply_ = reply;
            changed_.notify_all();
        }
        web::http::http_response reply() {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return reply_ || finished_; });
            if (!reply_) fail();
            return *std::exchange(reply_, std::nullopt);
        }
        pplx::task<std::size_t> put(const std::uint8_t* bytes, std::size_t count) {
            const std::scoped_lock lock(mutex_);
            if (abandoned_) return pplx::task_from_result(count);
            piece_ = {reinterpret_cast<const char*>(bytes), count};
            taken_ = Taken();
            waiting_ = true;
            changed_.notify_all();
            return pplx::create_task(taken_);
        }
        void finish(std::optional<Failure> failure) {
            const std::scoped_lock lock(mutex_);
            finished_ = true;
            failure_ = std::move(failure);
            changed_.notify_all();
        }
        std::optional<std::string_view> next() {
            std::unique_lock lock(mutex_);
            release(lock);
            changed_.wait(lock, [this] { return waiting_ || finished_; });
            if (waiting_) {
                lent_ = true;
                return piece_;
            }
            if (failure_) fail();
            return std::nullopt;
        }
        void abandon() {
            std::unique_lock lock(mutex_);
            abandoned_ = true;
            lent_ = waiting_;
            release(lock);
        }

    private:
        [[noreturn]] void fail() const { throw web::http::http_exception(failure_->code, failure_->what); }
        /// Lets cpprestsdk go on. Its continuation may run on this thread, so not under the lock.
        void release(std::unique_lock<std::mutex>& lock) {
            if (!lent_) return;
            lent_ = waiting_ = false;
            const auto taken = taken_;
            const auto count = piece_.size();
            lock.unlock();
            taken.set(count);
            lock.lock();
        }

        std::mutex mutex_{};
        std::condition_variable changed_{};
        std::string_view piece_{};
        Taken taken_{};
        bool waiting_ = false;  ///< A piece is there that was not given back yet.
        bool lent_ = false;     ///< Our thread is using it.
        bool finished_ = false;
        bool abandoned_ = false;
        std::optional<web::http::http_response> reply_{};
        std::optional<Failure> failure_{};
    };

    /// The part that cpprestsdk knows: a stream buffer that can only be written to.
    class Buffer final : public concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
    public:
        explicit Buffer(std::shared_ptr<Shared> shared)
            : streambuf_state_manager<std::uint8_t>(std::ios_base::out), shared_(std::move(shared)) {}

        bool can_seek() const override { return false; }
        bool has_size() const override { return false; }
        std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
        void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
        std::size_t in_avail() const override { return 0; }
        pos_type getpos(std::ios_base::openmode) const override { return static_cast<pos_type>(traits::eof()); }
        pos_type seekpos(pos_type, std::ios_base::openmode) override { return static_cast<pos_type>(traits::eof()); }
        pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
            return static_cast<pos_type>(traits::eof());
        }
        bool acquire(std::uint8_t*&, std::size_t&) override { return false; }
        void release(std::uint8_t*, std::size_t) override {}

    protected:
        pplx::task<std::size_t> _putn(const std::uint8_t* bytes, std::size_t count) override {
            return shared_->put(bytes, count);
        }
        pplx::task<int_type> _putc(std::uint8_t) override { return end(); }
        pplx::task<int_type> _bumpc() override { return end(); }
        int_type _sbumpc() override { return traits::eof(); }
        pplx::task<int_type> _getc() override { return end(); }
        int_type _sgetc() override { return traits::eof(); }
        pplx::task<int_type> _nextc() override { return end(); }
        pplx::task<int_type> _ungetc() override { return end(); }
        pplx::task<std::size_t> _getn(std::uint8_t*, std::size_t) override {
            return pplx::task_from_result<std::size_t>(0);
        }
        std::size_t _scopy(std::uint8_t*, std::size_t) override { return 0; }
        pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
        std::uint8_t* _alloc(std::size_t) override { return nullptr; }
        void _commit(std::size_t) override {}

    private:
        static pplx::task<int_type> end() { return pplx::task_from_result<int_type>(traits::eof()); }
        std::shared_ptr<Shared> shared_;
    };

    std::shared_ptr<Shared> shared_;
};

}  // namespace n4b::http
