#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace n4b::kube {

/// What one object of the API server may weigh. Beyond it the object is not read, only its metadata.
struct ObjectLimits {
    /// Of its text, without what is left out. etcd refuses objects above 1.5 MiB.
    std::size_t bytes = std::size_t{3} << 19U;
    /// Strings, numbers, objects, arrays. Each takes up to 150 bytes once it is parsed, whereas its text may have four:
    /// so a bound on the text alone would let an object grow fortyfold.
    std::size_t values = 20'000;
};

/// The text of one object as it was found, valid during the call. It lacks metadata.managedFields and the annotation
/// kubectl.kubernetes.io/last-applied-configuration, which repeat the object and which nobody here reads (null stands
/// in their place). When it is too large, only its metadata is left, and null stands for everything else.
struct ScannedObject {
    std::string_view text{};
    bool too_large = false;
};

/// What stands around the objects: of a list its metadata, of a watch event its type and object.
struct ScannedDocument {
    std::string_view type{};      ///< The member `type` as JSON text; empty when there is none.
    std::string_view metadata{};  ///< The member `metadata` as JSON text; empty when there is none.
    bool has_items = false;       ///< There was a member `items`, an array or null.
    bool has_object = false;
    ScannedObject object{};  ///< The member `object`.
};

/// Takes the API server's answer apart while it comes, in pieces cut anywhere: lists ({"metadata", "items": [...]}) and
/// the events of a watch ({"type", "object"}), one after the other. It holds no more than one object at a time, within
/// its limits, however long the list is. One thread.
///
/// It is no judge of JSON: it goes by quotes, brackets and commas. A text that is broken in another way reaches the
/// sinks broken, and parsing it tells.
class ObjectScanner {
public:
    /// An element of `items`. False ends the scan.
    using ItemSink = std::function<bool(const ScannedObject& item)>;
    /// The end of a document. False ends the scan.
    using DocumentSink = std::function<bool(const ScannedDocument& document)>;

    ObjectScanner(ObjectLimits limits, ItemSink item, DocumentSink document);

    /// The next piece. False once a sink said so. Invalid: this is no JSON object; after that the scanner is of no more
    /// use.
    base::Result<bool> feed(std::string_view piece);
    /// Whether nothing is missing: the last document is complete.
    [[nodiscard]] bool complete() const { return arrays_.empty() && !in_string_ && !scalar_; }

private:
    static constexpr std::size_t kNamedDepth = 6;  ///< Deep enough for metadata.annotations of an item of a list.

    /// A member that can be left out after all: where it began in the text, and how many values there were.
    struct Member {
        bool open = false;
        std::size_t bytes = 0;
        std::size_t values = 0;
    };

    void take(char c);
    std::size_t take_string(std::string_view rest);
    void open(bool array, char c);
    void close(bool array, char c);
    void begin_value(char first);
    void begin_member_of_object();
    void end_value();
    void end_scalar();
    void begin_object();
    void end_object();
    void end_document();
    void append(std::string_view text);
    void overflow();
    void leave_out(Member& member, std::size_t depth);
    void fail(std::string problem);
    [[nodiscard]] bool unwanted() const;
    [[nodiscard]] bool in_metadata() const { return keys_[base_] == "metadata"; }
    [[nodiscard]] std::size_t depth() const { return arrays_.size(); }

    ObjectLimits limits_;
    ItemSink item_;
    DocumentSink document_;

    // Where we stand. The depth is the number of open brackets.
    std::vector<bool> arrays_{};                       ///< For each open bracket, whether it opened an array.
    std::array<std::string, kNamedDepth + 1> keys_{};  ///< The last key at each of the outer depths.
    bool expects_key_ = false;
    bool in_key_ = false;
    bool in_string_ = false;
    bool escaped_ = false;
    bool scalar_ = false;  ///< Within a number, true, false or null.
    bool stopped_ = false;
    std::string problem_{};

    // What is kept.
    std::string* out_ = nullptr;  ///< Where the text goes; null: nowhere.
    std::string type_{};
    std::string metadata_{};
    std::string object_{};
    bool has_items_ = false;
    bool has_object_ = false;

    // The object under way.
    std::size_t base_ = 0;  ///< The depth of its members; 0 while there is none.
    bool too_large_ = false;
    std::size_t values_ = 0;
    std::size_t left_out_ = 0;  ///< The depth at which the value stands that is being left out; 0: none.
    Member member_{};           ///< The member of the object under way,
    Member metadata_member_{};  ///< and that of its metadata.
};

/// The metadata of an object's text, everything else null: for objects that can't be parsed.
std::string metadata_only(std::string_view object_text);

}  // namespace n4b::kube
