#include "host/worker/remote_services.hpp"

#include "host/base/secret.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tomada::worker {
namespace {

/// The host cuts lines too; longer ones need not travel.
constexpr std::size_t k_note_bytes_max = 16 * 1024;
constexpr std::chrono::milliseconds k_progress_interval{100};
constexpr std::size_t k_piece_bytes = 1024 * 1024;  // of a body that is written or read in pieces
constexpr std::size_t k_records_piece_bytes = 60 * 1024;  // a frame: messages of several may overtake each other

Error torn() { return fail(Errc::internal, "the host's answer is torn"); }

}  // namespace

template <class Read, class... Values>
auto RemoteServices::ask(Read read, Ask what, const Values&... values) -> Result<std::invoke_result_t<Read&, Reader&>> {
  send_records();  // what is said arrives in its order
  body_.clear();
  Writer writer(body_);
  writer.put(what);
  (writer.put(values), ...);
  if (body_.size() > k_message_bytes_max)
    return fail(Errc::invalid_data, "more than 32 MiB at once: write a body in pieces");
  return read_answer(read, line_.ask(body_));
}

template <class Read>
auto RemoteServices::read_answer(Read read, const Result<std::string>& answer)
    -> Result<std::invoke_result_t<Read&, Reader&>> {
  if (answer.has_error()) return answer.error();
  Reader reader(*answer);
  if (!reader.flag()) {
    Error error = reader.error();
    return reader.complete() ? std::move(error) : torn();
  }
  if constexpr (std::is_void_v<std::invoke_result_t<Read&, Reader&>>) {
    if (!reader.complete()) return torn();
    return {};
  } else {
    auto result = read(reader);
    if (!reader.complete()) return torn();
    return result;
  }
}

template <class... Values>
Result<void> RemoteServices::order(Ask what, const Values&... values) {
  return ask([](Reader&) {}, what, values...);
}

template <class... Values>
void RemoteServices::say(Note what, const Values&... values) {
  send_records();
  std::string body;
  Writer writer(body);
  writer.put(what);
  (writer.put(values), ...);
  line_.note(body);
}

template <class... Values>
void RemoteServices::note(Note what, const Values&... values) {
  if (++notes_count_ <= k_notes_max) say(what, values...);
}

/// One request; the number is the host's.
class RemoteServices::Exchange final : public abi::HttpExchange {
 public:
  Exchange(RemoteServices& services, std::uint32_t number) : services_(services), number_(number) {}
  ~Exchange() override { services_.say(Note::http_close, number_); }

