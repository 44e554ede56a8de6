#include "host/breaker/breaking_client.hpp"

#include <algorithm>
#include <utility>

namespace tomada::breaker {
namespace {

Outcome outcome_of(const Result<http::Head>& head) {
  if (head.has_value()) {
    if (head->throttled || head->status == 429) return Outcome::neutral;
    return head->status >= 500 ? Outcome::failure : Outcome::success;
  }
  const Errc code = head.error().code;
  return code == Errc::unavailable || code == Errc::deadline || code == Errc::invalid_data ? Outcome::failure : Outcome::neutral;
}

class BreakingExchange final : public http::Exchange {
 public:
  BreakingExchange(std::shared_ptr<Circuit> circuit, const Policy& policy, Circuit::Pass pass, std::unique_ptr<http::Exchange> inner)
      : circuit_(std::move(circuit)), policy_(policy), pass_(std::move(pass)), inner_(std::move(inner)) {}
  ~BreakingExchange() override {
    if (!told_) circuit_->abandon(pass_);
  }

  Result<void> write(runtime::Task& task, std::string_view bytes) override { return inner_->write(task, bytes); }

  Result<http::Head> finish(runtime::Task& task) override {
    auto head = inner_->finish(task);
    if (std::exchange(told_, true)) return head;
    // A call that is over by its own deadline says nothing about the provider.
    circuit_->done(task, policy_, pass_, task.check().has_error() && head.has_error() ? Outcome::neutral : outcome_of(head));
    return head;
  }

  Result<std::size_t> read(runtime::Task& task, std::span<char> buffer) override { return inner_->read(task, buffer); }

 private:
  std::shared_ptr<Circuit> circuit_;
  Policy policy_;
  Circuit::Pass pass_;
  std::unique_ptr<http::Exchange> inner_;
  bool told_{false};
};

class BreakingClient final : public http::Client {
 public:
  BreakingClient(http::Client& inner, std::shared_ptr<Circuit> circuit, Policy policy)
      : inner_(inner), circuit_(std::move(circuit)), policy_(policy) {}

  Result<std::unique_ptr<http::Exchange>> open(runtime::Task& task, http::Request request) override {
    if (!policy_.enabled) return inner_.open(task, std::move(request));
    const std::size_t begin = std::min(request.url.find("://"), request.url.size() - 3) + 3;
    const std::string_view url = request.url;
    const std::string_view host = url.substr(begin, url.find_first_of("/?#", begin) - begin);
    TOMADA_TRY_ASSIGN(auto pass, circuit_->admit(task, policy_, host));
    auto exchange = inner_.open(task, std::move(request));
    if (exchange.has_error()) {
      circuit_->abandon(pass);
      return exchange;
    }
    return std::unique_ptr<http::Exchange>(
        std::make_unique<BreakingExchange>(circuit_, policy_, std::move(pass), *std::move(exchange)));
  }

 private:
  http::Client& inner_;
  std::shared_ptr<Circuit> circuit_;
  Policy policy_;
};

}  // namespace

std::unique_ptr<http::Client> make_breaking_client(http::Client& inner, std::shared_ptr<Circuit> circuit, Policy policy) {
  return std::make_unique<BreakingClient>(inner, std::move(circuit), policy);
}

}  // namespace tomada::breaker
