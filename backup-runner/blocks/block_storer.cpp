#include "backup-runner/blocks/block_storer.hpp"

#include <utility>

#include "backup-runner/blocks/wait.hpp"

namespace n4b::blocks {

using base::Result;

BlockStorer::BlockStorer(BlockPlace& place, IndexWriter& index, std::size_t threads)
    : place_(place), index_(index), forward_stop_(place.call.stop, [this] { stop_puts_.request_stop(); }) {
    const auto start = [this](Serves serves) {
        threads_.emplace_back([this, serves](const std::stop_token& stop) { run(stop, serves); });
    };
    for (std::size_t i = 0; i < threads; ++i) start(Serves::kAll);
    start(Serves::kUrgent);
}

BlockStorer::~BlockStorer() {
    stop_puts_.request_stop();
    for (auto& thread : threads_) thread.request_stop();
    threads_.clear();
}

Result<void> BlockStorer::check() {
    const std::lock_guard lock(mutex_);
    if (error_) return base::fail(*error_);
    return {};
}

Result<void> BlockStorer::submit(FilledBlock block, Urgency urgency) {
    {
        const std::lock_guard lock(mutex_);
        if (error_) return base::fail(*error_);
        auto& of = lane(urgency);
        of.waiting.push_back({.urgency = urgency, .ticket = of.submitted++, .block = std::move(block)});
    }
    changed_.notify_all();
    return {};
}

void BlockStorer::run(const std::stop_token& stop, Serves serves) {
    for (;;) {
        Waiting waiting;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, stop, [&] {
                return !first_.waiting.empty() || (serves == Serves::kAll && !normal_.waiting.empty());
            });
            if (stop.stop_requested()) return;
            auto& of = first_.waiting.empty() ? normal_ : first_;
            waiting = std::move(of.waiting.front());
            of.waiting.pop_front();
        }
        const auto bytes = static_cast<std::int64_t>(waiting.block.bytes);
        const auto stored = store(std::move(waiting));
        if (!stored) fail(stored.error());
        {
            const std::lock_guard lock(mutex_);
            ++stored_;
            if (stored) {
                ++totals_.blocks;
                totals_.bytes += bytes;
            }
        }
        changed_.notify_all();
    }
}

/// The first error ends what is under way and what waits, so that those who wait for a block of the pool get one, and
/// with it the error.
void BlockStorer::fail(base::Error error) {
    std::deque<Waiting> first;
    std::deque<Waiting> normal;
    {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::move(error);
        std::swap(first, first_.waiting);
        std::swap(normal, normal_.waiting);
        stored_ += static_cast<std::int64_t>(first.size() + normal.size());
    }
    stop_puts_.request_stop();
}

Result<void> BlockStorer::store(Waiting waiting) {
    auto& block = waiting.block;
    N4B_TRY(const auto number, place_.take_number());
    const auto bytes = std::span<const std::byte>(block.buffer.bytes()).first(block.bytes);
    for (auto& extent : block.extents) extent.block = number;
    const auto digest = digest_of_block(number, bytes);
    // In the index before it is in the storage: an artifact with a block that failed gets no head.
    N4B_TRY_VOID(
        describe(lane(waiting.urgency), waiting.ticket, {.digest = digest, .extents = std::move(block.extents)}));
    return place_.put(digest, bytes, {.deadline = place_.call.deadline, .stop = stop_puts_.get_token()});
}

/// The lane whose next block can go into the index.
BlockStorer::Lane* BlockStorer::ready_lane() {
    for (auto* of : {&first_, &normal_}) {
        if (!of->described.empty() && of->described.begin()->first == of->next_described) return of;
    }
    return nullptr;
}

Result<void> BlockStorer::describe(Lane& lane, std::int64_t ticket, Described described) {
    std::unique_lock lock(mutex_);
    lane.described.emplace(ticket, std::move(described));
    if (describing_) {
        // Blocks would be stored, and described ones pile up, while a slow storage holds up the index.
        const auto most = 2 * threads_.size();
        changed_.wait(lock, [&] { return !describing_ || first_.described.size() + normal_.described.size() <= most; });
    }
    if (describing_) return {};
    // One at a time: a block and its extents stand together.
    describing_ = true;
    Result<void> result;
    for (Lane* ready = ready_lane(); result && ready != nullptr; ready = ready_lane()) {
        const auto next = std::move(ready->described.extract(ready->described.begin()).mapped());
        ++ready->next_described;
        lock.unlock();
        changed_.notify_all();
        result = add_to_index(next);
        lock.lock();
    }
    describing_ = false;
    lock.unlock();
    changed_.notify_all();
    return result;
}

Result<void> BlockStorer::add_to_index(const Described& described) {
    N4B_TRY_VOID(index_.add(described.digest));
    for (const auto& extent : described.extents) N4B_TRY_VOID(index_.add(extent));
    return {};
}

Result<BlockStorer::Totals> BlockStorer::drain() {
    std::unique_lock lock(mutex_);
    N4B_TRY_VOID(wait_for(changed_, lock, place_.call, "store the last blocks", [this] {
        const auto submitted = first_.submitted + normal_.submitted;
        return error_ ||
               (stored_ == submitted && first_.next_described + normal_.next_described == submitted && !describing_);
    }));
    if (error_) return base::fail(*error_);
    return totals_;
}

}  // namespace n4b::blocks
