#include "stripe_events.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdio>
#include <ctime>
#include <stdexcept>

namespace tomada::bench {
namespace {

std::string number_text(std::size_t index) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%010zu", index);
  return digits;
}

std::string body_of(const EventOptions& options, std::size_t index, const std::string& created) {
  const std::string number = number_text(index);
  std::string body =
      R"({"id":")" + StripeEvents::id(options.tag, index) +
      R"(","object":"event","api_version":"2025-03-31.basil","created":)" + created +
      R"(,"livemode":false,"pending_webhooks":1,"type":"customer.created",)"
      R"("request":{"id":"req_)" +
      options.tag + number + R"(","idempotency_key":null},"data":{"object":{"id":"cus_)" + options.tag + number +
      R"(","object":"customer","created":)" + created +
      R"(,"currency":"eur","balance":0,"delinquent":false,"email":"customer-)" + number +
      R"(@example.com","name":"Customer )" + number +
      R"(","livemode":false,"invoice_prefix":"A1B2C3","next_invoice_sequence":1,"phone":null,"shipping":null,)"
      R"("address":{"city":"Lisboa","country":"PT","line1":"Rua Augusta 1","line2":null,"postal_code":"1100-048","state":null},)"
      R"("invoice_settings":{"custom_fields":null,"default_payment_method":null,"footer":null,"rendering_options":null},)"
      R"("metadata":{"note":")";
  constexpr std::string_view k_end = R"("}}}})";
  if (body.size() + k_end.size() < options.body_bytes)
    body.append(options.body_bytes - body.size() - k_end.size(), 'n');
  body += k_end;
  return body;
}

class Signer {
 public:
  explicit Signer(const std::string& secret) : secret_(secret) {}
  std::string hex(const std::string& text) const {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &length) == nullptr)
      throw std::runtime_error("HMAC failed");
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < length; ++i) {
      out += k_digits[digest[i] >> 4];
      out += k_digits[digest[i] & 15];
    }
    return out;
  }

 private:
  const std::string& secret_;
};

}  // namespace

std::string StripeEvents::id(std::string_view tag, std::size_t index) {
  return "evt_" + std::string(tag) + number_text(index);
}

StripeEvents::StripeEvents(const EventOptions& options) {
  const std::string now = std::to_string(std::time(nullptr));
  const Signer signer(options.secret);
  text_.reserve(options.count * (options.body_bytes + 400));
  starts_.reserve(options.count + 1);
  for (std::size_t i = 0; i < options.count; ++i) {
    const std::string body = body_of(options, i, now);
    starts_.push_back(text_.size());
    text_ += "POST " + options.path + " HTTP/1.1\r\nHost: " + options.host +
             "\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nAccept: */*; q=0.5, application/xml"
             "\r\nStripe-Signature: t=" +
             now + ",v1=" + signer.hex(now + "." + body) + "\r\n\r\n";
    text_ += body;
  }
  starts_.push_back(text_.size());
}

}  // namespace tomada::bench
