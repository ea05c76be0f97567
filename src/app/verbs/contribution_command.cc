// `templar contribution inspect`.
#include <fmt/format.h>

#include <cmath>

#include "app/terminal/standard_output.h"
#include "app/verbs/verbs.h"
#include "base/files/file.h"
#include "core/protocol/contribution.h"

namespace templar {
namespace {

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

Status inspect(const std::string& file) {
  TRY_ASSIGN(const Bytes bytes, read_file(file, kMaxContributionBytes));
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
  Verb show = contributions.add_verb(
      "inspect", "Show a contribution's header and blocks and check its hash and signature");
  show.add_options({{"FILE",
                     file.get(),
                     "A contribution, e.g. out/store/node-.../contributions/0000000003",
                     {.required = true}}});
  show.runs([file] { return inspect(*file); });
}

}  // namespace templar
