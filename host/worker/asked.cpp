#include "host/worker/asked.hpp"

#include "host/abi/call.hpp"
#include "host/abi/checks.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace tomada::worker {
namespace {

constexpr std::size_t k_read_bytes_max = 1024 * 1024;
constexpr std::uint32_t k_headers_max = 256;  // check_limits() has the words; this bounds the work before

Error torn() { return fail(Errc::invalid_data, "a question that is torn or of no known kind"); }

Error flood() { return fail(Errc::invalid_data, "a flood of notes"); }

std::string_view name_of(Ask ask) {
  switch (ask) {
    case Ask::http_open: return "http_open";
    case Ask::http_write: return "http_write";
    case Ask::http_finish: return "http_finish";
    case Ask::http_read: return "http_read";
    case Ask::http_read_all: return "http_body";
    case Ask::checkpoint: return "records_checkpoint";
    case Ask::complete: return "records_complete";
    case Ask::storage_get: return "storage_get";
    case Ask::storage_put: return "storage_put";
    case Ask::storage_remove: return "storage_remove";
  }
  return "";
}

}  // namespace

Result<std::string_view> Asked::answer(std::string_view question) {
  Reader reader(question);
  out_.clear();
  if (auto answered = dispatch(reader); answered.has_error()) return std::move(answered).error();
  return std::string_view(out_);
}

/// `get()` once the arguments were read; an error of it is the plugin's, torn arguments are the worker's.
template <class Get>
Result<void> Asked::say(Reader& reader, Get get) {
  if (!reader.complete()) return torn();
  auto result = get();
  Writer writer(out_);
  writer.put(static_cast<std::uint8_t>(result.has_value() ? 1 : 0));
  if (result.has_error()) {
    writer.put(result.error());
    return {};
  }
  using Value = typename decltype(result)::value_type;
  if constexpr (std::is_same_v<Value, std::string> || std::is_same_v<Value, std::string_view>) {
    writer.put(std::string_view(*result));
  } else if constexpr (std::is_same_v<Value, bool>) {
    writer.put(static_cast<std::uint8_t>(*result ? 1 : 0));
  } else if constexpr (std::is_same_v<Value, abi::HttpHead>) {
    writer.put(static_cast<std::int32_t>(result->status)).put(static_cast<std::uint32_t>(result->headers.size()));
    for (const auto& [name, value] : result->headers) writer.put(std::string_view(name)).put(std::string_view(value));
  } else if constexpr (!std::is_void_v<Value>) {
    writer.put(*result);
  }
  return {};
}

Result<void> Asked::dispatch(Reader& reader) {
  const Ask ask = reader.get<Ask>();
  last_service_ = name_of(ask);
  switch (ask) {
    case Ask::http_open: return open(reader);
    case Ask::http_write:
    case Ask::http_finish:
    case Ask::http_read:
    case Ask::http_read_all: return exchange(ask, reader);
    case Ask::checkpoint: {
      const std::string_view cursor = reader.text();
      records_count_ = 0;
      return say(reader, [&] { return services_.checkpoint(cursor); });
    }
    case Ask::complete: {
      const std::string_view entity = reader.text();
      const std::string_view since = reader.text();
      records_count_ = 0;
      return say(reader, [&] { return services_.complete(entity, since); });
    }
    case Ask::storage_get: {
      const std::string_view key = reader.text();
      if (abi::check_storage_key(key).has_error()) return torn();
      return say(reader, [&] { return services_.storage_get(key); });
    }
    case Ask::storage_put: {
      const std::string_view key = reader.text();
      const std::string_view value = reader.text();
      if (abi::check_storage_key(key).has_error()) return torn();
      return say(reader, [&] { return services_.storage_put(key, value); });
    }
    case Ask::storage_remove: {
      const std::string_view key = reader.text();
      if (abi::check_storage_key(key).has_error()) return torn();
      return say(reader, [&] { return services_.storage_remove(key); });
    }
  }
  return torn();
}

Result<void> Asked::open(Reader& reader) {
  abi::HttpRequest request;
  request.method = reader.text();
  request.url = reader.text();
  Reader headers(reader.text());
  const auto count = headers.get<std::uint32_t>();
  if (count > k_headers_max) return torn();
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string name(headers.text());
    request.headers.emplace_back(std::move(name), headers.text());
  }
  request.body = reader.text();
  if (const auto length = reader.get<std::uint64_t>(); length == 1)
    request.streamed_length.emplace(std::nullopt);
  else if (length > 1)
    request.streamed_length.emplace(length - 2);
  request.timeout = std::chrono::milliseconds(reader.get<std::int64_t>());
  request.authenticate = reader.flag();
  if (!headers.complete() || request.timeout.count() < 0 || abi::check_limits(request).has_error()) return torn();
  return say(reader, [&]() -> Result<std::uint32_t> {
    if (open_.size() >= abi::k_owned_max) return abi::too_many_responses();
    TOMADA_TRY_ASSIGN(auto exchange, services_.http_open(std::move(request)));
    open_.emplace(++opened_count_, Open{std::move(exchange)});
    return opened_count_;
  });
}

