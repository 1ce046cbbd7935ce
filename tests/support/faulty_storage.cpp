#include "tests/support/faulty_storage.hpp"

#include <unistd.h>

#include <filesystem>

namespace n4b::testing {
namespace {

using base::Result;

tl::unexpected<base::Error> injected() {
    return base::fail(base::ErrorCode::kUnavailable, base::Reason::kStorageUnavailable, "injected fault");
}

std::string parent_of(std::string_view key) {
    const auto slash = key.rfind('/');
    return std::string(slash == std::string_view::npos ? "" : key.substr(0, slash));
}

}  // namespace

template <typename Operation>
auto FaultyStorage::strike(Operation operation) -> decltype(operation()) {
    const bool now = count_++ == at_;
    if (now && fault_ == Fault::kFailBefore) return injected();
    if (now && fault_ == Fault::kExitBefore) ::_exit(kFaultExit);
    if (now && fault_ == Fault::kPowerOffBefore) power_off();
    auto result = operation();
    if (now && fault_ == Fault::kFailAfter) return injected();
    if (now && fault_ == Fault::kExitAfter) ::_exit(kFaultExit);
    if (now && fault_ == Fault::kPowerOffAfter) power_off();
    return result;
}

void FaultyStorage::power_off() {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, durable] : files_) {
        if (durable != kWhole && ::truncate((root_ + "/" + key).c_str(), durable) != 0) continue;
    }
    for (const auto& key : volatile_entries_) {
        std::error_code ignored;
        std::filesystem::remove_all(root_ + "/" + key, ignored);
    }
    ::_exit(kFaultExit);
}

class FaultyStorage::FaultyWriter final : public storage::Writer {
public:
    FaultyWriter(FaultyStorage& storage, std::unique_ptr<storage::Writer> inner, std::string key)
        : storage_(storage), inner_(std::move(inner)), key_(std::move(key)) {}

    Result<void> write(std::span<const std::byte> bytes) override {
        return storage_.strike([&] { return inner_->write(bytes); });
    }
    Result<std::int64_t> sync() override {
        return storage_.strike([&] {
            auto done = inner_->sync();
            const std::lock_guard lock(storage_.mutex_);
            if (done) storage_.files_[storage_.name_of(key_)] = *done;
            return done;
        });
    }
    Result<void> finish() override {
        return storage_.strike([&] {
            auto done = inner_->finish();
            if (storage_.on_finished) storage_.on_finished(key_);
            const std::lock_guard lock(storage_.mutex_);
            if (done) storage_.files_[storage_.name_of(key_)] = kWhole;
            return done;
        });
    }

private:
    FaultyStorage& storage_;
    std::unique_ptr<storage::Writer> inner_;
    const std::string key_;
};

Result<void> FaultyStorage::make_directories(std::string_view key) {
    // The volume itself makes each new directory durable in its parent.
    return strike([&] { return inner_.make_directories(key); });
}

Result<std::unique_ptr<storage::Writer>> FaultyStorage::create(std::string_view key, storage::Caching caching) {
    return strike([&]() -> Result<std::unique_ptr<storage::Writer>> {
        N4B_TRY(auto inner, inner_.create(key, caching));
        return watch(key, std::move(inner));
    });
}

Result<std::unique_ptr<storage::Writer>> FaultyStorage::create_from(std::string_view key, std::string_view beginning,
                                                                    std::int64_t bytes, storage::Caching caching) {
    return strike([&]() -> Result<std::unique_ptr<storage::Writer>> {
        N4B_TRY(auto inner, inner_.create_from(key, beginning, bytes, caching));
        return watch(key, std::move(inner));
    });
}

std::unique_ptr<storage::Writer> FaultyStorage::watch(std::string_view key, std::unique_ptr<storage::Writer> inner) {
    const std::lock_guard lock(mutex_);
    files_[std::string(key)] = 0;
    renamed_.erase(std::string(key));
    volatile_entries_.insert(std::string(key));
    return std::make_unique<FaultyWriter>(*this, std::move(inner), std::string(key));
}

std::string FaultyStorage::name_of(const std::string& created) const {
    const auto found = renamed_.find(created);
    return found == renamed_.end() ? created : found->second;
}

void FaultyStorage::note_renamed(std::string_view from, std::string_view to) {
    const std::lock_guard lock(mutex_);
    files_[std::string(to)] = files_[std::string(from)];
    files_.erase(std::string(from));
    renamed_[std::string(from)] = to;
    volatile_entries_.erase(std::string(from));
    volatile_entries_.erase(std::string(to));
}

Result<void> FaultyStorage::publish(std::string_view from, std::string_view to) {
    // In two steps, as the volume does it: between the new name and its durability a process can end as well. The
    // volume takes the name for its own when it makes it again.
    N4B_TRY_VOID(strike([&]() -> Result<void> {
        std::error_code taken;
        std::filesystem::create_hard_link(root_ + "/" + std::string(from), root_ + "/" + std::string(to), taken);
        const std::lock_guard lock(mutex_);
        if (!taken) volatile_entries_.insert(std::string(to));
        return {};
    }));
    return strike([&]() -> Result<void> {
        N4B_TRY_VOID(inner_.publish(from, to));
        note_renamed(from, to);
        return {};
    });
}

Result<void> FaultyStorage::rename(std::string_view from, std::string_view to) {
    return strike([&]() -> Result<void> {
        N4B_TRY_VOID(inner_.rename(from, to));
        note_renamed(from, to);
        const std::lock_guard lock(mutex_);
        volatile_entries_.insert(std::string(to));
        return {};
    });
}

Result<void> FaultyStorage::replace(std::string_view from, std::string_view to) {
    // In two steps, as the volume does it.
    N4B_TRY_VOID(strike([&]() -> Result<void> {
        N4B_TRY_VOID(inner_.replace(from, to));
        note_renamed(from, to);
        const std::lock_guard lock(mutex_);
        volatile_entries_.insert(std::string(to));
        return {};
    }));
    return strike([&]() -> Result<void> {
        const std::lock_guard lock(mutex_);
        volatile_entries_.erase(std::string(to));
        return {};
    });
}

Result<void> FaultyStorage::replace_directory(std::string_view from, std::string_view to) {
    return strike([&]() -> Result<void> {
        N4B_TRY_VOID(inner_.replace_directory(from, to));
        note_renamed(from, to);
        return {};
    });
}

Result<void> FaultyStorage::sync_directory(std::string_view key) {
    return strike([&]() -> Result<void> {
        N4B_TRY_VOID(inner_.sync_directory(key));
        const std::lock_guard lock(mutex_);
        std::erase_if(volatile_entries_, [&](const std::string& entry) { return parent_of(entry) == key; });
        return {};
    });
}

Result<void> FaultyStorage::list(std::string_view key, const std::function<bool(const storage::Entry&)>& take) {
    return strike([&] { return inner_.list(key, take); });
}

Result<bool> FaultyStorage::exists(std::string_view key) {
    return strike([&] { return inner_.exists(key); });
}

Result<void> FaultyStorage::remove(std::string_view key) {
    return strike([&] { return inner_.remove(key); });
}

Result<bool> FaultyStorage::remove_directory(std::string_view key) {
    return strike([&] { return inner_.remove_directory(key); });
}

}  // namespace n4b::testing
