#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/run/run_files.h"
#include "app/store/store_check.h"
#include "app/store/store_folder.h"
#include "app/terminal/printable.h"
#include "app/terminal/progress_line.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/verbs/verbs.h"
#include "base/files/file.h"
#include "base/files/file_writer.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAddressHelp = "file:FOLDER or s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION";
constexpr const char* kAddresses =
    "ADDRESS is a folder, file:/data/store, or a bucket of a service that speaks S3 (Amazon, Cloudflare R2, "
    "Ceph, MinIO, Backblaze, Garage):\n"
    "    s3://my-bucket/prefix?endpoint=https://ACCOUNT.r2.cloudflarestorage.com&region=auto\n"
    "Quote it: shells take the & for their own. Settings: endpoint, region, style=virtual (the bucket's name "
    "is part of the host's), access=public (no keys are used), read-key=ID:SECRET (one that may only read). "
    "Keys that may write never stand in it: they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from "
    "AWS_PROFILE and ~/.aws/credentials, or from the machine's role.\n"
    "NAME is an object's, from the address on; in a folder it is BUCKET/KEY.";

// Somebody waits at the terminal: he hears of a server that is away after some seconds.
constexpr int kMostRetries = 4;

struct StoreArguments {
  std::string address, name, file;
  std::vector<std::string> names;
  bool as_peer = false, below = false, force = false, is_public = false;
  uint64_t sample_bytes = StoreCheckOptions().sample_bytes;
};

const SystemClock& machine_clock() {
  static const SystemClock clock;
  return clock;
}

Result<StoreFolder> open_folder(const StoreArguments& arguments) {
  catch_stop_signals();
  TRY_ASSIGN(const StoreAddress address, parse_store_address(arguments.address));
  StoreAccess access{.is_cancelled = stop_requested, .most_retries = kMostRetries};
  if (arguments.as_peer) access.peer_rules = PeerAddressRules();
  return StoreFolder::open(address, access, machine_clock());
}

// "2026-11-28 17:51:46", UTC.
std::string time_text(TimestampMs time_ms) {
  const auto time = std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(time_ms));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string moved_text(const char* verb, uint64_t done_bytes, uint64_t all_bytes) {
  const double share = all_bytes == 0 ? 1 : static_cast<double>(done_bytes) / static_cast<double>(all_bytes);
  return fmt::format("{} {} of {} ({:.0f} %)", verb, human_bytes(done_bytes), human_bytes(all_bytes),
                     share * 100);
}

Status list_store(const StoreArguments& arguments) {
  TRY_ASSIGN(const StoreFolder folder, open_folder(arguments));
  TRY_ASSIGN(const std::vector<ObjectInfo> found, folder.list(arguments.name));
  for (const ObjectInfo& info : found)
    print("{:>14}  {}  {}\n", info.size_bytes, time_text(info.stored_at_ms), printable(info.key));
  return {};
}

Status measure_store(const StoreArguments& arguments) {
  TRY_ASSIGN(const StoreFolder folder, open_folder(arguments));
  TRY_ASSIGN(const std::vector<ObjectInfo> found, folder.list(arguments.name));
  struct Total {
    uint64_t objects = 0;
    uint64_t bytes = 0;
  };
  std::map<std::string, Total> parts;
  Total all;
  for (const ObjectInfo& info : found) {
    for (Total* total : {&parts[info.key.substr(0, info.key.find('/'))], &all}) {
      ++total->objects;
      total->bytes += info.size_bytes;
    }
  }
  for (const auto& [part, total] : parts)
    print("{:>10} {:>12}  {}\n", total.objects, human_bytes(total.bytes), printable(part));
  print("{:>10} {:>12}  in all\n", all.objects, human_bytes(all.bytes));
  return {};
}

Status check_target_file(const fs::path& file, bool force) {
  TRY(refuse_own_file(file));
  if (!is_there(file) || force) return {};
  return fatal_error(file.string() + ": exists; --force replaces it");
}

Status get_object(const StoreArguments& arguments) {
  TRY(check_target_file(arguments.file, arguments.force));
  TRY_ASSIGN(const StoreFolder folder, open_folder(arguments));
  TRY(folder.info(arguments.name));
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(arguments.file));
  ProgressLine line;
  uint64_t size_bytes = 0;
  TRY(folder.get(
      arguments.name, [&](uint64_t offset, ByteView piece) { return writer.write(offset, piece); },
      [&](uint64_t done, uint64_t all) {
        size_bytes = done;
        line.show([&] { return moved_text("fetched", done, all); });
      }));
  TRY(writer.commit());
  print("{}: {}\n", arguments.file, human_bytes(size_bytes));
  return {};
}

