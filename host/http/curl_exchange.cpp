#include "host/http/curl_exchange.hpp"

#include "host/base/assert.hpp"
#include "host/base/secret.hpp"
#include "host/http/curl_errors.hpp"

#include <algorithm>
#include <cstring>
#include <netinet/in.h>
#include <strings.h>

namespace tomada::http {
namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view k_others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           k_others.find(c) != std::string_view::npos;
  });
}

bool has_line_break(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_name(const std::string& a, const char* b) { return ::strcasecmp(a.c_str(), b) == 0; }

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  TOMADA_ASSERT(code == CURLE_OK);
}

std::optional<std::pair<boost::asio::ip::address, std::uint16_t>> address_of(const curl_sockaddr& from) {
  if (from.family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from.addr, sizeof v4);
    return std::pair{boost::asio::ip::address(boost::asio::ip::address_v4(ntohl(v4.sin_addr.s_addr))),
                     static_cast<std::uint16_t>(ntohs(v4.sin_port))};
  }
  if (from.family == AF_INET6) {
    // curl_sockaddr declares a plain sockaddr but carries addrlen bytes.
    sockaddr_in6 v6{};
    std::memcpy(static_cast<void*>(&v6), static_cast<const void*>(&from.addr),
                std::min<std::size_t>(from.addrlen, sizeof v6));
    boost::asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return std::pair{boost::asio::ip::address(boost::asio::ip::address_v6(bytes)),
                     static_cast<std::uint16_t>(ntohs(v6.sin6_port))};
  }
  return std::nullopt;
}

}  // namespace

std::size_t CurlExchange::Buffer::take(char* to, std::size_t max) {
  const std::size_t count = std::min(max, size());
  std::memcpy(to, bytes.data() + taken, count);
  taken += count;
  if (taken == bytes.size()) {
    bytes.clear();
    taken = 0;
  }
  return count;
}

void CurlExchange::Buffer::append(std::string_view more) {
  if (taken > k_exchange_buffer_bytes) {
    bytes.erase(0, taken);
    taken = 0;
  }
  bytes.append(more);
}

Result<std::unique_ptr<Exchange>> CurlExchange::start(std::shared_ptr<CurlMulti> multi, Request request, Url url) {
  if (!is_token(request.method) || request.method == "CONNECT")
    return fail(Errc::invalid_data, "the HTTP method must be a token such as GET");
  auto exchange = std::make_unique<CurlExchange>(std::move(multi), std::move(request), std::move(url));
  TOMADA_TRY(exchange->prepare_headers());
  exchange->configure();
  return std::unique_ptr<Exchange>(std::move(exchange));
}

CurlExchange::CurlExchange(std::shared_ptr<CurlMulti> multi, Request request, Url url)
    : multi_(std::move(multi)),
      request_(std::move(request)),
      url_text_(to_string(url)),
      url_(std::move(url)),
      place_(host_and_port(url_)),
      started_(multi_->loop().clock().steady()),
      timeout_([this] {
        end(fail(Errc::deadline, (head_complete_ ? "the answer of " + place_ + " was not complete after "
                                                 : "no answer from " + place_ + " after ") +
                                     std::to_string(elapsed_ms()) + " ms"));
      }) {}

CurlExchange::~CurlExchange() {
  TOMADA_ASSERT(waiting_ == nullptr);
  end(fail(Errc::cancelled, "the exchange was dropped"));  // nobody reads it; a handle in mid-transfer is reset
  wipe(header_text_.data(), header_text_.size());
  for (auto& [name, value] : request_.headers) wipe(value.data(), value.size());
}

Result<void> CurlExchange::prepare_headers() {
  std::vector<std::size_t> starts;
  const auto add = [&](std::string_view name, std::string_view value) {
    starts.push_back(header_text_.size());
    header_text_ += name;
    header_text_ += value.empty() ? ";" : ": ";  // libcurl's way to say an empty header
    header_text_ += value;
    header_text_ += '\0';
  };
  const auto suppress = [&](std::string_view name) {
    starts.push_back(header_text_.size());
    header_text_ += name;
    header_text_ += ':';
    header_text_ += '\0';
  };
  // Reserved in full: a string that grows leaves copies of secrets behind.
  std::size_t bytes = 64;
  for (const auto& [name, value] : request_.headers) bytes += name.size() + value.size() + 4;
  header_text_.reserve(bytes);
  for (const auto& [name, value] : request_.headers) {
    if (!is_token(name)) return fail(Errc::invalid_data, "a header name of the request is not a token");
    if (has_line_break(value))
      return fail(Errc::invalid_data, "the value of header " + name + " has a line break or a NUL");
    if (same_name(name, "Transfer-Encoding"))
      return fail(Errc::invalid_data, "the host sets Transfer-Encoding itself");
    if (same_name(name, "Content-Length")) {
      const auto length = request_.streamed_length ? *request_.streamed_length : std::optional(request_.body.size());
      if (!length || trimmed(value) != std::to_string(*length))
        return fail(Errc::invalid_data, "Content-Length is not the length of the body; leave it out");
      continue;  // libcurl writes the same
    }
    add(name, trimmed(value));
  }
  suppress("Expect");  // costs a round trip or a second of waiting
  if (find_header(request_.headers, "Content-Type") == nullptr) suppress("Content-Type");
  for (const std::size_t start : starts) header_list_.push_back({header_text_.data() + start, nullptr});
  for (std::size_t i = 1; i < header_list_.size(); ++i) header_list_[i - 1].next = &header_list_[i];
  return {};
}

