// `templar contribution inspect`.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "app/terminal/standard_output.h"
#include "app/verbs/verbs.h"
#include "base/files/file.h"
#include "core/protocol/contribution.h"
#include "core/protocol/sealed_upload.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxContributionBytes = size_t{1} << 34;

void print_header(const ContributionSummary& summary) {
  const ContributionHeader& header = summary.header;
  print("contribution version {}, {} bytes\n", summary.version, summary.size_bytes);
  print("  run              {}\n", header.run_id.hex());
  print("  window           {}\n", header.window);
  print("  uid              {}\n", header.uid);
  print("  public key       {}\n", header.public_key.hex());
  print("  state root       {}\n", header.state_root.hex());
  print("  possession proof {}\n", header.possession_proof.hex());
  print("  samples          {}, digest {}\n", header.samples.count, to_hex(header.samples.digest));
  print("  inner steps      {}\n", header.inner_steps);
  print("  codec            {}, {} bins{}\n", summary.codec_id, summary.bins, summary.use_dct ? ", DCT" : "");
  print("  content hash     {}  {}\n", summary.content_hash.hex(), summary.hash_ok ? "fits" : "DOES NOT FIT");
  print("  signature        {}\n", summary.signature_ok ? "good" : "BAD");
}

void print_blocks(const ContributionSummary& summary) {
  print("\n  {:>5} {:>9} {:>7} {:>6} {:>10} {:>12} {:>9}\n", "block", "chunks", "tile", "kept", "norm",
        "bytes", "bits/value");
  int64_t kept = 0;
  for (size_t i = 0; i < summary.blocks.size(); ++i) {
    const BlockSummary& block = summary.blocks[i];
    const int64_t values = block.plan.kept_total();
    kept += values;
    print("  {:>5} {:>9} {:>7} {:>6} {:>10.4g} {:>12} {:>9.2f}\n", i, block.plan.chunk_count(),
          fmt::format("{}x{}", block.plan.tile_rows, block.plan.tile_columns), block.plan.kept, block.norm,
          block.size_bytes, 8.0 * static_cast<double>(block.size_bytes) / static_cast<double>(values));
  }
  print("  {} values in {} blocks, {:.2f} bits a value with all headers\n", kept, summary.blocks.size(),
        8.0 * static_cast<double>(summary.size_bytes) / static_cast<double>(std::max<int64_t>(1, kept)));
}

void print_upload(const UploadHeader& header, size_t size_bytes) {
  print("sealed upload version {}, {} bytes\n", kUploadVersion, size_bytes);
  print("  run              {}\n", header.run_id.hex());
  print("  window           {}\n", header.window);
  print("  uid              {}\n", header.uid);
  print("  public key       {}\n", header.public_key.hex());
  print("  content hash     {}\n", header.content_hash.hex());
  print("  key hash         {}\n", header.key_hash.hex());
  print("  signature        good\n");
}

// The contribution in it; nullopt where there is no key yet. key_file: empty: where the miner's bucket has
// it.
Result<std::optional<Bytes>> open_sealed(const Bytes& upload, const fs::path& file, fs::path key_file) {
  TRY_ASSIGN(const UploadHeader header, parse_upload_header(upload));
  if (std::cmp_not_equal(upload.size(), upload_size(header.size_bytes))) {
    return fatal_error(fmt::format("{} bytes, the upload of {} has {}", upload.size(), header.size_bytes,
                                   upload_size(header.size_bytes)));
  }
  print_upload(header, upload.size());
  if (key_file.empty()) {
    key_file = file.parent_path().parent_path() / "keys" / file.filename();
    std::error_code unknown;
    if (!fs::exists(key_file, unknown)) {
      print("  key              none at {}: what is sealed can't be seen\n", key_file.string());
      return std::nullopt;
    }
  }
  TRY_ASSIGN(const Bytes published, read_file(key_file, kUploadKeyBytes));
  CipherKey key;
  if (published.size() != key.bytes.size())
    return fatal_error(fmt::format("the key has {} bytes instead of {}", published.size(), key.bytes.size()));
  std::ranges::copy(published, key.bytes.begin());
  TRY_ASSIGN(Bytes content, open_whole_upload(upload, key));
  print("  key              fits\n\n");
  return content;
}

Status inspect(const std::string& file, const std::string& key_file) {
  TRY_ASSIGN(Bytes bytes, read_file(file, kMaxContributionBytes));
  if (is_sealed_upload(bytes)) {
    auto content = open_sealed(bytes, file, key_file);
    if (!content) return annotate(content.error(), file);
    if (!*content) return {};
    bytes = **std::move(content);
  }
  const auto summary = inspect_contribution(bytes);
  if (!summary) return annotate(summary.error(), file);
  print_header(*summary);
  print_blocks(*summary);
  if (!summary->body_error.empty()) return fatal_error(file + ": " + summary->body_error);
  if (!summary->hash_ok) return fatal_error(file + ": the content was changed: it does not fit its hash");
  if (!summary->signature_ok) return fatal_error(file + ": the signature is not the public key's");
  return {};
}

}  // namespace

void add_contribution_command(Verb program) {
  Verb contributions = program.add_verb("contribution", "Look at what miners publish");
  auto file = std::make_shared<std::string>();
  auto key_file = std::make_shared<std::string>();
  Verb show = contributions.add_verb(
      "inspect", "Show a contribution's header and blocks and check its hash and signature");
  show.add_options(
      {{"FILE",
        file.get(),
        "A contribution, sealed or open, e.g. out/store/node-.../contributions/0000000003",
        {.required = true}},
       {"--key", key_file.get(), "The key of a sealed one; without it keys/NUMBER beside its folder"}});
  show.runs([file, key_file] { return inspect(*file, *key_file); });
}

}  // namespace templar
