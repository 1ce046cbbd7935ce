#include "backup-runner/s3/reply.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "backup-runner/s3/xml_reader.hpp"
#include "common/base/http_date.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::s3 {
namespace {

std::string page(const std::string& inside) {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
           "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
           inside + "</ListBucketResult>";
}

std::string object(const std::string& key, const std::string& size = "5") {
    return fmt::format(
        "<Contents><Key>{}</Key><LastModified>2026-11-22T21:50:49.123Z</LastModified>"
        "<ETag>&quot;x&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
        key, size);
}

TEST(ListReply, EncodedKeysAreDecoded) {
    const auto list = parse_list(
        page("<EncodingType>url</EncodingType>" + object("p/a+b%2Bc%C3%A4") + "<IsTruncated>false</IsTruncated>"),
        "p/");
    ASSERT_TRUE(list) << list.error().message;
    ASSERT_EQ(list->objects.size(), 1U);
    EXPECT_EQ(list->objects[0].key, "p/a b+c\xC3\xA4");
    EXPECT_EQ(list->objects[0].bytes, 5);
    EXPECT_EQ(list->objects[0].modified, *base::parse_rfc3339("2026-11-22T21:50:49.123Z"));
    EXPECT_FALSE(list->truncated);
}

TEST(ListReply, WithoutEncodingKeysStandAsTheyAre) {
    const auto list = parse_list(page(object("p/a+b%41&amp;&lt;&#xE4;&#x1;")), "p/");
    ASSERT_TRUE(list) << list.error().message;
    EXPECT_EQ(list->objects[0].key, "p/a+b%41&<\xC3\xA4\x01");
}

TEST(ListReply, EncodingMayBeToldLast) {
    const auto list = parse_list(page(object("a%2Bb") + "<EncodingType>url</EncodingType>"), "");
    ASSERT_TRUE(list);
    EXPECT_EQ(list->objects[0].key, "a+b");
}

TEST(ListReply, APageMayBeEmptyAndTruncated) {
    const auto list =
        parse_list(page("<IsTruncated>true</IsTruncated><NextContinuationToken>a/=&amp;</NextContinuationToken>"), "");
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->objects.empty());
    EXPECT_TRUE(list->truncated);
    EXPECT_EQ(list->continuation, "a/=&");
    EXPECT_TRUE(parse_list("<ListBucketResult/>", ""));
}

TEST(ListReply, WhatIsNoListIsRefused) {
    const auto reason = [](const std::string& text) {
        const auto list = parse_list(text, "p/");
        return list ? "none" : std::string(to_string(list.error().reason.value_or(base::Reason::kInternalError)));
    };
    for (const auto& text : std::vector<std::string>{"",
                                                     "<html><body>Login</body></html>",
                                                     "{}",
                                                     "<ListBucketResult>",
                                                     "<ListBucketResult></a>",
                                                     page("<IsTruncated>true</IsTruncated>"),
                                                     page(object("q/outside")),
                                                     page(object("p/a", "-1")),
                                                     page(object("p/a", "99999999999999999999")),
                                                     page(object("p/a", "")),
                                                     page(object("p/a", "1x")),
                                                     page("<EncodingType>url</EncodingType>" + object("p/%zz")),
                                                     page("&unknown;"),
                                                     page("<Contents/>"),
                                                     page("<Contents><Size>1</Size></Contents>"),
                                                     page("&#xD800;"),
                                                     page("&#1114112;"),
                                                     page("&amp"),
                                                     "<!DOCTYPE a [<!ENTITY b \"c\">]>" + page(""),
                                                     page("") + page(""),
                                                     page("") + "x",
                                                     "<Error><Code>NoSuchBucket</Code></Error>",
                                                     std::string("<ListBucketResult>\0", 19)}) {
        EXPECT_EQ(reason(text), "StorageReplyInvalid") << text;
    }
}