void CurlExchange::configure() {
  const CurlMulti::Easy easy = multi_->take_easy();
  easy_ = easy.handle;
  if (!easy.is_configured) configure_for_all();
  set(easy_, CURLOPT_PRIVATE, static_cast<void*>(static_cast<Transfer*>(this)));
  set(easy_, CURLOPT_ERRORBUFFER, error_text_.data());
  set(easy_, CURLOPT_URL, url_text_.c_str());
  // On plain HTTP, PIPEWAIT would let a second request wait for the first one's answer.
  const bool is_tls = url_.scheme == "https";
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_PIPEWAIT, is_tls ? 1L : 0L);
  set(easy_, CURLOPT_HTTPHEADER, header_list_.data());
  set(easy_, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  configure_body();
  const auto timeout = runtime::Deadline::after(multi_->loop().clock(), request_.timeout);
  if (!timeout.is_never()) timeout_.start(multi_->loop(), timeout.at());
  multi_->add(easy_);
}

/// What no request changes. Everything that a plain GET changes is set in configure(), for each.
void CurlExchange::configure_for_all() {
  const CurlOptions& options = multi_->options();
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_QUICK_EXIT, 1L);  // or dropping a request would wait for its name lookup
  set(easy_, CURLOPT_PATH_AS_IS, 1L);
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_PROXY, "");  // through a proxy the address rules would judge the proxy's address
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) set(easy_, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.user_agent.empty()) set(easy_, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(easy_, CURLOPT_ACCEPT_ENCODING, "");
  set(easy_, CURLOPT_HEADERFUNCTION, &CurlExchange::on_header);
  set(easy_, CURLOPT_WRITEFUNCTION, &CurlExchange::on_body);
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &CurlExchange::on_open_socket);
  // The connection outlives this exchange, so its end is the multi handle's business.
  set(easy_, CURLOPT_CLOSESOCKETFUNCTION, &CurlMulti::close_socket);
  set(easy_, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(multi_.get()));
}

