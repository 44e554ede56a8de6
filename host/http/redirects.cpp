#include "host/http/redirects.hpp"

#include "host/http/url.hpp"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <strings.h>

namespace tomada::http {
namespace {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

void remove_headers(Headers& headers, std::initializer_list<const char*> names) {
  headers.erase(std::remove_if(headers.begin(), headers.end(),
                               [&](const auto& header) {
                                 return std::any_of(names.begin(), names.end(), [&](const char* name) {
                                   return ::strcasecmp(header.first.c_str(), name) == 0;
                                 });
                               }),
                headers.end());
}

void become_get(Request& request) {
  request.method = "GET";
  request.body.clear();
  request.streamed_length.reset();
  remove_headers(request.headers, {"Content-Type", "Content-Length", "Content-Encoding", "Content-Language",
                                   "Content-MD5", "X-Amz-Content-Sha256", "Expect"});
}

class RedirectingExchange final : public Exchange {
 public:
  RedirectingExchange(Client& inner, Request request, std::unique_ptr<Exchange> current)
      : inner_(inner), request_(std::move(request)), current_(std::move(current)) {}

  Result<void> write(runtime::Task& task, std::string_view bytes) override {
    if (!current_) return no_answer();
    return current_->write(task, bytes);
  }

  Result<Head> finish(runtime::Task& task) override {
    if (!current_) return no_answer();
    for (std::size_t hops = 0;; ++hops) {
      TOMADA_TRY_ASSIGN(auto head, current_->finish(task));
      const std::string* location = find_header(head.headers, "Location");
      if (!is_redirect(head.status) || location == nullptr) return head;
      const bool to_get = (head.status == 303 && request_.method != "HEAD") ||
                          ((head.status == 301 || head.status == 302) && request_.method == "POST");
      if (!to_get && request_.streamed_length) return head;
      if (hops == k_redirects_max)
        return fail(Errc::invalid_data, "more than " + std::to_string(k_redirects_max) + " redirects");
      TOMADA_TRY(turn_to(*location, to_get));
      TOMADA_TRY(drain(task, head));
      TOMADA_TRY_ASSIGN(current_, inner_.open(task, request_));
    }
  }

  Result<std::size_t> read(runtime::Task& task, std::span<char> buffer) override {
    if (!current_) return no_answer();
    return current_->read(task, buffer);
  }

 private:
  static Error no_answer() { return fail(Errc::unavailable, "the redirect was not followed: there is no answer"); }

  Result<void> turn_to(const std::string& location, bool to_get) {
    auto target = resolve_url(request_.url, location);
    if (target.has_error()) return std::move(target).error().within("the answer's Location");
    TOMADA_TRY(request_.may_follow(*target));
    TOMADA_TRY_ASSIGN(const Url from, parse_url(request_.url));
    TOMADA_TRY_ASSIGN(const Url to, parse_url(*target));
    if (from.scheme == "https" && to.scheme == "http")
      return fail(Errc::forbidden, "a redirect from https to http at " + host_and_port(to) + " is not followed");
    if (to_get) become_get(request_);
    remove_headers(request_.headers, {"Host"});
    if (!same_origin(from, to)) remove_headers(request_.headers, {"Authorization", "Cookie", "Proxy-Authorization"});
    request_.url = *std::move(target);
    return {};
  }

  /// A short body is read, so that its connection can serve the next hop; a long one costs more than a new connection.
  Result<void> drain(runtime::Task& task, const Head& head) {
    constexpr std::size_t k_drain_bytes_max = 16 * 1024;
    const std::string* length = find_header(head.headers, "Content-Length");
    if (length != nullptr && length->size() <= 5 && std::strtoul(length->c_str(), nullptr, 10) <= k_drain_bytes_max) {
      if (auto body = read_all(task, *current_, k_drain_bytes_max); body.has_error()) TOMADA_TRY(task.check());
    }
    current_.reset();
    return {};
  }

  Client& inner_;
  Request request_;
  std::unique_ptr<Exchange> current_;  // empty when opening the next hop failed
};

class RedirectingClient final : public Client {
 public:
  explicit RedirectingClient(Client& inner) : inner_(inner) {}

  Result<std::unique_ptr<Exchange>> open(runtime::Task& task, Request request) override {
    if (!request.may_follow) return inner_.open(task, std::move(request));
    TOMADA_TRY_ASSIGN(auto first, inner_.open(task, request));
    return std::unique_ptr<Exchange>(
        std::make_unique<RedirectingExchange>(inner_, std::move(request), std::move(first)));
  }

 private:
  Client& inner_;
};

}  // namespace

std::unique_ptr<Client> make_redirecting_client(Client& inner) { return std::make_unique<RedirectingClient>(inner); }

}  // namespace tomada::http
