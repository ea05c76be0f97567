#include "app/terminal/prepare_progress.h"

#include <fmt/format.h>

#include "app/terminal/printable.h"
#include "app/terminal/progress_line.h"
#include "app/terminal/stop_signal.h"

namespace templar {
namespace {

std::string progress_text(const PrepareProgress& progress) {
  switch (progress.stage) {
    case PrepareProgress::Stage::kTrainingTokenizer:
      return "training the tokenizer";
    case PrepareProgress::Stage::kHashing:
      return "computing hashes";
    case PrepareProgress::Stage::kReading:
      break;
  }
  std::string text = "read " + human_bytes(progress.bytes_read);
  if (progress.bytes_total > 0) {
    text += fmt::format(
        " of {} ({:.0f} %)", human_bytes(progress.bytes_total),
        100.0 * static_cast<double>(progress.bytes_read) / static_cast<double>(progress.bytes_total));
  }
  return text + fmt::format(", {} documents, {:.1f} M tokens", progress.documents,
                            static_cast<double>(progress.tokens) / 1e6);
}

}  // namespace

std::optional<std::string> tokenizer_warning(const PrepareReport& report) {
  if (!report.change) return std::nullopt;
  return fmt::format(
      "the tokenizer does not give back the text of {} of {} documents: \"{}\" becomes \"{}\". A model never "
      "learns what is lost so, and an export carries it on; bits per byte count the text as it was",
      report.changed_documents, report.manifest.totals.documents, printable(report.change->before),
      printable(report.change->after));
}

Result<PrepareReport> prepare_with_progress(const PrepareOptions& options) {
  ProgressLine line;
  return prepare_data(options, [&line](const PrepareProgress& progress) {
    line.show([&] { return progress_text(progress); });
    return !stop_requested();
  });
}

}  // namespace templar