void CurlExchange::configure_body() {
  if (request_.streamed_length) {
    const auto length = *request_.streamed_length;
    set(easy_, CURLOPT_UPLOAD, 1L);
    set(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    set(easy_, CURLOPT_READFUNCTION, &CurlExchange::on_upload);
    set(easy_, CURLOPT_READDATA, static_cast<void*>(this));
    set(easy_, CURLOPT_INFILESIZE_LARGE, length ? static_cast<curl_off_t>(*length) : curl_off_t{-1});
  } else if (request_.method == "HEAD") {
    set(easy_, CURLOPT_NOBODY, 1L);
  } else if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT" ||
             request_.method == "PATCH") {
    set(easy_, CURLOPT_POST, 1L);
    set(easy_, CURLOPT_POSTFIELDS, request_.body.data());  // borrowed
    set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  } else {
    set(easy_, CURLOPT_HTTPGET, 1L);
    if (request_.method != "GET") set(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

std::size_t CurlExchange::on_header(char* data, std::size_t size, std::size_t count, void* self_data) {
  auto& self = *static_cast<CurlExchange*>(self_data);
  std::string_view line(data, size * count);
  const std::size_t bytes = line.size();
  if (self.head_complete_) return bytes;  // trailers
  self.header_bytes_ += bytes;
  if (self.header_bytes_ > k_header_bytes_max) {
    self.header_too_large_ = true;
    return 0;
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.empty()) {
    long status = 0;
    curl_easy_getinfo(self.easy_, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 && status != 101) return bytes;  // an interim answer: the real one follows
    self.head_.status = static_cast<int>(status);
    self.head_complete_ = true;
    self.wake();
    return bytes;
  }
  if (line.starts_with("HTTP/")) {
    self.head_ = {};
    return bytes;
  }
  const auto colon = line.find(':');
  if (colon != std::string_view::npos && colon > 0)
    self.head_.headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  return bytes;
}

std::size_t CurlExchange::on_body(char* data, std::size_t size, std::size_t count, void* self_data) {
  auto& self = *static_cast<CurlExchange*>(self_data);
  const std::size_t bytes = size * count;
  if (self.download_.size() >= k_exchange_buffer_bytes) {
    self.download_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  self.download_.append({data, bytes});
  self.wake();
  return bytes;
}

std::size_t CurlExchange::on_upload(char* data, std::size_t size, std::size_t count, void* self_data) {
  auto& self = *static_cast<CurlExchange*>(self_data);
  const std::size_t taken = self.upload_.take(data, size * count);
  if (taken != 0) {
    self.wake();
    return taken;
  }
  if (self.upload_complete_) return 0;
  self.upload_paused_ = true;
  return CURL_READFUNC_PAUSE;
}

curl_socket_t CurlExchange::on_open_socket(void* self_data, curlsocktype, curl_sockaddr* where) {
  auto& self = *static_cast<CurlExchange*>(self_data);
  const auto target = address_of(*where);
  if (!target || !self.multi_->rules().permits(self.url_.host, target->first, target->second)) {
    self.forbidden_address_ = target ? target->first.to_string() : "of an unknown family";
    return CURL_SOCKET_BAD;
  }
  return self.multi_->open_socket(*where);
}

void CurlExchange::on_done(CURLcode code) {
  if (code == CURLE_OK && head_complete_) return end(Result<void>());
  if (header_too_large_ || (code == CURLE_OUT_OF_MEMORY && !head_complete_))
    return end(fail(Errc::invalid_data, "the header of the answer of " + place_ + " is longer than " +
                                            std::to_string(k_header_bytes_max) + " bytes"));
  if (!forbidden_address_.empty() && code == CURLE_COULDNT_CONNECT)
    return end(fail(Errc::forbidden, place_ + " has the private address " + forbidden_address_ +
                                         "; list it in http.allow_private to allow it"));
  long os_error = 0;
  curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &os_error);
  end(curl_error(code == CURLE_OK ? CURLE_GOT_NOTHING : code, place_, error_text_.data(), os_error));
}

void CurlExchange::end(Result<void> outcome) {
  if (!ended_) ended_ = std::move(outcome);
  timeout_.cancel();
  if (CURL* easy = std::exchange(easy_, nullptr)) {
    multi_->remove(easy);
    const bool is_plain = request_.method == "GET" && request_.body.empty() && !request_.streamed_length;
    multi_->give_easy(easy, is_plain && ended_->has_value());
  }
  wake();
}

void CurlExchange::resume_curl() {
  download_paused_ = false;
  upload_paused_ = false;
  if (easy_ != nullptr) curl_easy_pause(easy_, CURLPAUSE_CONT);  // may call on_body or on_upload, which may pause again
}

void CurlExchange::wake() {
  if (waiting_ != nullptr) waiting_->wake();
}

Result<void> CurlExchange::wait(runtime::Task& task) {
  TOMADA_ASSERT(waiting_ == nullptr);
  runtime::Wait wait(task);
  waiting_ = &wait;
  auto outcome = wait.wait();
  waiting_ = nullptr;
  if (outcome.has_value()) return outcome;
  Error error = std::move(outcome).error();
  if (error.code == Errc::deadline)
    error.message = "no answer from " + place_ + " after " + std::to_string(elapsed_ms()) +
                    " ms: the deadline of this call has passed";
  end(error);
  return error;
}

std::int64_t CurlExchange::elapsed_ms() const {
  const auto elapsed = multi_->loop().clock().steady() - started_;
  return std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count();
}

Result<void> CurlExchange::write(runtime::Task& task, std::string_view bytes) {
  if (!request_.streamed_length) return fail(Errc::invalid_data, "this request has its body already");
  if (upload_complete_) return fail(Errc::invalid_data, "the request is finished: nothing can be written to it");
  const auto length = *request_.streamed_length;
  if (length && bytes.size() > *length - upload_bytes_)
    return fail(Errc::invalid_data, "more is written than the " + std::to_string(*length) + " bytes announced");
  upload_bytes_ += bytes.size();
  while (!bytes.empty()) {
    // A server that has answered already (413, say) does not want the rest; finish() tells what it said.
    if (ended_) return *ended_;
    if (upload_.size() >= k_exchange_buffer_bytes) {
      TOMADA_TRY(wait(task));
      continue;
    }
    const auto now = bytes.substr(0, k_exchange_buffer_bytes - upload_.size());
    upload_.append(now);
    bytes.remove_prefix(now.size());
    if (upload_paused_) resume_curl();
  }
  return {};
}

Result<Head> CurlExchange::finish(runtime::Task& task) {
  if (!upload_complete_) {
    upload_complete_ = true;
    if (request_.streamed_length && request_.streamed_length->value_or(upload_bytes_) != upload_bytes_ && !ended_)
      end(fail(Errc::invalid_data, "the body ended after " + std::to_string(upload_bytes_) + " of the " +
                                       std::to_string(**request_.streamed_length) + " bytes announced"));
    if (upload_paused_) resume_curl();
  }
  while (!head_complete_) {
    if (ended_) return ended_->has_error() ? ended_->error() : fail(Errc::internal, "the exchange has ended");
    TOMADA_TRY(wait(task));
  }
  return std::move(head_);
}

Result<std::size_t> CurlExchange::read(runtime::Task& task, std::span<char> buffer) {
  if (buffer.empty()) return std::size_t{0};
  while (download_.size() == 0) {
    if (download_paused_) {
      resume_curl();
      continue;
    }
    if (ended_) {
      if (ended_->has_error()) return ended_->error();
      return std::size_t{0};
    }
    TOMADA_TRY(wait(task));
  }
  const std::size_t count = download_.take(buffer.data(), buffer.size());
  if (download_paused_ && download_.size() < k_exchange_buffer_bytes / 2) resume_curl();
  return count;
}

}  // namespace tomada::http
