#include "host/worker/channel.hpp"

#include "host/worker/wire.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace tomada::worker {
namespace {

constexpr std::size_t k_read_bytes = 256 * 1024;
/// While this much waits to be written, pieces of large messages wait behind it.
constexpr std::size_t k_write_bytes = 256 * 1024;

struct Head {
  std::uint32_t bytes{};
  Kind kind{};
  std::uint8_t more{};
  std::uint16_t zero{};
  std::uint64_t id{};
};

Head read_head(std::string_view bytes) {
  Reader reader(bytes);
  Head head;
  head.bytes = reader.get<std::uint32_t>();
  head.kind = reader.get<Kind>();
  head.more = reader.get<std::uint8_t>();
  head.zero = reader.get<std::uint16_t>();
  head.id = reader.get<std::uint64_t>();
  return head;
}

void append_frame(std::string& to, Kind kind, std::uint64_t id, std::string_view piece, bool more) {
  Writer(to)
      .put(static_cast<std::uint32_t>(piece.size()))
      .put(kind)
      .put(static_cast<std::uint8_t>(more ? 1 : 0))
      .put(std::uint16_t{0})
      .put(id);
  to.append(piece);
}

Error gone() { return fail(Errc::unavailable, "the other end closed the socket"); }

struct Key {
  Kind kind;
  std::uint64_t id;
  bool operator==(const Key&) const = default;
};
struct HashOfKey {
  std::size_t operator()(const Key& key) const {
    return std::hash<std::uint64_t>()(key.id * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(key.kind));
  }
};

}  // namespace

struct Channel::Shared : std::enable_shared_from_this<Channel::Shared> {
  struct Large {
    Kind kind;
    std::uint64_t id;
    std::string body;
    std::size_t sent{0};
  };

  Shared(runtime::Loop& home, int number, Receiver& to) : loop(home), socket(home.io(), number), receiver(&to) {}

  void read();
  bool fill();
  void take_frames();
  Result<void> take_frame(const Head& head, std::string_view piece);
  void flush_soon();
  void flush();
  bool write();
  void fail_with(const Error& why);

  runtime::Loop& loop;
  boost::asio::posix::stream_descriptor socket;
  Receiver* receiver;  // null: closed

  std::vector<char> in = std::vector<char>(k_read_bytes);
  std::size_t in_count{0};  // bytes in `in` that are no whole frame yet
  std::unordered_map<Key, std::string, HashOfKey> pieces;
  std::size_t pieces_bytes{0};

  std::string out;      // for the next write
  std::string writing;  // by the one under way
  std::deque<Large> large;
  std::size_t large_bytes{0};
  bool flush_posted{false};
  bool is_writing{false};
  std::size_t written{0};
};

void Channel::Shared::fail_with(const Error& why) {
  if (receiver == nullptr) return;
  Receiver& told = *std::exchange(receiver, nullptr);
  boost::system::error_code ignored;
  socket.close(ignored);
  told.closed(why);
}

void Channel::Shared::read() {
  socket.async_wait(boost::asio::posix::descriptor_base::wait_read,
                    [self = shared_from_this()](boost::system::error_code error) {
                      if (self->receiver == nullptr) return;
                      if (error) return self->fail_with(gone());
                      if (self->receiver != nullptr && self->fill()) self->take_frames();
                      if (self->receiver != nullptr) self->read();
                    });
}

/// What is there. False: nothing is, or the end (which is told).
bool Channel::Shared::fill() {
  const ssize_t count = ::read(socket.native_handle(), in.data() + in_count, in.size() - in_count);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    fail_with(gone());
    return false;
  }
  in_count += static_cast<std::size_t>(count);
  return true;
}

void Channel::Shared::take_frames() {
  std::string_view rest(in.data(), in_count);
  while (receiver != nullptr && rest.size() >= k_frame_head_bytes) {
    const Head head = read_head(rest);
    if (head.bytes > k_frame_bytes_max || head.more > 1 || head.zero != 0)
      return fail_with(fail(Errc::invalid_data, "a frame that is none"));
    if (rest.size() < k_frame_head_bytes + head.bytes) break;
    if (auto taken = take_frame(head, rest.substr(k_frame_head_bytes, head.bytes)); taken.has_error())
      return fail_with(taken.error());
    rest.remove_prefix(k_frame_head_bytes + head.bytes);
  }
  in_count = rest.size();
  std::memmove(in.data(), rest.data(), rest.size());
}