Result<uint64_t> size_of_file(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found)
    return fatal_error(file.string() + ": there is no such file");
  if (error) return file_error(file, error.value());
  if (status.type() != fs::file_type::regular)
    return fatal_error(file.string() + ": is no file; put one after the other");
  const uint64_t size = fs::file_size(file, error);
  if (error) return file_error(file, error.value());
  return size;
}

Status put_object(const StoreArguments& arguments) {
  TRY_ASSIGN(const uint64_t size_bytes, size_of_file(arguments.file));
  std::ifstream input(arguments.file, std::ios::binary);
  if (!input) return fatal_error(arguments.file + ": can't be read");
  TRY_ASSIGN(StoreFolder folder, open_folder(arguments));
  ProgressLine line;
  TRY(folder.put(arguments.name, size_bytes, [&](const auto& sink) -> Status {
    Bytes piece(size_t{1} << 20);
    uint64_t done_bytes = 0;
    while (done_bytes < size_bytes) {
      input.read(reinterpret_cast<char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
      const auto read_bytes = static_cast<size_t>(input.gcount());
      if (read_bytes == 0) return fatal_error(arguments.file + ": became shorter while it was read");
      TRY(sink(ByteView(piece).first(read_bytes)));
      done_bytes += read_bytes;
      line.show([&] { return moved_text("sent", done_bytes, size_bytes); });
    }
    return {};
  }));
  print("{}: {}\n", arguments.name, human_bytes(size_bytes));
  return {};
}

Status remove_objects(const StoreArguments& arguments) {
  TRY_ASSIGN(StoreFolder folder, open_folder(arguments));
  std::vector<std::string> names;
  for (const std::string& name : arguments.names) {
    if (!arguments.below) {
      TRY(folder.info(name));  // nobody means to remove what isn't there
      names.push_back(name);
      continue;
    }
    TRY_ASSIGN(const std::vector<ObjectInfo> found, folder.list(name.ends_with('/') ? name : name + "/"));
    for (const ObjectInfo& info : found) names.push_back(info.key);
  }
  ProgressLine line;
  size_t removed = 0;
  for (const std::string& name : names) {
    if (const Status status = folder.remove(name); !status)
      return annotate(status.error(), fmt::format("{} of {} objects removed", removed, names.size()));
    ++removed;
    line.show([&] { return fmt::format("removed {} of {} objects", removed, names.size()); });
  }
  print("{} object{} removed\n", removed, removed == 1 ? "" : "s");
  return {};
}

Status check_address(const StoreArguments& arguments) {
  catch_stop_signals();
  TRY_ASSIGN(const StoreAddress address, parse_store_address(arguments.address));
  const StoreCheckOptions options{.sample_bytes = arguments.sample_bytes, .is_cancelled = stop_requested};
  TRY_ASSIGN(const auto found,
             check_store(address, options, machine_clock(), [](const CheckedProperty& property) {
               constexpr const char* kWords[] = {"OK", "WARN", "BAD"};
               print("{:<4}  {:<13}  {}\n", kWords[static_cast<size_t>(property.verdict)], property.name,
                     printable(property.text));
               flush_output();
             }));
  int64_t bad = 0;
  for (const CheckedProperty& property : found) bad += property.verdict == CheckVerdict::kBad ? 1 : 0;
  if (bad > 0)
    return fatal_error(
        fmt::format("{} of {} properties BAD: no node can work with this store", bad, found.size()));
  return {};
}

using StoreArgumentsPointer = std::shared_ptr<StoreArguments>;

Option address_option(const StoreArgumentsPointer& arguments) {
  return {"ADDRESS", &arguments->address, kAddressHelp, {.required = true}};
}
Option as_peer_option(const StoreArgumentsPointer& arguments) {
  return {"--as-peer", &arguments->as_peer,
          "As nodes read a peer's store: by https, from the public internet alone, without keys but the "
          "address' read key"};
}
Option prefix_option(const StoreArgumentsPointer& arguments) {
  return {"PREFIX", &arguments->name, "Only what begins so"};
}

void add_looking(Verb& store) {
  auto list = std::make_shared<StoreArguments>();
  Verb ls =
      store.add_verb("ls", "List objects: size in bytes, time (UTC) by the store's clock, name", kAddresses);
  ls.add_options({address_option(list), prefix_option(list), as_peer_option(list)});
  ls.runs([list] { return list_store(*list); });
  auto total = std::make_shared<StoreArguments>();
  Verb du = store.add_verb("du", "Number and size of objects, by the first part of their names", kAddresses);
  du.add_options({address_option(total), prefix_option(total), as_peer_option(total)});
  du.runs([total] { return measure_store(*total); });
}

void add_moving(Verb& store) {
  auto download = std::make_shared<StoreArguments>();
  Verb get = store.add_verb("get", "Fetch an object into a file, which is whole or not there", kAddresses);
  get.add_options({address_option(download),
                   {"NAME", &download->name, "The object's name", {.required = true}},
                   {"FILE", &download->file, "Where it goes", {.required = true}},
                   {"--force", &download->force, "Replace a file that is there already"},
                   as_peer_option(download)});
  get.runs([download] { return get_object(*download); });
  auto upload = std::make_shared<StoreArguments>();
  Verb put = store.add_verb("put", "Store a file as an object; one that has the name already is replaced",
                            kAddresses);
  put.add_options({address_option(upload),
                   {"NAME", &upload->name, "The object's name", {.required = true}},
                   {"FILE", &upload->file, "What is stored", {.required = true}}});
  put.runs([upload] { return put_object(*upload); });
  auto removal = std::make_shared<StoreArguments>();
  Verb rm = store.add_verb("rm", "Remove objects", kAddresses);
  rm.add_options({address_option(removal),
                  {"NAME", &removal->names, "The objects' names", {.required = true}},
                  {"--below", &removal->below, "All objects whose names begin with NAME/"}});
  rm.runs([removal] { return remove_objects(*removal); });
}

void add_check(Verb& store) {
  auto arguments = std::make_shared<StoreArguments>();
  Verb check = store.add_verb("check",
                              "Try what a node does there: write, read, list, remove; compare clocks; "
                              "measure latency and throughput; look what "
                              "others may do",
                              std::string(kAddresses) +
                                  "\nA line for each property: OK, WARN (a node works, but something is "
                                  "wrong) or BAD (exit code 1).");
  check.add_options(
      {address_option(arguments),
       {"--size",
        &arguments->sample_bytes,
        "How much goes up and down to measure the throughput, e.g. 100MB",
        {.allowed = IntegerRange{1, int64_t{1} << 30}, .shows_default = true, .is_size = true}}});
  check.runs([arguments] { return check_address(*arguments); });
}

Status make_store(const StoreArguments& arguments) {
  catch_stop_signals();
  TRY_ASSIGN(const StoreAddress address, parse_store_address(arguments.address));
  const auto* s3 = std::get_if<S3Address>(&address);
  if (s3 == nullptr) {
    print("{} needs no making: a folder is made with its first object\n", arguments.address);
    return {};
  }
  TRY(make_store_bucket(*s3, {.is_cancelled = stop_requested, .most_retries = kMostRetries},
                        arguments.is_public, machine_clock()));
  print("s3://{} is there{}\n", s3->bucket, arguments.is_public ? ", and everybody may read it" : "");
  return {};
}

void add_making(Verb& store) {
  auto arguments = std::make_shared<StoreArguments>();
  Verb make = store.add_verb("make", "Make the address' bucket, unless it is there; then `store check` it",
                             kAddresses);
  make.add_options(
      {{"ADDRESS",
        &arguments->address,
        "s3://BUCKET?endpoint=https://HOST&region=REGION",
        {.required = true}},
       {"--public", &arguments->is_public,
        "Everybody may read and list what is in it, as the nodes of a run must (Cloudflare R2 has no "
        "such policy: give its nodes a key that may only read, see --read-key-file)"}});
  make.runs([arguments] { return make_store(*arguments); });
}

}  // namespace

void add_store_command(Verb program) {
  Verb store = program.add_verb(
      "store", "Look at stores of objects, in folders and in buckets; move objects; check one");
  add_looking(store);
  add_moving(store);
  add_check(store);
  add_making(store);
}

}  // namespace templar
