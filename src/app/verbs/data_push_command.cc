#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "adapters/remote_data/data_upload.h"
#include "app/terminal/progress_line.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/verbs/verbs.h"
#include "app/world/open_data.h"
#include "base/clock.h"

namespace templar {
namespace {

constexpr const char* kPushDetails =
    "ADDRESS is a bucket of a service that speaks S3 (Amazon, Cloudflare R2, Ceph, MinIO, Backblaze, "
    "Garage), perhaps with a prefix, or file:FOLDER, where it becomes FOLDER/data:\n"
    "    s3://my-bucket/fineweb?endpoint=https://ACCOUNT.r2.cloudflarestorage.com&region=auto\n"
    "Quote it: shells take the & for their own. Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "from AWS_PROFILE and ~/.aws/credentials, or from the machine's role. The files keep their names, the "
    "manifest comes last: until then nobody takes the place for a data set. An upload that was cut short "
    "goes on where it was when it is called again.\n"
    "Nodes read the data set with the same address as their --data (FOLDER/data for file:FOLDER); with "
    "&access=public at its end they "
    "need no keys, where everybody may read the bucket. Any tool may copy the folder there as well.";

struct PushArguments {
  std::string folder, address;
  bool force = false;
};

// What nodes are given to read it.
std::string data_option(const std::string& address, const DataPlace& place) {
  return is_data_address(address) ? "'" + address + "'" : place.objects.where;
}

Status push_data(const PushArguments& arguments) {
  catch_stop_signals();
  const SystemClock clock;
  const std::string& address = arguments.address;
  if (is_data_address(address) && !address.starts_with("s3://"))
    return fatal_error(address +
                       ": a web server takes no uploads: name the bucket, s3://BUCKET/PREFIX?endpoint=...");
  TRY_ASSIGN(const DataPlace place, open_data_place(address, {.is_cancelled = stop_requested}, clock));
  ProgressLine line;
  const auto report = upload_data(
      arguments.folder, *place.store, place.objects,
      {.replaces = arguments.force,
       .is_cancelled = stop_requested,
       .progress = [&](uint64_t done_bytes, uint64_t total_bytes) {
         line.show([&] {
           return fmt::format("sent {} of {} ({:.0f} %)", human_bytes(done_bytes), human_bytes(total_bytes),
                              100 * static_cast<double>(done_bytes) / static_cast<double>(total_bytes));
         });
       }});
  if (!report && report.error().kind == ErrorKind::kRetry)
    return fatal_error(report.error().message + "; call the same again to go on from here");
  if (!report) return std::unexpected(report.error());
  print("{}: {} file{}, {}; {} of them sent now ({})\n", place.objects.where, report->files,
        report->files == 1 ? "" : "s", human_bytes(report->total_bytes), report->sent_files,
        human_bytes(report->sent_bytes));
  if (report->foreign_objects > 0)
    print("beside them {} object{} of other names, which are not of this data set\n", report->foreign_objects,
          report->foreign_objects == 1 ? "" : "s");
  print("manifest    {}\n", report->manifest_hash.hex());
  print("nodes read it with\n    --data {}\n", data_option(address, place));
  print("and a run names it with\n    --set data.manifest_hash={}\n", report->manifest_hash.hex());
  return {};
}

}  // namespace

void add_data_push_command(Verb data) {
  auto arguments = std::make_shared<PushArguments>();
  Verb push = data.add_verb("push", "Upload a prepared data set, so that nodes anywhere read it from there",
                            kPushDetails);
  push.add_options(
      {{"DIR",
        &arguments->folder,
        "The data set: a folder made by `templar data prepare`",
        {.required = true}},
       {"ADDRESS",
        &arguments->address,
        "s3://BUCKET/PREFIX?endpoint=https://HOST, or file:FOLDER",
        {.required = true}},
       {"--force", &arguments->force, "Replace another data set that is there, or send a whole one again"}});
  push.runs([arguments] { return push_data(*arguments); });
}

}  // namespace templar