/// In the order that the http table keeps to: writes, finish, then reads or the whole.
Result<void> Asked::exchange(Ask ask, Reader& reader) {
  const auto found = open_.find(reader.get<std::uint32_t>());
  if (found == open_.end()) return torn();
  Open& open = found->second;
  abi::HttpExchange& exchange = *open.exchange;
  switch (ask) {
    case Ask::http_write: {
      const std::string_view bytes = reader.text();
      if (open.finished) return torn();
      return say(reader, [&] { return exchange.write(bytes); });
    }
    case Ask::http_finish:
      if (open.finished) return torn();
      return say(reader, [&] {
        auto head = exchange.finish();
        open.finished = head.has_value();
        return head;
      });
    case Ask::http_read: {
      const std::size_t room = reader.get<std::uint32_t>();
      if (!open.finished || open.whole || room == 0 || room > k_read_bytes_max) return torn();
      return say(reader, [&]() -> Result<std::string> {
        std::string bytes(room, '\0');
        TOMADA_TRY_ASSIGN(const std::size_t count, exchange.read(std::span<char>(bytes.data(), bytes.size())));
        bytes.resize(count);
        return bytes;
      });
    }
    case Ask::http_read_all:
      if (!open.finished || open.whole) return torn();
      return say(reader, [&] {
        auto body = exchange.read_all();
        open.whole = body.has_value();
        return body;
      });
    default: return torn();
  }
}

Result<void> Asked::reply(Reader& reader) {
  const auto status = reader.get<std::int32_t>();
  const std::string_view content_type = reader.text();
  const std::string_view body = reader.text();
  if (!reader.complete() || std::exchange(replied_, true) || status < 0 ||
      abi::check_reply(static_cast<std::uint32_t>(status), content_type, body).has_error())
    return torn();
  if (services_.reply(status, content_type, body).has_error()) return torn();  // nobody asked for one
  return {};
}

Result<void> Asked::records(Reader& reader) {
  const bool has_more = reader.flag();
  const std::string_view piece = reader.text();
  if (!reader.complete() || piece.empty() || batch_.size() + piece.size() > k_records_bytes_max) return torn();
  if (!has_more && batch_.empty()) return take_batch(piece);
  batch_ += piece;
  if (has_more) return {};
  return take_batch(std::exchange(batch_, {}));
}

/// What the worker should have refused the services refuse, and count.
Result<void> Asked::take_batch(std::string_view batch) {
  for (Reader reader(batch); !reader.complete();) {
    if (++records_count_ > k_records_max) return flood();
    const auto kind = reader.get<RecordKind>();
    if (kind == RecordKind::refused) {
      const std::string_view why = reader.text();
      if (!reader.good()) return torn();
      services_.refuse_record(abi::clean_text(why, abi::k_detail_bytes_max));
      continue;
    }
    const std::string_view entity = reader.text();
    abi::RecordView record{.external_id = reader.text()};
    if (kind == RecordKind::upsert) record.data_json = reader.text();
    record.updated_at_ms = reader.get<std::int64_t>();
    if (!reader.good() || (kind != RecordKind::upsert && kind != RecordKind::remove)) return torn();
    last_service_ = kind == RecordKind::upsert ? "records_upsert" : "records_remove";
    if (kind == RecordKind::upsert) (void)services_.upsert(entity, record);
    else (void)services_.remove(entity, record.external_id, record.updated_at_ms);
  }
  return {};
}

Result<void> Asked::note(std::string_view body) {
  Reader reader(body);
  const Note note = reader.get<Note>();
  switch (note) {
    case Note::log: {
      if (++notes_count_ > k_notes_max) return flood();
      const auto level = reader.get<std::uint8_t>();
      const std::string_view message = reader.text();
      const auto last = static_cast<std::uint8_t>(abi::LogLevel::error);
      if (!reader.complete() || level < static_cast<std::uint8_t>(abi::LogLevel::debug) || level > last) return torn();
      services_.log(static_cast<abi::LogLevel>(level), message);
      return {};
    }
    case Note::misbehaved: {
      if (++notes_count_ > k_notes_max) return flood();
      const std::string_view what = reader.text();
      if (!reader.complete()) return torn();
      services_.misbehaved(abi::clean_text(what, abi::k_detail_bytes_max));
      return {};
    }
    case Note::http_close: {
      const bool was_open = open_.erase(reader.get<std::uint32_t>()) == 1;
      return reader.complete() && was_open ? Result<void>() : torn();
    }
    case Note::progress: {
      const auto current = reader.get<std::uint64_t>();
      const auto total = reader.get<std::uint64_t>();
      if (++progress_count_ > k_progress_max) return flood();
      if (!reader.complete() || services_.progress(current, total).has_error()) return torn();
      return {};
    }
    case Note::reply: return reply(reader);
    case Note::records: return records(reader);
  }
  return torn();
}

}  // namespace tomada::worker
