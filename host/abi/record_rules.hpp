// What a record must be before it is taken, wherever the plugin runs.
#pragma once

#include "host/abi/canonical_json.hpp"
#include "host/abi/services.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tomada::abi {

inline constexpr std::size_t k_page_records_max = 10'000;
inline constexpr std::size_t k_page_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t k_record_bytes_max = 1024 * 1024;
inline constexpr std::size_t k_external_id_bytes_max = 1024;
inline constexpr std::size_t k_cursor_bytes_max = 64 * 1024;

/// Of one call; counts its page. Each function says INVALID_DATA, with why, for what is refused and does not count.
class RecordRules {
 public:
  /// `entities`: the manifest's. `own_entity`: of a full run, which speaks of no other; empty: any.
  RecordRules(std::vector<std::string> entities, std::string own_entity);

  /// The data in canonical form.
  Result<std::string> upsert(std::string_view entity, const RecordView& record);
  /// The same judgement.
  Result<void> check_upsert(std::string_view entity, const RecordView& record);
  Result<void> remove(std::string_view entity, std::string_view external_id);

  void start_page() { records_count_ = bytes_ = 0; }

 private:
  Result<void> admit(std::string_view entity, std::string_view external_id, std::size_t data_bytes) const;
  template <class Read>
  auto judge(std::string_view entity, const RecordView& record, Read read) -> decltype(read());

  std::vector<std::string> entities_;
  std::string own_entity_;
  CanonicalJson json_;
  std::size_t records_count_{0};
  std::size_t bytes_{0};
};

}  // namespace tomada::abi
