#include "operator/kube/object_scanner.hpp"

#include <algorithm>
#include <utility>

namespace n4b::kube {
namespace {

using base::ErrorCode;
using base::Result;

/// Metadata may be that much beyond the limits, so that an object that is too large can still be told by its name.
constexpr std::size_t kMetadataBytes = std::size_t{512} << 10U;  // Annotations: at most 256 KiB.
constexpr std::size_t kMetadataValues = 1000;
constexpr std::size_t kEnvelopeBytes = std::size_t{64} << 10U;
constexpr std::size_t kObjectDepth = 64;  // As base::parse_json.
constexpr std::size_t kDepth = 10'000;    // As the API server's decoder.
constexpr std::size_t kKeyBytes = 256;
constexpr std::size_t kKeptCapacity = std::size_t{128} << 10U;

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/// Empties a text, and gives its memory back when it has grown for a giant.
void clear(std::string& text) {
    if (text.capacity() > kKeptCapacity) {
        std::string().swap(text);
    } else {
        text.clear();
    }
}

}  // namespace

ObjectScanner::ObjectScanner(ObjectLimits limits, ItemSink item, DocumentSink document)
    : limits_(limits), item_(std::move(item)), document_(std::move(document)) {}

Result<bool> ObjectScanner::feed(std::string_view piece) {
    std::size_t at = 0;
    while (at < piece.size() && !stopped_ && problem_.empty()) {
        if (in_string_) {
            at += take_string(piece.substr(at));
        } else {
            take(piece[at++]);
        }
    }
    if (!problem_.empty()) return base::fail(ErrorCode::kInvalid, problem_);
    return !stopped_;
}

void ObjectScanner::take(char c) {
    switch (c) {
        case ' ':
        case '\t':
        case '\r':
        case '\n':
            return end_scalar();
        case '"':
            end_scalar();
            in_key_ = expects_key_;
            if (!in_key_) begin_value(c);
            if (in_key_ && depth() <= kNamedDepth) keys_[depth()].clear();
            in_string_ = true;
            return append("\"");
        case '{':
        case '[':
            return open(c == '[', c);
        case '}':
        case ']':
            end_scalar();
            return close(c == ']', c);
        case ',':
            end_scalar();
            expects_key_ = !arrays_.empty() && !arrays_.back();
            return append(",");
        case ':':
            expects_key_ = false;
            return append(":");
        default:
            if (!scalar_) begin_value(c);
            scalar_ = true;
            return append({&c, 1});
    }
}

std::size_t ObjectScanner::take_string(std::string_view rest) {
    if (escaped_) {
        escaped_ = false;
        append(rest.substr(0, 1));
        return 1;
    }
    const auto run = rest.substr(0, rest.find_first_of("\"\\"));
    append(run);
    if (in_key_ && depth() <= kNamedDepth && keys_[depth()].size() < kKeyBytes) keys_[depth()].append(run);
    if (run.size() == rest.size()) return run.size();
    append(rest.substr(run.size(), 1));
    if (rest[run.size()] == '\\') {
        escaped_ = true;
    } else {
        in_string_ = false;
        if (!std::exchange(in_key_, false)) end_value();
    }
    return run.size() + 1;
}

void ObjectScanner::open(bool array, char c) {
    end_scalar();
    if (depth() == 0 && array) return fail("an array, expected an object");
    if (depth() >= kDepth) return fail("nested too deeply");
    begin_value(c);
    if (base_ != 0 && depth() + 2 - base_ > kObjectDepth) overflow();
    append({&c, 1});
    arrays_.push_back(array);
    if (depth() <= kNamedDepth) keys_[depth()].clear();
    expects_key_ = !array;
}

void ObjectScanner::close(bool array, char c) {
    if (arrays_.empty() || arrays_.back() != array) return fail("a bracket that does not match");
    append({&c, 1});
    arrays_.pop_back();
    expects_key_ = false;
    end_value();
}

void ObjectScanner::begin_value(char first) {
    if (depth() == 0) {
        if (first != '{') fail("no object");
        return;
    }
    if (base_ != 0) return begin_member_of_object();
    const std::string& key = keys_[1];
    if (depth() == 2 && key == "items" && arrays_[1]) return begin_object();
    if (depth() != 1) return;
    if (key == "type") out_ = &type_;
    if (key == "metadata") out_ = &metadata_;
    if (out_ != nullptr) out_->clear();
    if (key == "items") has_items_ = first == '[' || first == 'n';
    if (key == "object") {
        has_object_ = true;
        begin_object();
    }
}

void ObjectScanner::begin_object() {
    base_ = depth() + 1;
    keys_[base_].clear();
    clear(object_);
    out_ = &object_;
    too_large_ = false;
    values_ = 0;
    left_out_ = 0;
    member_ = metadata_member_ = {};
}

void ObjectScanner::begin_member_of_object() {
    if (left_out_ != 0) return;
    ++values_;
    if (depth() == base_) member_ = {.open = true, .bytes = object_.size(), .values = values_};
    if (depth() == base_ + 1 && in_metadata()) {
        metadata_member_ = {.open = true, .bytes = object_.size(), .values = values_};
    }
    if (unwanted()) {
        left_out_ = depth();
        out_ = nullptr;
    }
}

bool ObjectScanner::unwanted() const {
    if (depth() == base_) return too_large_ && !in_metadata();
    if (!in_metadata()) return false;
    if (depth() == base_ + 1) return keys_[base_ + 1] == "managedFields";
    return depth() == base_ + 2 && keys_[base_ + 1] == "annotations" && keys_[base_ + 2] == kLastApplied;
}

void ObjectScanner::end_scalar() {
    if (std::exchange(scalar_, false)) end_value();
}

void ObjectScanner::end_value() {
    if (base_ == 0) {
        if (depth() == 1) out_ = nullptr;
        if (depth() == 0) end_document();
        return;
    }
    if (left_out_ == depth()) {
        left_out_ = 0;
        object_ += "null";
        out_ = &object_;
    }
    if (left_out_ == 0 && depth() == base_) member_.open = false;
    if (left_out_ == 0 && depth() == base_ + 1) metadata_member_.open = false;
    if (depth() + 1 == base_) end_object();
}

void ObjectScanner::end_object() {
    base_ = 0;
    out_ = nullptr;
    if (!problem_.empty() || depth() == 1) return;  // An event's object waits for the event's type.
    if (!item_({.text = object_, .too_large = too_large_})) stopped_ = true;
    clear(object_);
}

void ObjectScanner::end_document() {
    if (!problem_.empty()) return;
    if (!document_({.type = type_,
                    .metadata = metadata_,
                    .has_items = has_items_,
                    .has_object = has_object_,
                    .object = {.text = object_, .too_large = too_large_}})) {
        stopped_ = true;
    }
    type_.clear();
    metadata_.clear();
    clear(object_);
    has_items_ = has_object_ = false;
}

void ObjectScanner::append(std::string_view text) {
    if (out_ == nullptr) return;
    if (base_ == 0) {
        if (out_->size() + text.size() > kEnvelopeBytes) return fail("its metadata is too long");
    } else {
        const bool metadata = in_metadata();
        if (object_.size() + text.size() > limits_.bytes + (metadata ? kMetadataBytes : 0) ||
            values_ > limits_.values + (metadata ? kMetadataValues : 0)) {
            overflow();
        }
    }
    if (out_ != nullptr) out_->append(text);
}

void ObjectScanner::overflow() {
    if (left_out_ != 0) return;
    if (depth() + 1 == base_ && in_string_) return fail("a text in the place of an object is too long");
    too_large_ = true;
    // Between two members there is nothing to leave out; what comes there is short.
    if (metadata_member_.open) {
        leave_out(metadata_member_, base_ + 1);
    } else if (member_.open && !in_metadata()) {
        leave_out(member_, base_);
    }
}

void ObjectScanner::leave_out(Member& member, std::size_t depth) {
    object_.resize(member.bytes);
    values_ = member.values;
    left_out_ = depth;
    out_ = nullptr;
}

void ObjectScanner::fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
}

std::string metadata_only(std::string_view object_text) {
    std::string kept;
    ObjectScanner scanner(
        {.bytes = 0, .values = 0}, [](const auto&) { return true; },
        [&](const ScannedDocument& document) {
            kept = document.object.text;
            return true;
        });
    // What is broken in the text makes it end early; then nothing is kept, and parsing that tells.
    for (const auto& piece : {std::string_view(R"({"object":)"), object_text, std::string_view("}")}) {
        if (!scanner.feed(piece)) break;
    }
    return kept;
}

}  // namespace n4b::kube