Result<void> Channel::Shared::take_frame(const Head& head, std::string_view piece) {
  const auto begun = pieces.empty() ? pieces.end() : pieces.find({head.kind, head.id});
  if (begun == pieces.end() && head.more == 0) return receiver->received(head.kind, head.id, piece);
  std::string& body = begun != pieces.end() ? begun->second : pieces[{head.kind, head.id}];
  if (body.size() + piece.size() > k_message_bytes_max || pieces_bytes + piece.size() > k_pieces_bytes_max || piece.empty())
    return fail(Errc::invalid_data, "a message that is too large");
  body.append(piece);
  pieces_bytes += piece.size();
  if (head.more != 0) return {};
  const std::string whole = std::move(body);
  pieces_bytes -= whole.size();
  pieces.erase({head.kind, head.id});
  return receiver->received(head.kind, head.id, whole);
}

/// What is sent in this turn of the loop, or in the calls that are woken by it, leaves with one write.
void Channel::Shared::flush_soon() {
  if (flush_posted || is_writing) return;
  flush_posted = true;
  loop.post([self = shared_from_this()] {
    self->flush_posted = false;
    self->flush();
  });
}

void Channel::Shared::flush() {
  if (is_writing || !write()) return;
  is_writing = true;
  socket.async_wait(boost::asio::posix::descriptor_base::wait_write,
                    [self = shared_from_this()](boost::system::error_code error) {
                      self->is_writing = false;
                      if (self->receiver == nullptr) return;
                      if (error) return self->fail_with(gone());
                      self->flush();
                    });
}

/// As much as there is room for. True: more waits for room.
bool Channel::Shared::write() {
  while (receiver != nullptr) {
    if (written == writing.size()) {
      writing.clear();
      written = 0;
      std::swap(writing, out);
      for (std::size_t i = large.size(); i > 0 && writing.size() < k_write_bytes; --i) {
        Large one = std::move(large.front());
        large.pop_front();
        const std::string_view piece = std::string_view(one.body).substr(one.sent, k_frame_bytes_max);
        one.sent += piece.size();
        const bool more = one.sent < one.body.size();
        append_frame(writing, one.kind, one.id, piece, more);
        large_bytes -= piece.size();
        if (more) large.push_back(std::move(one));
      }
    }
    if (writing.empty()) return false;
    const ssize_t count = ::write(socket.native_handle(), writing.data() + written, writing.size() - written);
    if (count < 0 && errno == EAGAIN) return true;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      // Not from within send(): what it was told last may still be there to be read.
      loop.post([self = shared_from_this()] { self->fail_with(gone()); });
      return false;
    }
    written += static_cast<std::size_t>(count);
  }
  return false;
}

Channel::Channel(runtime::Loop& loop, int socket, Receiver& receiver)
    : shared_(std::make_shared<Shared>(loop, socket, receiver)) {}

Channel::~Channel() { close(); }

void Channel::start() { shared_->read(); }

void Channel::close() {
  shared_->receiver = nullptr;
  boost::system::error_code ignored;
  shared_->socket.close(ignored);
}

void Channel::send(Kind kind, std::uint64_t id, std::string_view body) {
  Shared& shared = *shared_;
  if (shared.receiver == nullptr) return;
  if (body.size() <= k_frame_bytes_max) {
    append_frame(shared.out, kind, id, body, false);
  } else {
    shared.large_bytes += body.size();
    shared.large.push_back({kind, id, std::string(body)});
  }
  const std::size_t unsent = shared.out.size() + shared.large_bytes + shared.writing.size() - shared.written;
  if (body.size() > k_message_bytes_max || unsent > k_unsent_bytes_max) {
    shared.loop.post([self = shared_] { self->fail_with(fail(Errc::unavailable, "the other end does not read")); });
    return;
  }
  shared.flush_soon();
}

}  // namespace tomada::worker
