#include "host/abi/plugin.hpp"

#include "host/abi/call.hpp"
#include "host/abi/host_table.hpp"

#include <boost/dll/shared_library.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

namespace tomada::abi {
namespace {

using Entry = tomada_status(const tomada_host*, tomada_plugin*);

/// Everything up to here must be in the table; handle_webhook and get_extension may be missing.
constexpr std::size_t k_table_bytes_min = offsetof(tomada_plugin, handle_webhook);
constexpr std::size_t k_table_room = 1024;

Error broken_entry(std::string_view why) {
  return fail(Errc::invalid_data, "P18: " + std::string(TOMADA_PLUGIN_ENTRY_NAME) + " " + std::string(why));
}

/// What dlerror said, out of Boost.DLL's sentence around it.
std::string loader_words(std::string_view what) {
  constexpr std::string_view k_before = "(dlerror system message: ";
  const std::size_t at = what.find(k_before);
  if (at == std::string_view::npos) return clean_text(what, k_detail_bytes_max);
  what.remove_prefix(at + k_before.size());
  return clean_text(what.substr(0, what.rfind(')')), k_detail_bytes_max);
}

/// Calls the entry with room behind the table, so that one which writes past struct_size is found and harms nothing.
Result<tomada_plugin> call_entry(Entry* entry) {
  alignas(tomada_plugin) std::array<unsigned char, k_table_room> room{};
  tomada_plugin table{};
  table.struct_size = sizeof table;
  std::memcpy(room.data(), &table, sizeof table);
  tomada_status status = TOMADA_E_INTERNAL;
  std::string thrown;
  try {
    status = entry(&host_table(), reinterpret_cast<tomada_plugin*>(room.data()));
  } catch (const std::exception& error) {
    thrown = "threw " + clean_text(error.what(), k_detail_bytes_max);
  } catch (...) {
    thrown = "threw something that is no std::exception";
  }
  if (!thrown.empty()) return broken_entry(thrown);
  if (!is_known_status(status)) return broken_entry("returned the unknown status " + std::to_string(status));
  if (status != TOMADA_OK) return broken_entry("failed with " + std::string(to_string(static_cast<Errc>(status))));
  if (std::any_of(room.begin() + sizeof table, room.end(), [](unsigned char byte) { return byte != 0; }))
    return broken_entry("wrote more than plugin->struct_size bytes");
  std::memcpy(&table, room.data(), sizeof table);
  return table;
}

Result<void> check_table(tomada_plugin& table) {
  if (table.struct_size < k_table_bytes_min)
    return broken_entry("left struct_size " + std::to_string(table.struct_size) + "; at least " +
                        std::to_string(k_table_bytes_min) + " are needed");
  if (table.abi_minor > TOMADA_ABI_MINOR)
    return broken_entry("was built for ABI minor " + std::to_string(table.abi_minor) + "; this host serves up to " +
                        std::to_string(TOMADA_ABI_MINOR));
  if (table.struct_size < sizeof table)  // what the plugin does not know of reads as zero
    std::memset(reinterpret_cast<unsigned char*>(&table) + table.struct_size, 0, sizeof table - table.struct_size);
  const std::array<std::pair<bool, std::string_view>, 4> required{{{table.create != nullptr, "create"},
                                                                   {table.destroy != nullptr, "destroy"},
                                                                   {table.test_connection != nullptr, "test_connection"},
                                                                   {table.sync != nullptr, "sync"}}};
  for (const auto& [is_set, name] : required)
    if (!is_set) return broken_entry("left the function " + std::string(name) + " NULL");
  return {};
}

/// Never unloaded, even when the entry fails: a static constructor may have left code running or registered.
boost::dll::shared_library& keep_for_ever(std::unique_ptr<boost::dll::shared_library> library) {
  static std::mutex mutex;
  static auto* const kept = new std::vector<boost::dll::shared_library*>;  // no destructor at exit
  const std::lock_guard lock(mutex);
  return *kept->emplace_back(library.release());
}

}  // namespace

struct LoadedPlugin::Impl {
  Manifest manifest;
  tomada_plugin table{};
};

Result<std::shared_ptr<LoadedPlugin>> LoadedPlugin::load(const std::filesystem::path& private_copy, Manifest manifest) {
  Entry* entry = nullptr;
  try {
    namespace dll = boost::dll;
    auto library = std::make_unique<dll::shared_library>();
    library->load(private_copy, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    dll::shared_library& kept = keep_for_ever(std::move(library));
    if (!kept.has(TOMADA_PLUGIN_ENTRY_NAME)) return broken_entry("is not in the file");
    entry = &kept.get<Entry>(TOMADA_PLUGIN_ENTRY_NAME);
  } catch (const std::exception& error) {
    return fail(Errc::unavailable, "P17: the loader refused the file: " + loader_words(error.what()));
  } catch (...) {
    return fail(Errc::unavailable, "P17: a static constructor of the file threw");
  }
  TOMADA_TRY_ASSIGN(tomada_plugin table, call_entry(entry));
  TOMADA_TRY(check_table(table));
  if (manifest.webhook && table.handle_webhook == nullptr)
    return broken_entry("left the function handle_webhook NULL, and its manifest has a webhook");
  auto impl = std::make_unique<Impl>();
  impl->manifest = std::move(manifest);
  impl->table = table;
  return std::shared_ptr<LoadedPlugin>(new LoadedPlugin(std::move(impl)));
}

LoadedPlugin::LoadedPlugin(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadedPlugin::~LoadedPlugin() = default;

const Manifest& LoadedPlugin::manifest() const { return impl_->manifest; }
const tomada_plugin& LoadedPlugin::table() const { return impl_->table; }
bool LoadedPlugin::handles_webhooks() const { return impl_->table.handle_webhook != nullptr; }

}  // namespace tomada::abi
