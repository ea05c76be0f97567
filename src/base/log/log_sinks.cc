#include "base/log/log_sinks.h"
#include "base/files/system_error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/check.h"
#include "base/files/descriptor.h"
#include "base/log/log_counts.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::off;
}

// The oldest file goes away, the others move up by one.
void rotate(const std::filesystem::path& path, int max_files) {
  const auto numbered = [&](int number) {
    return number == 0 ? path : std::filesystem::path(fmt::format("{}.{}", path.string(), number));
  };
  std::error_code ignored;  // a file that stays where it is gets longer than it should; nothing is lost
  if (max_files == 1) std::filesystem::remove(path, ignored);
  for (int number = max_files - 2; number >= 0; --number)
    std::filesystem::rename(numbered(number), numbered(number + 1), ignored);
}

class RotatingFile {
 public:
  explicit RotatingFile(FileLogOptions options) : options_(std::move(options)) {}

  Status open() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return open_locked();
  }

  void write(const LogEvent& event) {
    if (event.level < options_.lowest) return;
    std::string line = log_line(event, options_.format);
    if (line.size() >= options_.max_file_bytes) line.resize(options_.max_file_bytes - 1);
    line += '\n';
    const MutexLock lock(mutex_);
    if (file_.valid() && size_bytes_ > 0 && size_bytes_ + line.size() > options_.max_file_bytes) {
      rotate(options_.path, options_.max_files);
      file_ = Descriptor();
      torn_ = false;
    }
    if (!file_.valid() && !open_locked()) return count_unwritten_log_events();
    // A line that was written in part is ended, so that the next one is whole.
    if (torn_) line.insert(line.begin(), '\n');
    const ssize_t written = ::write(file_.get(), line.data(), line.size());
    if (written > 0) size_bytes_ += static_cast<uint64_t>(written);
    if (written == static_cast<ssize_t>(line.size())) {
      torn_ = false;
      return;
    }
    if (written > 0) torn_ = line[static_cast<size_t>(written) - 1] != '\n';
    count_unwritten_log_events();
  }

 private:
  Status open_locked() REQUIRES(mutex_) {
    file_ = Descriptor(::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
    struct stat status{};
    if (!file_.valid() || ::fstat(file_.get(), &status) != 0) {
      return fatal_error(fmt::format("log file {}: {}", options_.path.string(), system_message(errno)));
    }
    size_bytes_ = static_cast<uint64_t>(status.st_size);
    return {};
  }

  const FileLogOptions options_;
  Mutex mutex_;
  Descriptor file_ GUARDED_BY(mutex_);
  uint64_t size_bytes_ GUARDED_BY(mutex_) = 0;
  bool torn_ GUARDED_BY(mutex_) = false;
};

}  // namespace

LogSink stderr_log_sink(StderrLogOptions options) {
  auto logger = std::make_shared<spdlog::logger>(
      "templar", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
                     options.colours ? spdlog::color_mode::always : spdlog::color_mode::never));
  logger->set_level(spdlog::level::trace);
  logger->set_pattern(options.format == LogFormat::kJson ? "%v" : "%H:%M:%S.%e %^%L%$ %v");
  return [logger, options](const LogEvent& event) {
    if (event.level < options.lowest) return;
    logger->log(to_spdlog(event.level), "{}",
                options.format == LogFormat::kJson ? json_log_line(event) : format_log_event(event));
    if (std::ferror(stderr) == 0) return;
    std::clearerr(stderr);
    count_unwritten_log_events();
  };
}

Result<LogSink> file_log_sink(FileLogOptions options) {
  CHECK(options.max_files >= 1 && options.max_file_bytes >= 1);
  auto file = std::make_shared<RotatingFile>(std::move(options));
  TRY(file->open());
  return [file](const LogEvent& event) { file->write(event); };
}

LogSink all_log_sinks(std::vector<LogSink> sinks) {
  return [sinks = std::move(sinks)](const LogEvent& event) {
    for (const LogSink& sink : sinks) {
      try {
        sink(event);
      } catch (const std::exception&) {
        count_unwritten_log_events();
      }
    }
  };
}

}  // namespace templar
