#include "bucket.hpp"

#include <tomada/http.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace aws_s3 {
namespace {

using tomada::sdk::Failure;
using tomada::sdk::percent_encode;

Failure invalid(std::string message) { return {TOMADA_E_INVALID_CONFIG, "config." + std::move(message)}; }

/// "https://host:port" without a slash at the end. The host's allow-list takes this very text, so nothing else may
/// hide in it.
std::string checked_endpoint(std::string endpoint) {
  const std::size_t scheme_bytes = endpoint.starts_with("https://") ? 8 : endpoint.starts_with("http://") ? 7 : 0;
  if (scheme_bytes == 0) throw invalid("endpoint: must start with https:// or http://");
  if (endpoint.ends_with('/')) endpoint.pop_back();
  const std::string_view authority = std::string_view(endpoint).substr(std::min(scheme_bytes, endpoint.size()));
  if (authority.empty() || authority.find_first_of("/?#@\\ ") != std::string_view::npos)
    throw invalid("endpoint: must be scheme, host and port alone, such as https://minio.example.com:9000");
  return endpoint;
}

std::string address_of(const std::string& name, const std::string& region, const std::string& endpoint,
                       bool path_style) {
  const std::string in_path = percent_encode(name);
  if (!endpoint.empty()) return path_style ? endpoint + "/" + in_path : endpoint + "/";
  const std::string domain = region.starts_with("cn-") ? ".amazonaws.com.cn/" : ".amazonaws.com/";
  return path_style ? "https://s3." + region + domain + in_path : "https://" + name + ".s3." + region + domain;
}

std::string listing(const Bucket& bucket, std::string_view name, std::string_view value, int keys_max) {
  // encoding-type: keys may hold characters that XML cannot.
  std::string url = bucket.address + "?list-type=2&encoding-type=url&max-keys=" + std::to_string(keys_max);
  if (!bucket.prefix.empty()) url += "&prefix=" + percent_encode(bucket.prefix);
  if (!value.empty()) ((url += '&') += name) += "=" + percent_encode(value);
  return url;
}

}  // namespace

Bucket Bucket::from_config(std::string_view config_json) {
  const nlohmann::json config = nlohmann::json::parse(config_json, nullptr, false);
  if (!config.is_object()) throw Failure(TOMADA_E_INVALID_CONFIG, "config: must be an object");
  const auto text = [&](const char* field) {
    const auto found = config.find(field);
    if (found == config.end()) return std::string();
    if (!found->is_string()) throw invalid(std::string(field) + ": must be a string");
    return found->get<std::string>();
  };
  Bucket bucket;
  bucket.name = text("bucket");
  bucket.region = text("region");
  bucket.prefix = text("prefix");
  if (bucket.name.empty()) throw invalid("bucket: missing");
  if (bucket.region.empty()) throw invalid("region: missing");
  std::string endpoint = text("endpoint");
  if (!endpoint.empty()) endpoint = checked_endpoint(std::move(endpoint));

  // Amazon's certificate covers one label before .s3.region, so a name with dots fails TLS as a host.
  bool path_style = !endpoint.empty() || bucket.name.find('.') != std::string::npos;
  if (const auto found = config.find("path_style"); found != config.end()) {
    if (!found->is_boolean()) throw invalid("path_style: must be true or false");
    path_style = found->get<bool>();
    if (!path_style && endpoint.empty() && bucket.name.find('.') != std::string::npos)
      throw invalid("path_style: must be true for a bucket name with dots");
  }
  bucket.address = address_of(bucket.name, bucket.region, endpoint, path_style);
  return bucket;
}

std::string Bucket::listing_after(std::string_view start_after, int keys_max) const {
  return listing(*this, "start-after", start_after, keys_max);
}

std::string Bucket::listing_continued(std::string_view continuation_token, int keys_max) const {
  return listing(*this, "continuation-token", continuation_token, keys_max);
}

}  // namespace aws_s3
