#include "host/plugin/watcher.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace tomada::plugin {
namespace {

namespace asio = boost::asio;

constexpr std::uint32_t k_written = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
constexpr std::uint32_t k_directory_gone = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;
constexpr std::uint32_t k_watched = k_written | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

/// A signature is its file's matter.
std::string_view plugin_file_of(std::string_view name) {
  constexpr std::string_view signature_end = ".sig";
  if (name.ends_with(signature_end)) name.remove_suffix(signature_end.size());
  return name;
}

}  // namespace

struct Watcher::Core : std::enable_shared_from_this<Core> {
  Core(runtime::Loop& loop, std::filesystem::path watched) : descriptor(loop.io()), dir(std::move(watched)) {}

  void arm() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [core = shared_from_this(), series = series](const boost::system::error_code& error) {
                            if (error || series != core->series || !core->descriptor.is_open()) return;
                            core->drain();
                            core->arm();
                          });
  }
  void drain() {
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    while (true) {
      const ssize_t count = ::read(descriptor.native_handle(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
        const auto* const event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        note(event->mask, event->len > 0 ? std::string_view(event->name) : std::string_view());
        at += sizeof(inotify_event) + event->len;
      }
    }
    if (waiting != nullptr && !changes.empty()) waiting->wake();
  }
  void note(std::uint32_t mask, std::string_view name) {
    if ((mask & k_directory_gone) != 0) works = false;
    if ((mask & (IN_Q_OVERFLOW | k_directory_gone)) != 0) changes.all = true;
    if (name.empty()) return;
    const bool is_made = (mask & (IN_CREATE | IN_MOVED_TO)) != 0;
    const Link link = is_made ? link_of(name) : Link::none;
    const std::filesystem::path file = plugin_file_of(name);
    if (file.extension() != ".so") {
      if (link == Link::symbolic) changes.all = true;  // files may be links through this one
      return;
    }
    // A new file is complete when it is closed; a new link at once.
    if ((mask & k_written) != 0 || link != Link::none) changes.names.insert(file.string());
    if ((mask & IN_ATTRIB) != 0) changes.touched.insert(file.string());
  }

  enum class Link { none, symbolic, hard };
  [[nodiscard]] Link link_of(const std::filesystem::path& file) const {
    struct stat status{};
    if (::lstat((dir / file).c_str(), &status) != 0) return Link::none;
    if (S_ISLNK(status.st_mode)) return Link::symbolic;
    return S_ISREG(status.st_mode) && status.st_nlink > 1 ? Link::hard : Link::none;
  }

  asio::posix::stream_descriptor descriptor;
  const std::filesystem::path dir;
  std::uint64_t series{0};  // of starts: what an earlier one has pending does not count
  bool works{false};
  Changes changes;
  runtime::Wait* waiting{nullptr};
};

Watcher::Watcher(runtime::Loop& loop, std::filesystem::path dir) : core_(std::make_shared<Core>(loop, std::move(dir))) {}

Watcher::~Watcher() {
  boost::system::error_code ignored;
  core_->descriptor.close(ignored);
}

Result<void> Watcher::start() {
  boost::system::error_code ignored;
  if (core_->descriptor.is_open()) core_->descriptor.close(ignored);
  core_->works = false;
  ++core_->series;
  const auto failure = [](const char* what) {
    return fail(Errc::unavailable, std::string(what) + ": " + std::strerror(errno));
  };
  const int number = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (number < 0) return failure("inotify");
  core_->descriptor.assign(number);
  if (::inotify_add_watch(number, core_->dir.c_str(), k_watched) < 0) {
    auto failed = failure(core_->dir.c_str());
    core_->descriptor.close(ignored);
    return failed;
  }
  core_->works = true;
  core_->arm();
  return {};
}

bool Watcher::works() const { return core_->works; }

Changes Watcher::wait(runtime::Task& task, std::chrono::milliseconds at_most) {
  if (core_->changes.empty()) {
    runtime::Wait wait(task);
    runtime::Timer timer([&wait] { wait.wake(); });
    timer.start(task.loop(), task.clock().steady() + at_most);
    core_->waiting = &wait;
    (void)wait.wait();
    core_->waiting = nullptr;
    timer.cancel();
  }
  return std::exchange(core_->changes, {});
}

}  // namespace tomada::plugin