  Result<void> write(std::string_view bytes) override {
    do {
      const std::string_view piece = bytes.substr(0, k_piece_bytes);
      TOMADA_TRY(services_.order(Ask::http_write, number_, piece));
      bytes.remove_prefix(piece.size());
    } while (!bytes.empty());
    return {};
  }
  Result<abi::HttpHead> finish() override {
    return services_.ask(
        [](Reader& reader) {
          abi::HttpHead head;
          head.status = reader.get<std::int32_t>();
          for (auto count = reader.get<std::uint32_t>(); count > 0 && reader.good(); --count) {
            std::string name(reader.text());
            head.headers.emplace_back(std::move(name), reader.text());
          }
          return head;
        },
        Ask::http_finish, number_);
  }
  Result<std::size_t> read(std::span<char> buffer) override {
    const auto room = static_cast<std::uint32_t>(std::min(buffer.size(), k_piece_bytes));
    bool fits = true;
    auto size = services_.ask(
        [&](Reader& reader) {
          const std::string_view bytes = reader.text();
          fits = bytes.size() <= room;
          if (fits && !bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
          return bytes.size();
        },
        Ask::http_read, number_, room);
    if (!fits) return torn();
    return size;
  }
  Result<std::string> read_all() override {
    return services_.ask([](Reader& reader) { return std::string(reader.text()); }, Ask::http_read_all, number_);
  }

 private:
  RemoteServices& services_;
  const std::uint32_t number_;
};

RemoteServices::RemoteServices(Line& line, Reader& credentials) : line_(line) {
  may_read_credentials_ = credentials.flag();
  for (auto count = credentials.get<std::uint32_t>(); count > 0 && credentials.good(); --count) {
    std::string field(credentials.text());
    credentials_.emplace(std::move(field), credentials.text());
  }
}

RemoteServices::~RemoteServices() {
  send_records();
  for (auto& [field, value] : credentials_) wipe(value.data(), value.size());
}

void RemoteServices::log(abi::LogLevel level, std::string_view message) {
  note(Note::log, static_cast<std::uint8_t>(level), message.substr(0, k_note_bytes_max));
}

std::int64_t RemoteServices::now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Result<std::unique_ptr<abi::HttpExchange>> RemoteServices::http_open(abi::HttpRequest request) {
  std::string headers;
  Writer writer(headers);
  writer.put(static_cast<std::uint32_t>(request.headers.size()));
  for (const auto& [name, value] : request.headers) writer.put(std::string_view(name)).put(std::string_view(value));
  // 0: `body` is all; 1: in pieces, of unknown length; 2 + n: in pieces, n bytes.
  std::uint64_t length = 0;
  if (request.streamed_length) length = *request.streamed_length ? **request.streamed_length + 2 : 1;
  TOMADA_TRY_ASSIGN(const std::uint32_t number,
                    ask([](Reader& reader) { return reader.get<std::uint32_t>(); }, Ask::http_open,
                        std::string_view(request.method), std::string_view(request.url), std::string_view(headers),
                        std::string_view(request.body), length, static_cast<std::int64_t>(request.timeout.count()),
                        static_cast<std::uint8_t>(request.authenticate ? 1 : 0)));
  return std::unique_ptr<abi::HttpExchange>(std::make_unique<Exchange>(*this, number));
}

Result<void> RemoteServices::has_sink() const {
  if (rules_) return {};
  return fail(Errc::unsupported, "records can be sent from sync() and handle_webhook() only");
}

template <class... Values>
void RemoteServices::add_record(RecordKind kind, const Values&... values) {
  Writer writer(records_);
  writer.put(kind);
  (writer.put(values), ...);
  if (records_.size() >= k_records_bytes) send_records();
}

void RemoteServices::send_records() {
  std::string body;
  for (std::string_view rest = records_; !rest.empty();) {
    const std::string_view piece = rest.substr(0, k_records_piece_bytes);
    rest.remove_prefix(piece.size());
    body.clear();
    Writer(body).put(Note::records).put(static_cast<std::uint8_t>(rest.empty() ? 0 : 1)).put(piece);
    line_.note(body);
  }
  records_.clear();
}

Result<void> RemoteServices::upsert(std::string_view entity, const abi::RecordView& record) {
  TOMADA_TRY(has_sink());
  if (auto checked = rules_->check_upsert(entity, record); checked.has_error()) {
    refuse_record(checked.error().message);
    return checked;
  }
  add_record(RecordKind::upsert, entity, record.external_id, record.data_json, record.updated_at_ms);
  return {};
}

Result<void> RemoteServices::remove(std::string_view entity, std::string_view external_id, std::int64_t updated_at_ms) {
  TOMADA_TRY(has_sink());
  if (auto checked = rules_->remove(entity, external_id); checked.has_error()) {
    refuse_record(checked.error().message);
    return checked;
  }
  add_record(RecordKind::remove, entity, external_id, updated_at_ms);
  return {};
}

void RemoteServices::refuse_record(std::string_view why) {
  // One is enough to make the run partial; more than a page of them nobody reads.
  if (!rules_ || ++refused_count_ > abi::k_page_records_max) return;
  add_record(RecordKind::refused, why.substr(0, k_note_bytes_max));
}

/// The host keeps its page when it refuses the question, and so does this side; when a commit fails, the call is over.
Result<void> RemoteServices::end_page(const Result<void>& ended) {
  if (ended.has_error()) return ended;
  rules_->start_page();
  refused_count_ = 0;
  return {};
}
Result<void> RemoteServices::checkpoint(std::string_view cursor) {
  TOMADA_TRY(has_sink());
  return end_page(order(Ask::checkpoint, cursor));
}
Result<void> RemoteServices::complete(std::string_view entity, std::string_view since) {
  TOMADA_TRY(has_sink());
  return end_page(order(Ask::complete, entity, since));
}
Result<void> RemoteServices::progress(std::uint64_t current, std::uint64_t total) {
  TOMADA_TRY(has_sink());
  const auto now = std::chrono::steady_clock::now();
  if (now - progress_at_ < k_progress_interval) return {};
  progress_at_ = now;
  say(Note::progress, current, total);
  return {};
}

Result<std::string> RemoteServices::storage_get(std::string_view key) {
  return ask([](Reader& reader) { return std::string(reader.text()); }, Ask::storage_get, key);
}
Result<void> RemoteServices::storage_put(std::string_view key, std::string_view value) {
  return order(Ask::storage_put, key, value);
}
Result<void> RemoteServices::storage_remove(std::string_view key) { return order(Ask::storage_remove, key); }

Result<void> RemoteServices::reply(int status, std::string_view content_type, std::string_view body) {
  say(Note::reply, static_cast<std::int32_t>(status), content_type, body);
  return {};
}

Result<std::string_view> RemoteServices::credential(std::string_view field) {
  if (!may_read_credentials_)
    return fail(Errc::forbidden, "reading credentials in clear needs the capability \"secrets\" in the manifest");
  const auto found = credentials_.find(field);
  if (found == credentials_.end()) return fail(Errc::not_found, "this integration has no such credential field");
  return std::string_view(found->second);
}
bool RemoteServices::has_credential(std::string_view field) { return credentials_.contains(field); }

std::vector<std::string> RemoteServices::credential_fields() {
  std::vector<std::string> fields;
  for (const auto& [field, value] : credentials_) fields.push_back(field);
  return fields;
}

void RemoteServices::misbehaved(std::string_view what) { note(Note::misbehaved, what.substr(0, k_note_bytes_max)); }

}  // namespace tomada::worker
