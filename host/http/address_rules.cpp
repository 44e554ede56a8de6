#include "host/http/address_rules.hpp"

#include "host/http/curl_client.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tomada::http {
namespace {

namespace ip = boost::asio::ip;

struct Range4 {
  std::uint32_t network;
  unsigned prefix_bits;
};

// The IANA registry of special-purpose addresses: what is not globally reachable, and multicast.
constexpr std::array<Range4, 15> k_private_v4{{
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // carrier-grade NAT
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local, cloud metadata
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // protocol assignments
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // 6to4 relays
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarks
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 4},   // multicast
    {0xf0000000, 4},   // reserved, broadcast
}};

bool is_private_v4(std::uint32_t address) {
  return std::any_of(k_private_v4.begin(), k_private_v4.end(), [address](const Range4& range) {
    return ((address ^ range.network) >> (32 - range.prefix_bits)) == 0;
  });
}

bool same_prefix(const ip::address_v6::bytes_type& a, const ip::address_v6::bytes_type& b, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i) {
    const unsigned shift = 7 - i % 8;
    if (((a[i / 8] ^ b[i / 8]) >> shift & 1) != 0) return false;
  }
  return true;
}

bool in_v6(const ip::address_v6& address, const char* network, unsigned bits) {
  return same_prefix(address.to_bytes(), ip::make_address_v6(network).to_bytes(), bits);
}

std::uint32_t embedded_v4(const ip::address_v6& address, std::size_t at) {
  const auto bytes = address.to_bytes();
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
         std::uint32_t{bytes[at + 3]};
}

bool is_private_v6(const ip::address_v6& address) {
  if (address.is_v4_mapped()) return is_private_v4(embedded_v4(address, 12));
  if (in_v6(address, "64:ff9b::", 96)) return is_private_v4(embedded_v4(address, 12));  // NAT64
  if (!in_v6(address, "2000::", 3)) return true;  // only this part is assigned to the public network
  if (in_v6(address, "2002::", 16)) return is_private_v4(embedded_v4(address, 2));  // 6to4
  return in_v6(address, "2001::", 23) || in_v6(address, "2001:db8::", 32) || in_v6(address, "3fff::", 20);
}

// An IPv4 address that arrives as ::ffff:a.b.c.d is the same place.
ip::address plain(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

std::optional<unsigned> number(std::string_view text, unsigned max) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

Error bad_entry(std::string_view entry, const char* what) {
  return fail(Errc::invalid_config, "http.allow_private: \"" + std::string(entry) + "\": " + what);
}

}  // namespace

bool is_private_address(const ip::address& address) {
  return address.is_v4() ? is_private_v4(address.to_v4().to_uint()) : is_private_v6(address.to_v6());
}

bool is_private_address(std::string_view address) {
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  boost::system::error_code error;
  const auto parsed = ip::make_address(std::string(address), error);
  return !error && is_private_address(parsed);
}

Result<void> AddressRules::allow(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string_view rest = lower;
  Entry entry;
  std::string_view place = rest;
  std::string_view port;
  bool has_port = false;
  if (!rest.empty() && rest.front() == '[') {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return bad_entry(text, "the closing bracket is missing");
    place = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    has_port = !rest.empty();
    if (has_port && rest.front() != ':') return bad_entry(text, "after the bracket comes :port or nothing");
    if (has_port) port = rest.substr(1);
  } else if (std::count(rest.begin(), rest.end(), ':') == 1) {
    const auto colon = rest.find(':');
    place = rest.substr(0, colon);
    port = rest.substr(colon + 1);
    has_port = true;
  }
  if (has_port) {
    const auto value = number(port, 65535);
    if (!value || *value == 0) return bad_entry(text, "the port must be 1 to 65535");
    entry.port = static_cast<std::uint16_t>(*value);
  }
  const auto slash = place.find('/');
  boost::system::error_code error;
  const auto address = ip::make_address(std::string(place.substr(0, slash)), error);
  if (error) {
    if (!is_host_name(place)) return bad_entry(text, "neither an address, a network (10.0.0.0/8) nor a host name");
    entry.host = place;
  } else {
    const unsigned bits_max = address.is_v4() ? 32 : 128;
    entry.network = address;
    entry.prefix_bits = bits_max;
    if (slash != std::string_view::npos) {
      const auto bits = number(place.substr(slash + 1), bits_max);
      if (!bits) return bad_entry(text, "the network's prefix length is out of range");
      entry.prefix_bits = *bits;
    }
  }
  entries_.push_back(std::move(entry));
  return {};
}

bool AddressRules::permits(std::string_view host, const ip::address& address, std::uint16_t port) const {
  const ip::address target = plain(address);
  if (!is_private_address(target)) return true;
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (entry.port && *entry.port != port) return false;
    if (!entry.host.empty()) return entry.host == host;
    if (entry.network.is_v4() != target.is_v4()) return false;
    if (target.is_v4())
      return entry.prefix_bits == 0 ||
             ((entry.network.to_v4().to_uint() ^ target.to_v4().to_uint()) >> (32 - entry.prefix_bits)) == 0;
    return same_prefix(entry.network.to_v6().to_bytes(), target.to_v6().to_bytes(), entry.prefix_bits);
  });
}

}  // namespace tomada::http
