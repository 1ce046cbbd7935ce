#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace n4b::s3 {

/// Reads the XML that S3 servers reply, event by event, in memory that doesn't grow with the text; nothing is looked up
/// or expanded. Knows elements, text, CDATA, the five entities and character references; skips attributes, comments
/// and the XML declaration; refuses document types. Borrows the text. Pure; one thread.
class XmlReader {
public:
    static constexpr std::size_t kMaxDepth = 16;

    enum class Event {
        kOpen,   ///< path() ends with the element.
        kText,   ///< text() was found in the element that path() ends with.
        kClose,  ///< path() still ends with the element.
        kEnd,
    };

    explicit XmlReader(std::string_view xml) : rest_(xml), size_(xml.size()) {}

    /// Invalid: no XML as above; the message names the byte offset.
    base::Result<Event> next();

    /// The names of the elements that are open, without namespace prefixes, joined by '/'.
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    [[nodiscard]] tl::unexpected<base::Error> bad(std::string_view what) const;
    base::Result<Event> read_text();
    base::Result<Event> read_tag();
    base::Result<Event> open_element(std::string_view tag);
    base::Result<Event> close_element(std::string_view tag);
    base::Result<void> append_reference(std::string_view reference);
    /// Takes everything up to `end`, and `end`.
    base::Result<std::string_view> take_until(std::string_view end);
    void pop();

    std::string_view rest_;
    std::size_t size_;
    std::string path_{};
    std::string text_{};
    std::vector<std::string_view> open_{};
    bool close_now_ = false;  ///< An element without content was opened.
    bool pop_now_ = false;    ///< path() still ends with an element that was closed.
    bool seen_root_ = false;
};

}  // namespace n4b::s3
