/* What host and worker say to each other over one stream socket.
 *
 * A message is a kind, an id and a body. It travels as one frame or several (`more`), so that a large one holds nobody up:
 *   frame = body bytes (u32), kind (u8), more (u8), zero (u16), id (u64), at most k_frame_bytes_max bytes of the body
 * The id is that of the call, or of the instance (create, created, destroy), or 0. Of one kind and id there is one message on
 * its way at a time. Whatever breaks a rule ends the worker. What a worker is to do it learns from its arguments (start.hpp). */
#pragma once

#include <cstddef>
#include <cstdint>

namespace tomada::worker {

inline constexpr std::size_t k_frame_head_bytes = 16;
inline constexpr std::size_t k_frame_bytes_max = 64 * 1024;
/// Above the largest thing that a service takes or gives whole (32 MiB), with its headers.
inline constexpr std::size_t k_message_bytes_max = 34 * 1024 * 1024;
/// Of all messages in pieces, in one direction.
inline constexpr std::size_t k_pieces_bytes_max = 256 * 1024 * 1024;
/// Bytes on their way to a worker that does not read them.
inline constexpr std::size_t k_unsent_bytes_max = 256 * 1024 * 1024;
/// Log lines and faults of one call; more are not sent.
inline constexpr std::size_t k_notes_max = 10'000;
/// Records, also refused ones, of one call between two checkpoints: what a page holds, and as many that are refused with words.
inline constexpr std::size_t k_records_max = 20'000;
/// What is gathered of them before it is sent; with the last one they may be more than a frame, and come in pieces.
inline constexpr std::size_t k_records_bytes = 48 * 1024;
inline constexpr std::size_t k_records_bytes_max = 2 * 1024 * 1024;
/// Of one call: one in 100 ms for longer than a call may last.
inline constexpr std::size_t k_progress_max = 100'000;

enum class Kind : std::uint8_t {
  // from the host
  create = 1,  // instance: integration_id, config_json
  destroy,     // instance; its calls have ended
  call,        // call: instance (u64), Function, time left in ms (i64, < 0: no limit), credentials, arguments
  cancel,      // call: Errc
  answer,      // call: of its ask; flag, then an Error or the results
  // from the worker
  ready = 32,  // first: flag, then an Error, or: whether it has handle_webhook (flag), how it is sealed (text)
  created,     // instance: flag, then an Error or nothing
  ask,         // call: Ask and its arguments; the call waits, and says nothing else until it is answered
  note,        // call: Note and its arguments; nobody answers
  ended,       // call: flag, then an Error or nothing; flag: the instance is broken
};

enum class Function : std::uint8_t { test_connection = 1, sync, handle_webhook };

enum class Ask : std::uint8_t {
  http_open = 1,   // method, url, headers, body, body length, timeout_ms, flag: with credentials -> exchange (u32)
  http_write,      // exchange, bytes
  http_finish,     // exchange -> status (i32), headers
  http_read,       // exchange, bytes at most (u32) -> bytes
  http_read_all,   // exchange -> bytes
  checkpoint,      // cursor
  complete,        // entity, since
  storage_get,     // key -> value
  storage_put,     // key, value
  storage_remove,  // key
};

/// The services that must not suspend are notes, or answered by what came with the call (credentials).
enum class Note : std::uint8_t {
  log = 1,     // level (u8), message
  misbehaved,  // what
  http_close,  // exchange
  progress,    // current, total (u64)
  reply,       // status (i32), content type, body
  records,     // flag: more of this batch follows; a piece of it: RecordKind and its fields, as often as there are
};

/// The worker judges records as the host does (abi/record_rules.hpp), and answers the plugin by itself.
enum class RecordKind : std::uint8_t {
  upsert = 1,  // entity, external_id, data_json, updated_at_ms (i64)
  remove,      // entity, external_id, updated_at_ms
  refused,     // why
};

}  // namespace tomada::worker
