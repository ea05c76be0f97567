#include "app/network/join_file.h"

#include <gtest/gtest.h>

#include "app/world/node_world.h"
#include "base/files/file.h"
#include "base/log/secrets.h"
#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/temporary_folder.h"
#include "support/test_key.h"
#include "support/text_files.h"

namespace templar::testing {
namespace {

JoinFile join_file_in(const std::filesystem::path& folder) {
  JoinFile file{.ledger = "sqlite:" + (folder / "ledger.db").string(),
                .data = (folder / "data").string(),
                .store = "/elsewhere/store",
                .software = "templar 1.2",
                .protocol = kSpokenProtocols};
  file.spec = load_run_spec("tiny").value();
  file.spec.network.owner = test_owner().public_key().hex();
  return file;
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

TEST(JoinFileText, IsReadAsItWasWrittenAlsoFromAnotherFolder) {
  const TemporaryFolder here;
  const TemporaryFolder there;
  const JoinFile file = join_file_in(here.path());
  const std::string text = join_file_text(file, here.path());
  write_text(here / kJoinFileName, text);
  const auto read = read_join_file(here.path());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->ledger, file.ledger);
  EXPECT_EQ(read->data, file.data);
  EXPECT_EQ(read->store, file.store);
  EXPECT_EQ(run_id(read->spec), run_id(file.spec));
  EXPECT_EQ(join_file_text(*read, here.path()), text);
  // What lay beside it is looked for beside it.
  write_text(there / "moved.json", text);
  EXPECT_EQ(read_join_file(there / "moved.json")->data, (there / "data").string());
}

TEST(JoinFileText, KeepsAddressesAsTheyAre) {
  const TemporaryFolder folder;
  JoinFile file = join_file_in(folder.path());
  file.ledger = "etcd:https://a:2379,b:2379/nets/first";
  file.data = "s3://corpora/first?endpoint=https://s3.example";
  file.store = "";
  file.ledger_has_users = true;
  file.ca_certificates = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  write_text(folder / kJoinFileName, join_file_text(file, folder.path()));
  const auto read = read_join_file(folder / kJoinFileName);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->ledger, file.ledger);
  EXPECT_EQ(read->data, file.data);
  EXPECT_EQ(read->store, "");
  EXPECT_TRUE(read->ledger_has_users);
  EXPECT_EQ(read->ca_certificates, file.ca_certificates);
}

TEST(JoinFileText, IsRefusedWithWhatToDo) {
  const TemporaryFolder folder;
  const std::string text = join_file_text(join_file_in(folder.path()), folder.path());
  const auto reason = [&](const std::string& content) {
    write_text(folder / "f.json", content);
    const auto read = read_join_file(folder / "f.json");
    EXPECT_FALSE(read);
    return read ? "" : read.error().message;
  };
  const auto says = [&](const std::string& content, const std::string& words) {
    return reason(content).find(words) != std::string::npos;
  };
  EXPECT_TRUE(says(changed(text, "\"seed\": ", "\"seed\": 1"), "it was changed; ask the owner"));
  EXPECT_TRUE(says(changed(text, "\"templar_network\": 1", "\"templar_network\": 2"), "install templar 1.2"));
  std::string later = changed(text, "\"newest_protocol\": 2", "\"newest_protocol\": 9");
  EXPECT_TRUE(have_common_protocol({1, 9}, kSpokenProtocols));
  later = changed(later, "\"oldest_protocol\": 1", "\"oldest_protocol\": 9");
  EXPECT_TRUE(says(later, "install templar 1.2 or a newer one"));
  EXPECT_TRUE(says("{}", "templar_network: missing"));
  EXPECT_TRUE(says("", "not JSON"));
  EXPECT_TRUE(says(changed(text, "\"data\"", "\"dada\""), "data"));
  EXPECT_TRUE(
      fails(read_join_file(folder / "none.json"), ErrorKind::kFatal, "`templar network init` makes it"));
}

TEST(JoinFileText, HasSeedsForTheFuzzer) {
  JoinFile file = join_file_in("/net");
  const std::string here = join_file_text(file, "/net");
  file.ledger = "etcd:https://a:2379/nets";
  file.data = "https://data.example/first";
  expect_fuzz_corpus(
      "join_file_fuzz",
      {{"files", bytes_of(here)},
       {"addresses", bytes_of(join_file_text(file, "/net"))},
       {"credentials",
        bytes_of(credentials_text({.run_id = {}, .user = "u", .password = "pass", .uid = 7}))}});
}

TEST(Credentials, AreReadAsTheyWereWrittenAndStaySecret) {
  const TemporaryFolder folder;
  const LedgerCredentials given{
      .run_id = blake2b_256(as_bytes("run")), .user = "run-7-key", .password = "a-pass-word-of-7", .uid = 7};
  write_text(folder / "c.json", credentials_text(given));
  const auto read = read_credentials(folder / "c.json");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->run_id, given.run_id);
  EXPECT_EQ(read->user, given.user);
  EXPECT_EQ(read->password, given.password);
  EXPECT_EQ(read->uid, 7);
  EXPECT_EQ(redact("it is a-pass-word-of-7"), "it is <secret>");
  LedgerCredentials onlooker = given;
  onlooker.uid.reset();
  write_text(folder / "o.json", credentials_text(onlooker));
  EXPECT_EQ(read_credentials(folder / "o.json")->uid, std::nullopt);
  write_text(folder / "bad.json", "{}");
  EXPECT_TRUE(fails(read_credentials(folder / "bad.json"), ErrorKind::kFatal, "bad.json"));
}

}  // namespace
}  // namespace templar::testing
