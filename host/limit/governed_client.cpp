#include "host/limit/governed_client.hpp"

#include "host/http/url.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tomada::limit {
namespace {

constexpr std::size_t k_looked_at_bytes = 16 * 1024;  // of a body that may say that it is a refusal
constexpr std::size_t k_tail_bytes = 2 * 1024;        // of a GraphQL answer, where its cost stands

/// Gives its permit back exactly once, however the exchange ends.
class GovernedExchange final : public http::Exchange {
 public:
  GovernedExchange(std::shared_ptr<Account> account, const Permit& permit, std::shared_ptr<const Limits> limits,
                   const GovernedHooks& hooks, std::unique_ptr<http::Exchange> inner)
      : account_(std::move(account)), permit_(permit), limits_(std::move(limits)), hooks_(hooks), inner_(std::move(inner)) {}
  ~GovernedExchange() override { settle(); }

  Result<void> write(runtime::Task& task, std::string_view bytes) override { return inner_->write(task, bytes); }

  Result<http::Head> finish(runtime::Task& task) override {
    auto head = inner_->finish(task);
    if (head.has_error()) {
      settle();
      return head;
    }
    signals_ = read_signals(*head, task.clock().wall());
    if (!signals_.throttled && may_say_it_in_the_body(head->status)) TOMADA_TRY(look_at_the_body(task, head->status));
    head->throttled = signals_.throttled;
    if (signals_.throttled && hooks_.throttled) hooks_.throttled();
    if (signals_.retry_after) head->retry_after = std::chrono::ceil<std::chrono::milliseconds>(*signals_.retry_after);
    if (!limits_->graphql_cost || signals_.throttled) settle();
    return head;
  }

  Result<std::size_t> read(runtime::Task& task, std::span<char> buffer) override {
    if (served_ < looked_at_.size()) {
      const std::size_t count = std::min(buffer.size(), looked_at_.size() - served_);
      std::memcpy(buffer.data(), looked_at_.data() + served_, count);
      served_ += count;
      return count;
    }
    auto count = inner_->read(task, buffer);
    if (count.has_value() && !settled_) keep_tail(std::string_view(buffer.data(), *count));
    if (!settled_ && (count.has_error() || *count == 0)) settle();
    return count;
  }

 private:
  [[nodiscard]] bool may_say_it_in_the_body(int status) const {
    return std::any_of(limits_->throttled.begin(), limits_->throttled.end(),
                       [&](const abi::ThrottledRule& rule) { return rule.status == status; });
  }

  Result<void> look_at_the_body(runtime::Task& task, int status) {
    looked_at_.resize(k_looked_at_bytes);
    std::size_t size = 0;
    while (size < looked_at_.size()) {
      const auto count = inner_->read(task, std::span(looked_at_).subspan(size));
      if (count.has_error()) {
        settle();
        return std::move(count).error();
      }
      if (*count == 0) break;
      size += *count;
    }
    looked_at_.resize(size);
    const std::string_view text = looked_at_;
    for (const abi::ThrottledRule& rule : limits_->throttled)
      if (rule.status == status && text.find(rule.contains) != std::string_view::npos) signals_.throttled = true;
    keep_tail(text);
    return {};
  }

  void keep_tail(std::string_view bytes) {
    if (!limits_->graphql_cost) return;
    if (bytes.size() > k_tail_bytes) bytes.remove_prefix(bytes.size() - k_tail_bytes);
    tail_.append(bytes);
    if (tail_.size() > 2 * k_tail_bytes) tail_.erase(0, tail_.size() - k_tail_bytes);
  }

  void settle() {
    if (std::exchange(settled_, true)) return;
    if (!tail_.empty())
      if (const auto cost = read_graphql_cost(tail_)) signals_.told.push_back(*cost);
    account_->done(permit_, signals_);
  }

  std::shared_ptr<Account> account_;
  Permit permit_;
  std::shared_ptr<const Limits> limits_;
  const GovernedHooks& hooks_;
  std::unique_ptr<http::Exchange> inner_;
  Signals signals_;
  bool settled_{false};
  std::string looked_at_;
  std::size_t served_{0};
  std::string tail_;
};

/// Path without query, of a URL that was checked before.
std::string_view path_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = url.find('/', scheme == std::string_view::npos ? 0 : scheme + 3);
  if (path == std::string_view::npos) return "/";
  url.remove_prefix(path);
  return url.substr(0, url.find_first_of("?#"));
}

class GovernedClient final : public http::Client {
 public:
  GovernedClient(http::Client& inner, Sender sender, GovernedHooks hooks)
      : inner_(inner), sender_(std::move(sender)), hooks_(std::move(hooks)),
        limits_(sender_.member->account->with([](Budget& budget, Time) { return std::make_shared<const Limits>(budget.declared()); })) {}

  Result<std::unique_ptr<http::Exchange>> open(runtime::Task& task, http::Request request) override {
    const std::string_view path = path_of(request.url);
    Member& member = *sender_.member;
    const Ask ask{sender_.lane, member.tenant, limits_->pool_of(request.method, path), limits_->cost_of(request.method, path)};
    const Time asked = task.clock().steady();
    TOMADA_TRY_ASSIGN(const Permit permit, member.account->acquire(task, ask));
    if (permit.sent.at > asked && hooks_.waited) hooks_.waited(permit.sent.at - asked);
    auto exchange = inner_.open(task, std::move(request));
    if (exchange.has_error()) {
      member.account->give_back(permit);
      return exchange;
    }
    member.note_sent(task.clock().unix_ms());
    return std::unique_ptr<http::Exchange>(
        std::make_unique<GovernedExchange>(member.account, permit, limits_, hooks_, *std::move(exchange)));
  }

 private:
  http::Client& inner_;
  Sender sender_;
  GovernedHooks hooks_;
  std::shared_ptr<const Limits> limits_;  // as they were when the call began
};

}  // namespace

std::unique_ptr<http::Client> make_governed_client(http::Client& inner, Sender sender, GovernedHooks hooks) {
  return std::make_unique<GovernedClient>(inner, std::move(sender), std::move(hooks));
}

}  // namespace tomada::limit