TEST(ListReply, DepthAndCountAreBounded) {
    std::string deep;
    for (int i = 0; i < 20; ++i) deep += "<a>";
    EXPECT_FALSE(parse_list(page(deep), ""));
    std::string many;
    for (int i = 0; i < 10'001; ++i) many += object("k");
    EXPECT_FALSE(parse_list(page(many), ""));
}

TEST(XmlReader, ReadsElementsTextAndCdata) {
    XmlReader xml(" <!-- c --><s:a x='1'><b/>t&gt;<![CDATA[<raw>&amp;]]></s:a>\n");
    std::string seen;
    for (;;) {
        const auto event = xml.next();
        ASSERT_TRUE(event) << event.error().message;
        if (*event == XmlReader::Event::kEnd) break;
        seen += *event == XmlReader::Event::kOpen    ? "+" + xml.path()
                : *event == XmlReader::Event::kClose ? "-" + xml.path()
                                                     : "'" + xml.text();
        seen += ' ';
    }
    EXPECT_EQ(seen, "+a +a/b -a/b 't> '<raw>&amp; -a ");
}

TEST(ErrorReply, TellsWhatItSays) {
    const auto error = parse_error(
        "<Error><Code>PermanentRedirect</Code><Message>use\nthe &lt;other&gt;</Message>"
        "<Region>eu-west-1</Region><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint>"
        "<RequestId>R1</RequestId><StringToSign>secret</StringToSign></Error>");
    EXPECT_EQ(error.code, "PermanentRedirect");
    EXPECT_EQ(error.message, "use?the <other>");
    EXPECT_EQ(error.region, "eu-west-1");
    EXPECT_EQ(error.endpoint, "b.s3.eu-west-1.amazonaws.com");
    EXPECT_EQ(error.request_id, "R1");
}

TEST(ErrorReply, KeepsWhatStandsBeforeACut) {
    EXPECT_EQ(parse_error("<Error><Code>SlowDown</Code><Mess").code, "SlowDown");
    EXPECT_EQ(parse_error("<html>").code, "");
    EXPECT_EQ(parse_error("<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>").code,
              "ExpiredToken");
}

TEST(ContentRange, HasFirstLastAndSize) {
    const auto range = parse_content_range("bytes 5-9/10");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->first, 5);
    EXPECT_EQ(range->last, 9);
    EXPECT_EQ(range->size, 10);
    for (const auto* bad : {"", "bytes */10", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-10/10", "5-9/10", "bytes -1-2/5",
                            "bytes 1-2/", "bytes 99999999999999999999-1/2"}) {
        EXPECT_FALSE(parse_content_range(bad)) << bad;
    }
}

TEST(HttpDate, HasOneForm) {
    EXPECT_EQ(base::parse_http_date("Sun, 22 Nov 2026 21:50:49 GMT"), *base::parse_rfc3339("2026-11-22T21:50:49Z"));
    for (const auto* bad :
         {"", "Sunday, 22-Nov-26 21:50:49 GMT", "Sun, 22 Xyz 2026 21:50:49 GMT", "Sun, 22 ovD 2026 21:50:49 GMT",
          "Sun, 32 Nov 2026 21:50:49 GMT", "Sun, 22 Nov 2026 21:50:49 CET"}) {
        EXPECT_FALSE(base::parse_http_date(bad)) << bad;
    }
}

TEST(RetryAfter, IsSecondsOrADate) {
    const auto of = [](std::vector<Field> headers) { return retry_after_of({.headers = std::move(headers)}); };
    EXPECT_EQ(of({{"retry-after", "7"}}), std::chrono::seconds(7));
    EXPECT_EQ(of({{"retry-after", "Sun, 22 Nov 2026 21:50:59 GMT"}, {"date", "Sun, 22 Nov 2026 21:50:49 GMT"}}),
              std::chrono::seconds(10));
    EXPECT_EQ(of({{"retry-after", "9223372036854775807"}}), std::chrono::hours(24));
    EXPECT_EQ(of({{"retry-after", "soon"}}), std::nullopt);
    EXPECT_EQ(of({}), std::nullopt);
}

}  // namespace
}  // namespace n4b::s3
