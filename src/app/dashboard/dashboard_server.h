// Serves a run's page and data over HTTP, for a run in progress or the folder of a finished one.
//
//   GET /                                            the page
//   GET /api/run                                     run_json
//   GET /api/news?since=LIFE-REVISION&wait=SECONDS   news_json; waits that long for something newer than
//                                                    since, at most 25 s
//   GET /api/windows?first=&last=                    details_json
//   GET /api/miner?uid=                              miner_json
//
// A run does not notice that it is watched: files are only read, and only while somebody asks (at the start
// they are read once).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace templar {

struct DashboardOptions {
  std::filesystem::path folder;
  std::string host = "127.0.0.1";
  int port = 0;           // 0: any free one
  std::string_view page;  // HTML; what it points to must outlive the server
};

class DashboardServer {
 public:
  // Binds, starts to read the folder and to answer, on threads of its own. Fails (fatal) where the folder
  // holds no run, and where the address can't be had.
  [[nodiscard]] static Result<std::unique_ptr<DashboardServer>> start(const DashboardOptions& options);
  virtual ~DashboardServer() = default;  // stops

  [[nodiscard]] virtual int port() const = 0;
  // "http://127.0.0.1:8300/"
  [[nodiscard]] virtual std::string address() const = 0;
  // Waiting requests are answered and all threads have ended when this returns: within about a second.
  virtual void stop() = 0;
};

// The page that scripts/build-dashboard.sh has built; empty if it had not when templar was built.
[[nodiscard]] std::string_view dashboard_page();

// What to do where dashboard_page() is empty.
inline constexpr const char* kNoDashboardPage =
    "this templar was built without the dashboard's page: run scripts/build-dashboard.sh, then build again";

}  // namespace templar
