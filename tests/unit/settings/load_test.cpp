#include "host/settings/load.hpp"

#include "host/settings/keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include <unistd.h>

namespace tomada::settings {
namespace {

using testing::HasSubstr;

struct SettingsLoad : testing::Test {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("tomada-settings-" + std::to_string(getpid()));
  std::filesystem::path file = folder / "tomada.toml";

  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  Sources with_file(const std::string& text) {
    std::ofstream(file) << text;
    return Sources{.config_file = file, .environment = {}, .command_line = {}};
  }
  std::string error_of(const Sources& sources) {
    auto loaded = load(sources);
    return loaded.has_error() ? loaded.error().message : "no error";
  }
  std::string error_in(const std::string& text) { return error_of(with_file(text)); }
};

TEST_F(SettingsLoad, DefaultsStandWithoutAnySource) {
  auto loaded = load({});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->settings.listen, "127.0.0.1:7070");
  EXPECT_EQ(loaded->settings.api.body_bytes_max, 1024 * 1024);
  EXPECT_FALSE(loaded->settings.data_dir.empty());
  EXPECT_FALSE(loaded->settings.plugin_dir.empty());
}

TEST_F(SettingsLoad, TheLaterSourceWins) {
  Sources sources = with_file("listen = '127.0.0.1:1'\nthreads = 1\n[jobs]\nrunning_max = 5\n");
  sources.environment = {{"TOMADA_LISTEN", "127.0.0.1:2"}, {"TOMADA_THREADS", "2"},
                         {"TOMADA_HTTP_ALLOW_PRIVATE", "127.0.0.1:9000, 10.0.0.0/8"}};
  sources.command_line = {{"listen", "127.0.0.1:3"}};
  auto loaded = load(sources);
  ASSERT_TRUE(loaded.has_value()) << error_of(sources);
  EXPECT_EQ(loaded->settings.listen, "127.0.0.1:3");
  EXPECT_EQ(loaded->settings.threads, 2);
  EXPECT_EQ(loaded->settings.jobs.running_max, 5);
  EXPECT_EQ(loaded->settings.http.allow_private, (std::vector<std::string>{"127.0.0.1:9000", "10.0.0.0/8"}));
}

TEST_F(SettingsLoad, AnUnknownKeyNamesFileLineAndTheNearest) {
  const std::string error = error_in("\n[http]\nconection_max = 4\n");
  EXPECT_THAT(error, HasSubstr("tomada.toml:3"));
  EXPECT_THAT(error, HasSubstr("unknown key http.conection_max; did you mean http.connections_max?"));
  EXPECT_THAT(error_in("zebra = 1\n"), HasSubstr("unknown key zebra"));
  EXPECT_THAT(error_in("[htpp]\nca_file = ''\n"), HasSubstr("unknown key htpp"));
}

TEST_F(SettingsLoad, AWrongTypeSaysWhatIsExpected) {
  EXPECT_THAT(error_in("threads = 'two'\n"), HasSubstr("threads must be a whole number from 0 to 256, not a value of type string"));
  EXPECT_THAT(error_in("[http]\nallow_private = 'x'\n"), HasSubstr("http.allow_private must be a list of texts"));
  EXPECT_THAT(error_in("[http]\nallow_private = [1]\n"), HasSubstr("must be a list of texts"));
  EXPECT_THAT(error_in("http = 3\n"), HasSubstr("unknown key http"));
}

TEST_F(SettingsLoad, AValueOutOfRangeIsRefusedFromEverySource) {
  EXPECT_THAT(error_in("\nthreads = 257\n"), HasSubstr("tomada.toml:2: threads must be a whole number from 0 to 256, not 257"));
  EXPECT_THAT(error_in("[log]\nlevel = 'loud'\n"), HasSubstr("one of: trace, debug"));
  EXPECT_THAT(error_of({{}, {{"TOMADA_API_BODY_BYTES_MAX", "1"}}, {}}), HasSubstr("TOMADA_API_BODY_BYTES_MAX"));
  EXPECT_THAT(error_of({{}, {{"TOMADA_THREADS", "2x"}}, {}}), HasSubstr("TOMADA_THREADS: threads must be"));
  EXPECT_THAT(error_of({{}, {}, {{"listen", "nowhere"}}}), HasSubstr("command line: listen must be an address"));
}

TEST_F(SettingsLoad, BrokenTomlNamesTheLine) {
  EXPECT_THAT(error_in("listen = '127.0.0.1:1'\nthreads = = 1\n"), HasSubstr("tomada.toml:2"));
}

TEST_F(SettingsLoad, AMissingFileIsNamed) {
  EXPECT_THAT(error_of({folder / "absent.toml", {}, {}}), HasSubstr("absent.toml cannot be read"));
  EXPECT_THAT(error_of({{}, {{"TOMADA_CONFIG", (folder / "gone.toml").string()}}, {}}), HasSubstr("gone.toml"));
}

TEST_F(SettingsLoad, AnUnknownVariableIsAWarning) {
  auto loaded = load({{}, {{"TOMADA_LISTN", "x"}}, {}});
  ASSERT_TRUE(loaded.has_value());
  EXPECT_THAT(loaded->warnings, testing::ElementsAre(HasSubstr("did you mean TOMADA_LISTEN?")));
}

TEST(SettingsListen, UnderstandsBothFamilies) {
  auto v6 = parse_listen("[::1]:7070");
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->port, 7070);
  EXPECT_EQ(parse_listen("localhost:0")->host, "127.0.0.1");
  for (const char* bad : {"", "7070", "1.2.3.4", "1.2.3.4:", "1.2.3.4:70000", "::1:80", "[1.2.3.4]:80", "host:80", ":80"})
    EXPECT_TRUE(parse_listen(bad).has_error()) << bad;
}

/// The sections and "# name = value" lines of config/tomada.toml, as a file with every default written out.
TEST_F(SettingsLoad, TheExampleFileShowsEveryKeyWithItsDefault) {
  std::ifstream example(TOMADA_CONFIG_FILE);
  ASSERT_TRUE(example.good());
  std::map<std::string, std::string> shown;
  std::string section;
  std::string uncommented;
  for (std::string line; std::getline(example, line);) {
    if (line.starts_with("[")) {
      section = line.substr(1, line.find(']') - 1) + ".";
      uncommented += line + "\n";
      continue;
    }
    const std::size_t equals = line.find(" = ");
    if (!line.starts_with("# ") || equals == std::string::npos) continue;
    const std::string name = line.substr(2, equals - 2);
    if (name.find(' ') != std::string::npos) continue;  // prose
    shown[section + name] = line.substr(equals + 3);
    uncommented += line.substr(2) + "\n";
  }
  for (const Key& key : keys()) {
    EXPECT_EQ(shown[std::string(key.path)], default_text(key)) << key.path;
    shown.erase(std::string(key.path));
  }
  for (const auto& [path, value] : shown) ADD_FAILURE() << "config/tomada.toml shows an unknown key " << path;
  EXPECT_EQ(error_in(uncommented), "no error");
}

TEST(SettingsKeys, DefaultsAreInRange) {
  Settings defaults;
  for (const Key& key : keys()) {
    if (const auto* number = std::get_if<Key::Number>(&key.field)) {
      EXPECT_GE((*number)(defaults), key.min) << key.path;
      EXPECT_LE((*number)(defaults), key.max) << key.path;
    }
  }
}

}  // namespace
}  // namespace tomada::settings
