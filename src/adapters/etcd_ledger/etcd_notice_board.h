// A notice board in a cluster of etcd, for networks whose nodes are on many machines.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "adapters/etcd_ledger/etcd_client.h"
#include "adapters/etcd_ledger/etcd_watch.h"
#include "base/threads/mutex.h"
#include "ports/notice_board.h"

namespace templar {

struct EtcdBoardOptions {
  // What all keys of this board begin with, and those of nobody else; ends with '/'.
  std::string prefix;
  EtcdClientOptions client;
  EtcdWatchOptions watch;
};

// Any number of processes and threads may use boards of one prefix. Thread-safe. Reads are linearizable: they
// see all that was written before they began, whichever server is asked. A write is one transaction, which
// compares the revision of each condition's key. Nobody is spoken to before the first call. Calls fail as
// EtcdClient::send does; reads also (retry) on an answer that is none.
//
// Keys below the prefix that ports/notice_board.h does not allow are passed over; a content that is larger
// than allowed is given as empty, with its revision: it is an entry of nobody.
class EtcdNoticeBoard final : public NoticeBoard {
 public:
  explicit EtcdNoticeBoard(EtcdBoardOptions options);
  ~EtcdNoticeBoard() override;

  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) const override;
  // In pages, all of one revision. Fails (retry) where it has more than a million notices, or 256 MiB.
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view prefix) const override;
  // One request, but for the first of a prefix and where many were written since the last.
  [[nodiscard]] Result<std::optional<Notice>> last(std::string_view prefix) const override;
  // The cluster's own: it also grows with what others write outside of the prefix.
  [[nodiscard]] Result<int64_t> revision() const override;
  // By a stream that the server keeps open, on a thread that begins with the first call.
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override;
  [[nodiscard]] Result<bool> write(std::string_view key, ByteView content,
                                   std::span<const NoticeCondition> conditions) override;

 private:
  struct Page {
    std::string begin;  // whole keys, as etcd has them
    std::string end;
    int64_t revision = 0;  // to be read at; 0: the newest
  };

  [[nodiscard]] Result<EtcdReply> ask_range(const Page& page, size_t limit, bool only_keys) const;
  // As many pairs as fit, at most `limit`, which becomes smaller where so many don't fit; nullopt: the
  // revision is not kept any more.
  [[nodiscard]] Result<std::optional<EtcdRange>> read_page(const Page& page, size_t& limit) const;
  // nullopt: the revision of the first page was compacted meanwhile.
  [[nodiscard]] Result<std::optional<std::vector<Notice>>> try_to_list(std::string_view prefix) const;
  // A key (as etcd has it) at or behind which the last one is; nullopt: there is none.
  [[nodiscard]] Result<std::optional<std::string>> find_last(const std::string& prefix) const;
  // The last one at or behind that key; nullopt: there is none.
  [[nodiscard]] Result<std::optional<Notice>> last_from(std::string begin, const std::string& end) const;
  [[nodiscard]] std::optional<Notice> notice_of(EtcdPair pair) const;
  [[nodiscard]] std::string what(const char* action, std::string_view key) const;

  const std::string prefix_;
  const EtcdClient client_;
  mutable EtcdWatch watch_;
  mutable Mutex mutex_;
  mutable std::map<std::string, std::string, std::less<>> last_keys_ GUARDED_BY(mutex_);  // by prefix
};

}  // namespace templar
