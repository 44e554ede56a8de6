#include "host/cli/control.hpp"

#include <curl/curl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace tomada::cli {
namespace {

constexpr long k_call_seconds_max = 120;
constexpr std::size_t k_answer_bytes_max = 64 * 1024 * 1024;

struct Easy {
  CURL* handle{curl_easy_init()};
  curl_slist* headers{nullptr};
  Easy() = default;
  Easy(const Easy&) = delete;
  Easy& operator=(const Easy&) = delete;
  ~Easy() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
  }
};

extern "C" std::size_t append_body(char* data, std::size_t size, std::size_t count, void* target) {
  auto& body = *static_cast<std::string*>(target);
  if (body.size() + size * count > k_answer_bytes_max) return 0;  // curl reports a write error
  body.append(data, size * count);
  return size * count;
}

/// An Error is also convertible to an Answer, so which of the two is meant is said.
Result<serve::Answer> no_answer(std::string message) {
  return {boost::system::in_place_error, fail(Errc::unavailable, std::move(message))};
}

class SocketControl final : public Control {
 public:
  explicit SocketControl(std::string socket) : socket_(std::move(socket)) {}

  Result<serve::Answer> call(const serve::Request& request) override {
    Easy easy;
    if (easy.handle == nullptr) return no_answer("libcurl could not be started");
    std::string url = "http://tomada" + request.path;
    if (!request.query.empty()) url += "?" + request.query;
    for (const auto& [name, value] : request.headers)
      easy.headers = curl_slist_append(easy.headers, (name + ": " + value).c_str());
    easy.headers = curl_slist_append(easy.headers, "Content-Type: application/json");
    easy.headers = curl_slist_append(easy.headers, "Expect:");
    serve::Answer answer;
    curl_easy_setopt(easy.handle, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
    curl_easy_setopt(easy.handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy.handle, CURLOPT_PROXY, "");  // never through a proxy of the environment
    curl_easy_setopt(easy.handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy.handle, CURLOPT_TIMEOUT, k_call_seconds_max);
    curl_easy_setopt(easy.handle, CURLOPT_HTTPHEADER, easy.headers);
    curl_easy_setopt(easy.handle, CURLOPT_WRITEFUNCTION, append_body);
    curl_easy_setopt(easy.handle, CURLOPT_WRITEDATA, &answer.body);
    if (request.method != "GET") {
      curl_easy_setopt(easy.handle, CURLOPT_POSTFIELDS, request.body.c_str());
      curl_easy_setopt(easy.handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    curl_easy_setopt(easy.handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (const CURLcode code = curl_easy_perform(easy.handle); code != CURLE_OK)
      return no_answer("the host on " + socket_ + " did not answer: " + curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(easy.handle, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    return answer;
  }

 private:
  std::string socket_;
};

}  // namespace

Result<std::unique_ptr<Control>> open_socket_control(const std::filesystem::path& socket) {
  const std::string path = socket.string();
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return std::unique_ptr<Control>();  // no host could listen there
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Errc::unavailable, std::string("cannot open a socket: ") + std::strerror(errno));
  const int connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = connected == 0 ? 0 : errno;
  close(fd);
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) return std::unique_ptr<Control>();
  if (error == EACCES || error == EPERM)
    return fail(Errc::unavailable, "the control socket " + path + " belongs to another user; run this command as the owner of the data directory");
  if (error != 0) return fail(Errc::unavailable, "the control socket " + path + ": " + std::strerror(error));
  return std::unique_ptr<Control>(std::make_unique<SocketControl>(path));
}

}  // namespace tomada::cli
