#include "backup-runner/s3/xml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace n4b::s3 {
namespace {

using base::Result;

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::size_t kMaxName = 100;
constexpr std::size_t kMaxReference = 10;
constexpr std::uint32_t kMaxCodePoint = 0x10FFFF;

void append_utf8(std::string& text, std::uint32_t code) {
    const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
    if (code < 0x80) {
        text += static_cast<char>(code);
    } else if (code < 0x800) {
        text += static_cast<char>(0xC0U | (code >> 6U));
        tail(0);
    } else if (code < 0x10000) {
        text += static_cast<char>(0xE0U | (code >> 12U));
        tail(6);
        tail(0);
    } else {
        text += static_cast<char>(0xF0U | (code >> 18U));
        tail(12);
        tail(6);
        tail(0);
    }
}

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.' || c == ':';
    });
}

}  // namespace

tl::unexpected<base::Error> XmlReader::bad(std::string_view what) const {
    return base::fail(base::ErrorCode::kInvalid,
                      fmt::format("the reply is no XML: {} before byte {}", what, size_ - rest_.size()));
}

Result<XmlReader::Event> XmlReader::next() {
    if (pop_now_) pop();
    if (close_now_) {
        close_now_ = false;
        pop_now_ = true;
        return Event::kClose;
    }
    for (;;) {
        if (open_.empty()) {
            // White space may stand around the root: some servers send it to keep the connection alive.
            rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpaces), rest_.size()));
            if (rest_.empty() && seen_root_) return Event::kEnd;
        }
        if (rest_.empty()) return bad("found the end, expected more");
        if (rest_.starts_with("<!--")) {
            N4B_TRY([[maybe_unused]] const auto comment, take_until("-->"));
        } else if (rest_.starts_with("<?")) {
            N4B_TRY([[maybe_unused]] const auto declaration, take_until("?>"));
        } else if (rest_.front() == '<' && !rest_.starts_with("<![CDATA[")) {
            return read_tag();
        } else if (open_.empty()) {
            return bad("found text, expected an element");
        } else {
            return read_text();
        }
    }
}

Result<std::string_view> XmlReader::take_until(std::string_view end) {
    const auto found = rest_.find(end);
    if (found == std::string_view::npos) return bad(fmt::format("expected \"{}\"", end));
    const auto taken = rest_.substr(0, found);
    rest_.remove_prefix(found + end.size());
    return taken;
}

Result<XmlReader::Event> XmlReader::read_text() {
    text_.clear();
    if (rest_.starts_with("<![CDATA[")) {
        rest_.remove_prefix(sizeof "<![CDATA[" - 1);
        N4B_TRY(text_, take_until("]]>"));
        return Event::kText;
    }
    while (!rest_.empty() && rest_.front() != '<') {
        const auto plain = std::min(rest_.find_first_of("<&"), rest_.size());
        text_ += rest_.substr(0, plain);
        rest_.remove_prefix(plain);
        if (!rest_.starts_with('&')) continue;
        rest_.remove_prefix(1);
        const auto end = rest_.substr(0, kMaxReference).find(';');
        if (end == std::string_view::npos) return bad("expected ';' after '&'");
        N4B_TRY_VOID(append_reference(rest_.substr(0, end)));
        rest_.remove_prefix(end + 1);
    }
    return Event::kText;
}

Result<void> XmlReader::append_reference(std::string_view reference) {
    constexpr std::pair<std::string_view, char> kEntities[] = {
        {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [name, character] : kEntities) {
        if (reference != name) continue;
        text_ += character;
        return {};
    }
    if (!reference.starts_with('#')) return bad("found an entity that isn't one of XML's own five");
    const bool hexadecimal = reference.starts_with("#x");
    const auto digits = reference.substr(hexadecimal ? 2 : 1);
    std::uint32_t code = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, hexadecimal ? 16 : 10);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (error != std::errc() || end != digits.data() + digits.size() || code > kMaxCodePoint || surrogate) {
        return bad("found a reference to no character");
    }
    append_utf8(text_, code);
    return {};
}

Result<XmlReader::Event> XmlReader::read_tag() {
    if (rest_.starts_with("<!")) return bad("found a document type, expected none");
    rest_.remove_prefix(1);
    // A '>' in an attribute's value is legal XML, which no S3 server writes; it ends in an error, not in a wrong name.
    N4B_TRY(const auto tag, take_until(">"));
    return tag.starts_with('/') ? close_element(tag.substr(1)) : open_element(tag);
}

Result<XmlReader::Event> XmlReader::open_element(std::string_view tag) {
    const bool empty = tag.ends_with('/');
    if (empty) tag.remove_suffix(1);
    const auto name = tag.substr(0, tag.find_first_of(kSpaces));
    if (!is_name(name)) return bad("expected the name of an element");
    if (open_.empty() && seen_root_) return bad("found a second root");
    if (open_.size() == kMaxDepth) return bad(fmt::format("found more than {} elements within each other", kMaxDepth));
    seen_root_ = true;
    open_.push_back(name);
    const auto colon = name.rfind(':');
    if (!path_.empty()) path_ += '/';
    path_ += colon == std::string_view::npos ? name : name.substr(colon + 1);
    close_now_ = empty;
    return Event::kOpen;
}

Result<XmlReader::Event> XmlReader::close_element(std::string_view tag) {
    const auto name = tag.substr(0, tag.find_first_of(kSpaces));
    if (open_.empty() || open_.back() != name) return bad("found the end of another element than the last");
    pop_now_ = true;
    return Event::kClose;
}

void XmlReader::pop() {
    pop_now_ = false;
    open_.pop_back();
    const auto slash = path_.rfind('/');
    path_.resize(slash == std::string::npos ? 0 : slash);
}

}  // namespace n4b::s3
