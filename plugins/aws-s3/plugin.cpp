#include "plugin.hpp"

#include "errors.hpp"

#include <vector>

namespace aws_s3 {
namespace {

namespace sdk = tomada::sdk;

constexpr std::string_view k_entity = "object";
// Not on the stack: a plugin's is small.
constexpr std::size_t k_read_bytes = 64 * 1024;
// Error documents are short; what is longer is some other server's page.
constexpr std::size_t k_error_bytes_max = 256 * 1024;
// A bucket full of delete markers may give empty pages; a server that only ever does so must not keep us for ever.
constexpr int k_empty_pages_max = 1000;

sdk::Failure failure_of_reply(sdk::Response& response, const Bucket& bucket, const ErrorReply& error) {
  ErrorContext context;
  context.http_status = response.status();
  context.bucket_region = response.header("x-amz-bucket-region").value_or("");
  context.retry_after_ms = response.retry_after_ms();
  context.bucket = bucket.name;
  context.configured_region = bucket.region;
  return failure_of(error, context);
}

/// The error document, or an empty one when the body is something else.
ErrorReply read_error(sdk::Response& response) {
  std::string body;
  std::vector<char> buffer(k_read_bytes);
  while (const std::size_t length = response.read(buffer)) {
    body.append(buffer.data(), length);
    if (body.size() > k_error_bytes_max) return {};
  }
  try {
    ReplyReader reader;
    reader.feed(body);
    reader.finish();
    return reader.error().value_or(ErrorReply());
  } catch (const sdk::Failure&) {
    return {};  // a proxy's HTML: the HTTP status speaks for itself
  }
}

sdk::Record record_of(const ObjectEntry& object) {
  sdk::Record record(object.key);
  record.field("key", object.key)
      .field("size", object.size)
      .field("etag", object.etag)
      .field("last_modified", object.last_modified);
  if (!object.storage_class.empty()) record.field("storage_class", object.storage_class);
  return record.updated_at(object.last_modified_ms);
}

}  // namespace

ListPage Plugin::fetch(sdk::Call& call, const std::string& url) const {
  sdk::Response response = call.http().send(sdk::Request::get(url));
  if (!response.ok()) throw failure_of_reply(response, bucket_, read_error(response));
  ReplyReader reader;
  std::vector<char> buffer(k_read_bytes);
  while (const std::size_t length = response.read(buffer)) reader.feed({buffer.data(), length});
  reader.finish();
  if (reader.error()) throw failure_of_reply(response, bucket_, *reader.error());
  return reader.page();
}

void Plugin::test_connection(sdk::Call& call) { (void)fetch(call, bucket_.listing_after({}, 1)); }

// A full and an incremental run are the same listing, since S3 has no "changed since": the host compares. The cursor is
// the last key of the page, because continuation tokens expire; within a run the tokens lead on.
void Plugin::sync(sdk::Call& call, const sdk::SyncRequest& request) {
  if (request.entity != k_entity)
    throw sdk::Failure(TOMADA_E_UNSUPPORTED, "there is no entity " + std::string(request.entity));
  const sdk::Records records = call.records();
  std::string last_key(request.resume);
  std::string token;
  std::uint64_t seen_count = 0;
  std::uint64_t refused_count = 0;
  int empty_pages_count = 0;
  bool told_of_order = false;

  for (std::string url = bucket_.listing_after(last_key, k_page_keys);;) {
    const ListPage page = fetch(call, url);
    const std::string page_start = last_key;
    bool in_order = true;
    for (const ObjectEntry& object : page.objects) {
      if (!records.upsert(k_entity, record_of(object))) ++refused_count;
      in_order = in_order && last_key < object.key;
      last_key = object.key;
    }
    seen_count += page.objects.size();
    records.progress(seen_count);
    if (!in_order && !told_of_order) {
      told_of_order = true;
      call.log().warn("this server does not list keys in byte order: a run that is resumed may miss objects");
    }
    if (!page.truncated) break;

    empty_pages_count = page.objects.empty() ? empty_pages_count + 1 : 0;
    const bool advances = !page.next_token.empty() ? page.next_token != token : last_key != page_start;
    if (!advances || empty_pages_count > k_empty_pages_max)
      throw sdk::Failure(TOMADA_E_INVALID_DATA,
                         "the server's listing does not advance: it says that there is more, "
                         "but gives the same place again");
    if (!page.objects.empty()) records.checkpoint(last_key);
    token = page.next_token;
    // Some servers leave the token out.
    url = token.empty() ? bucket_.listing_after(last_key, k_page_keys) : bucket_.listing_continued(token, k_page_keys);
  }
  if (refused_count != 0)
    call.log().warn(std::to_string(refused_count) + " objects were refused by the host: their keys are not UTF-8");
  records.complete(k_entity);
}

}  // namespace aws_s3
