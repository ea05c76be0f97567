#include "adapters/influx/batch_sender.h"

#include "adapters/http/gzip.h"
#include "adapters/influx/line_protocol.h"

namespace templar {
namespace {

constexpr size_t kMaxUnpackedBytes = size_t{256} << 20;

bool must_wait(const WriteAnswer& answer) {
  return answer.outcome == WriteOutcome::kRefused || answer.outcome == WriteOutcome::kUnavailable;
}

void take_failure(SendReport& report, WriteAnswer answer) {
  report.outcome = answer.outcome;
  report.message = std::move(answer.message);
  report.retry_after = answer.retry_after;
}

void take_rejection(SendReport& report, const WriteAnswer& answer, uint64_t points) {
  report.rejected_points += points;
  if (report.message.empty()) report.message = answer.message;
}

// The server took all but a number of lines that it told.
bool is_partial(const WriteAnswer& answer) {
  return answer.outcome == WriteOutcome::kRejected && answer.rejected_lines > 0;
}

}  // namespace

SendReport BatchSender::send(const PackedBatch& batch) {
  SendReport report;
  WriteAnswer answer = request(batch.packed);
  if (answer.outcome == WriteOutcome::kWritten) return report;
  if (must_wait(answer)) {
    take_failure(report, std::move(answer));
    return report;
  }
  if (is_partial(answer)) {
    take_rejection(report, answer, answer.rejected_lines);
    return report;
  }
  const auto lines = gunzip(batch.packed, kMaxUnpackedBytes);
  if (!lines) {
    report.message = lines.error().message;
    report.rejected_points = batch.points;
    return report;
  }
  const std::vector<size_t> ends = line_ends(*lines);
  if (ends.size() <= 1) {
    take_rejection(report, answer, batch.points);
    return report;
  }
  static_cast<void>(send_in_halves(*lines, ends, 0, report));
  return report;
}

WriteAnswer BatchSender::request(ByteView packed) {
  ++requests_;
  return client_->write(packed);
}

bool BatchSender::send_in_halves(std::string_view lines, std::span<const size_t> ends, size_t begin,
                                 SendReport& report) {
  const size_t half = ends.size() / 2;
  return send_part(lines, ends.first(half), begin, report) &&
         send_part(lines, ends.subspan(half), ends[half - 1], report);
}

bool BatchSender::send_part(std::string_view lines, std::span<const size_t> ends, size_t begin,
                            SendReport& report) {
  WriteAnswer answer = request(gzip(lines.substr(begin, ends.back() - begin)));
  if (answer.outcome == WriteOutcome::kWritten) return true;
  if (must_wait(answer)) {
    take_failure(report, std::move(answer));
    return false;
  }
  if (is_partial(answer) || ends.size() == 1) {
    take_rejection(report, answer, is_partial(answer) ? answer.rejected_lines : 1);
    return true;
  }
  return send_in_halves(lines, ends, begin, report);
}

}  // namespace templar
