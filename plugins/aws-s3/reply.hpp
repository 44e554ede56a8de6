// What S3 answers to a listing: a page of objects, or an error document.
#pragma once

#include "xml_events.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aws_s3 {

inline constexpr std::size_t k_page_objects_max = 10'000;  // S3 sends 1,000; some servers ignore max-keys

struct ObjectEntry {
  std::string key;
  std::uint64_t size{};
  std::string etag;                 // without quotes
  std::string last_modified;        // as the server wrote it
  std::int64_t last_modified_ms{};  // 0: not understood
  std::string storage_class;        // empty: not given
};

struct ListPage {
  std::vector<ObjectEntry> objects;
  bool truncated{false};
  std::string next_token;  // empty: none given
};

struct ErrorReply {
  std::string code;
  std::string message;
  std::string region;    // the right one, when S3 says so
  std::string endpoint;  // the same
};

/// Reads a ListBucketResult or an Error piece by piece.
class ReplyReader final : private XmlEvents {
 public:
  ReplyReader() : xml_(*this) {}

  /// Both throw Failure (INVALID_DATA).
  void feed(std::string_view bytes) { xml_.feed(bytes); }
  void finish();

  /// After finish(): just one of the two holds the reply.
  [[nodiscard]] const std::optional<ErrorReply>& error() const { return error_; }
  [[nodiscard]] const ListPage& page() const { return page_; }

 private:
  void opened(std::string_view name, std::size_t depth) override;
  void closed(std::string_view name, std::string_view text, std::size_t depth) override;
  void closed_member(std::string_view name, std::string_view text);
  void closed_in_contents(std::string_view name, std::string_view text);
  void complain(const char* what) {
    if (complaint_ == nullptr) complaint_ = what;
  }

  XmlReader xml_;
  ListPage page_;
  std::optional<ErrorReply> error_;
  bool is_list_{false};
  bool in_contents_{false};
  bool says_truncated_{false};
  bool url_encoded_{false};
  ObjectEntry object_;
  const char* complaint_{nullptr};
};

/// Undoes `encoding-type=url`: %XX, and + for a space. nullopt: a '%' without two hex digits.
std::optional<std::string> url_decode(std::string_view text);
/// Milliseconds since 1970 of "2026-01-10T15:30:00.000Z"; 0 when it is not such a time.
std::int64_t parse_utc_time(std::string_view text);

}  // namespace aws_s3
