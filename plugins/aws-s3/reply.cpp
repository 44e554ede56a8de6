#include "reply.hpp"

#include <tomada/failure.hpp>

#include <charconv>
#include <chrono>
#include <utility>

namespace aws_s3 {
namespace {

using tomada::sdk::Failure;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

}  // namespace

std::optional<std::string> url_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::int64_t parse_utc_time(std::string_view text) {
  // YYYY-MM-DDTHH:MM:SS[.fraction]Z
  if (text.size() < 20 || text.back() != 'Z' || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
      text[13] != ':' || text[16] != ':')
    return 0;
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!parse_number(text.substr(0, 4), year) || !parse_number(text.substr(5, 2), month) ||
      !parse_number(text.substr(8, 2), day) || !parse_number(text.substr(11, 2), hour) ||
      !parse_number(text.substr(14, 2), minute) || !parse_number(text.substr(17, 2), second))
    return 0;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return 0;

  std::int64_t ms = 0;
  if (text[19] == '.') {
    std::string digits(text.substr(20, text.size() - 21));
    if (digits.empty()) return 0;
    digits.resize(3, '0');
    if (!parse_number(digits, ms) || ms < 0) return 0;
  } else if (text.size() != 20) {
    return 0;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms;
}

void ReplyReader::opened(std::string_view name, std::size_t depth) {
  if (depth == 1) {
    if (name == "Error")
      error_.emplace();
    else if (name == "ListBucketResult")
      is_list_ = true;
    else
      complain("it is not a ListBucketResult: is config.endpoint an S3 server?");
  } else if (depth == 2 && is_list_ && name == "Contents") {
    in_contents_ = true;
    object_ = ObjectEntry();
  }
}

void ReplyReader::closed(std::string_view name, std::string_view text, std::size_t depth) {
  if (depth == 3 && in_contents_) {
    closed_in_contents(name, text);
  } else if (depth == 2) {
    closed_member(name, text);
  }
}

void ReplyReader::closed_in_contents(std::string_view name, std::string_view text) {
  if (name == "Key") {
    object_.key = text;
  } else if (name == "Size") {
    if (!parse_number(text, object_.size)) complain("an object's Size is not a number");
  } else if (name == "ETag") {
    object_.etag = without_quotes(text);
  } else if (name == "LastModified") {
    object_.last_modified = text;
    object_.last_modified_ms = parse_utc_time(text);
  } else if (name == "StorageClass") {
    object_.storage_class = text;
  }
}

void ReplyReader::closed_member(std::string_view name, std::string_view text) {
  if (error_) {
    if (name == "Code") error_->code = text;
    if (name == "Message") error_->message = text;
    if (name == "Region") error_->region = text;
    if (name == "Endpoint") error_->endpoint = text;
  } else if (name == "Contents" && in_contents_) {
    in_contents_ = false;
    if (object_.key.empty()) complain("an object has no Key");
    if (page_.objects.size() >= k_page_objects_max) return complain("the page has too many objects");
    page_.objects.push_back(std::move(object_));
  } else if (name == "IsTruncated") {
    if (text != "true" && text != "false") complain("IsTruncated is neither true nor false");
    page_.truncated = text == "true";
    says_truncated_ = true;
  } else if (name == "NextContinuationToken") {
    page_.next_token = text;
  } else if (name == "EncodingType") {
    url_encoded_ = text == "url";
  }
}

void ReplyReader::finish() {
  xml_.finish();
  // An empty answer must not pass for an empty bucket: a full run would delete every record.
  if (is_list_ && !says_truncated_) complain("it does not say IsTruncated");
  // Only now, since EncodingType may stand behind the objects.
  if (url_encoded_ && complaint_ == nullptr)
    for (ObjectEntry& object : page_.objects) {
      std::optional<std::string> key = url_decode(object.key);
      if (!key) {
        complain("an object's Key is not percent-encoded as EncodingType says");
        break;
      }
      object.key = *std::move(key);
    }
  if (complaint_ != nullptr) throw Failure(TOMADA_E_INVALID_DATA, std::string("the server's answer: ") + complaint_);
}

}  // namespace aws_s3
