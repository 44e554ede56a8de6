// Which addresses a request may reach: everything public, and what http.allow_private lists.
#pragma once

#include "host/base/result.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::http {

bool is_private_address(const boost::asio::ip::address& address);

/// The parsed list of http.allow_private.
class AddressRules {
 public:
  /// "host", "host:port", "ip", "ip:port", "[v6]:port" or "cidr". INVALID_CONFIG names the entry and what is wrong.
  Result<void> allow(std::string_view entry);

  /// `host` is the name in the URL (lower case), `address` what it resolved to.
  [[nodiscard]] bool permits(std::string_view host, const boost::asio::ip::address& address, std::uint16_t port) const;

 private:
  struct Entry {
    std::string host;  // empty: `network` counts
    boost::asio::ip::address network;
    unsigned prefix_bits{};
    std::optional<std::uint16_t> port;
  };
  std::vector<Entry> entries_;
};

}  // namespace tomada::http
