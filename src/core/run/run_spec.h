// The run spec: everything that all nodes of a run must agree on. They need to agree on nothing else, and
// nothing that a node may choose for itself is in it. Its fields, their ranges and their effects are in one
// table, visit_fields() in run_spec_fields.h, which parsing, validation, the canonical form and the
// documentation (`templar run fields`) all read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace templar {

enum class Algorithm { kSparseLoco, kDemo };
// Numbers of the contribution format.
enum class Quantiser { kMean4 = 0, kBlockLog = 1, kNone = 2, kNoneBf16 = 3 };
constexpr int64_t kMaxBlockLogBins = 64;
enum class InnerOptimiser { kAdamw, kMuon };
enum class MuonScale { kSpectral, kRms };
enum class AggregationRule { kMeanAll, kMeanPresent, kMeanShrunk };

// A Llama-family decoder; the names are those of Hugging Face's config.json.
struct ModelSpec {
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t intermediate_size = 0;
  double rope_theta = 0;
  double rms_norm_eps = 0;
  bool tie_word_embeddings = false;
  double initializer_range = 0;  // standard deviation of the initial matrices
  int64_t head_dim = 0;          // elements of a head; 0: hidden_size / num_attention_heads

  // What head_dim stands for.
  [[nodiscard]] int64_t head_width() const {
    return head_dim > 0 ? head_dim : hidden_size / num_attention_heads;
  }
  // Of all query heads together: what the attention gives for a token.
  [[nodiscard]] int64_t query_width() const { return num_attention_heads * head_width(); }
  // Of all key heads, or all value heads.
  [[nodiscard]] int64_t key_value_width() const { return num_key_value_heads * head_width(); }
};

// Muon: momentum of a layer's matrix, made nearly orthogonal. Embedding, head and vectors are AdamW's.
struct MuonSpec {
  double momentum = 0.95;
  bool nesterov = true;
  int64_t newton_schulz_steps = 5;
  // kSpectral: the reference's, sqrt(max(1, rows / columns)); kRms: 0.2 sqrt(max(rows, columns)), the size of
  // AdamW's updates, so that its learning rates carry over.
  MuonScale scale = MuonScale::kRms;
  // AdamW's learning rates, as shares of the schedule's.
  double embedding_rate = 1;
  double head_rate = 1;
  double vector_rate = 1;
};

// What steers the learning rate's schedule over a long run; left as here, nothing.
struct ScheduleSpec {
  // Once it has come as far as that outer step, rewinds counted, the schedule stands still for so many of
  // them.
  int64_t flat_from_outer_step = 0;
  int64_t flat_outer_steps = 0;
  // From that outer step on its position is so many inner steps further back.
  int64_t rewind_from_outer_step = 0;
  int64_t rewind_steps = 0;
  // From that outer step on, instead of the cosine: linear up to a share of the peak, linear down to another.
  int64_t anneal_from_outer_step = 0;
  int64_t anneal_warmup_steps = 0;
  int64_t anneal_outer_steps = 0;
  double anneal_peak_factor = 1;
  double anneal_end_factor = 0;
  // So many inner steps of a miner whose moments are fresh have a smaller rate.
  int64_t restart_warmup_steps = 0;
};

// What a miner does inside a window.
struct InnerSpec {
  int64_t sequence_length = 0;  // tokens of a sample
  int64_t batch_size = 0;       // samples of an inner step
  int64_t steps = 0;            // inner steps of a window
  double learning_rate = 0;     // peak
  double beta1 = 0;
  double beta2 = 0;
  double epsilon = 0;
  double weight_decay = 0;
  double clip_grad_norm = 0;
  int64_t warmup_steps = 0;    // linear, in inner steps of the run
  int64_t schedule_steps = 0;  // inner steps until the cosine has reached its end
  double eta_min_factor = 0;   // the cosine's end as a share of the peak
  InnerOptimiser optimiser = InnerOptimiser::kAdamw;
  MuonSpec muon{};  // read only where optimiser is kMuon
  ScheduleSpec schedule{};

  [[nodiscard]] int64_t samples_per_window() const { return batch_size * steps; }
};

struct CodecSpec {
  int64_t chunk = 0;  // target edge of a tile
  int64_t topk = 0;   // values kept of each chunk
  bool use_dct = false;
  Quantiser quantiser = Quantiser::kMean4;
  int64_t quantiser_bins = 0;
  double quantiser_range_sigmas = 0;
  double error_feedback_decay = 0;  // beta of the error feedback; the momentum's decay in DeMo
};

struct OuterSpec {
  AggregationRule aggregation = AggregationRule::kMeanPresent;
  double learning_rate = 0;  // alpha; in DeMo the schedule's learning rate is used instead
};

struct NetworkSpec {
  int64_t blocks_per_window = 0;
  int64_t block_seconds = 0;
  int64_t put_window_seconds = 0;
  int64_t gather_peer_count = 0;
  int64_t reserve_peer_count = 0;
  int64_t peer_replacement_frequency = 0;
  int64_t peer_list_window_margin = 0;
  int64_t checkpoint_interval = 0;
  int64_t contribution_retention_windows = 0;
  // What the address of a node's store may be beyond a public one by https: for runs of one house.
  bool allow_http_stores = false;
  bool allow_private_stores = false;  // loopback, link-local and private networks
  // Public key of who says who counts in this run (ports/ledger.h), hexadecimal; empty: nobody yet, and no
  // ledger can be opened for it.
  std::string owner;
  // Whether the owner makes the blocks; else the validators do, one at a time.
  bool owner_keeps_time = false;
  // A leader that leaves so many closed windows undecided is lost, and another validator's turn comes.
  int64_t leader_loss_windows = 3;
  // Whether contributions are stored encrypted, and their keys published once nobody can store any more
  // (core/protocol/sealed_upload.h). A run whose spec does not say so has open ones.
  bool sealed_uploads = false;
};

// What lowers a miner's score beyond the formula: the numbers of core/scoring/rules/, where each is
// explained.
struct PenaltySpec {
  int64_t exclusion_windows = 20;
  double missing_factor = 0.75;
  double second_missing_factor = 0.5;
  double later_missing_factor = 0;
  double missing_share_limit = 0.5;
  double gather_success_limit = 0.4;
  double invalid_factor = 0;
  double out_of_sync_factor = 0.75;
  double negative_share_limit = 0.5;
  double negative_factor = 0.25;
  int64_t negatives_in_a_row = 3;
  int64_t negative_waiver_rank = 5;
  double inactivity_factor = 0.75;
  int64_t inactivity_reset_windows = 3;
  int64_t overlap_first_outer_step = 20;
  double overlap_limit = 0.4;
  double overlap_factor = 0.5;
  double overlap_reset_limit = 0.5;
  double overlap_exclusion_limit = 0.6;
  double least_final_score = 1e-4;
};

struct ScoringSpec {
  int64_t uids_per_window = 0;
  int64_t num_evaluation_bins = 0;
  int64_t evaluation_samples = 0;  // samples of each of the two loss measurements
  double eval_lr_factor = 0;
  double binary_score_alpha = 0;
  double binary_score_threshold = 0;
  int64_t binary_score_warmup_windows = 0;
  double openskill_beta = 0;
  double openskill_tau = 0;
  double missing_contribution_score = 0;
  int64_t sync_max_steps_behind = 0;
  double burn_rate = 0;
  int64_t burn_uid = 0;
  double gather_share = 0;
  double gather_top_ratio = 0;
  double reserve_decay_ratio = 0;
  int64_t windows_per_weights = 0;
  PenaltySpec penalties{};
};

struct DataSpec {
  // BLAKE2b-256 of the data set's manifest, hexadecimal; empty: any data set.
  std::string manifest_hash;
  int64_t outer_steps_per_shard = 0;  // the active shard changes this often
  int64_t reset_outer_step = 0;       // at which the shards begin again with the first; 0: never
};

// Weights that the run begins with: a checkpoint of another run, of a model of the same shape. Its windows
// and steps are not taken over.
struct BootstrapSpec {
  // Where the checkpoint lies in the store; empty: the model is initialised from the seed.
  std::string bucket;
  int64_t window = 0;      // which of the bucket's checkpoints
  std::string state_root;  // that it must have, hexadecimal
};

struct RunSpec {
  std::string name;
  uint64_t seed = 0;
  Algorithm algorithm = Algorithm::kSparseLoco;
  ModelSpec model;
  InnerSpec inner;
  CodecSpec codec;
  OuterSpec outer;
  NetworkSpec network;
  ScoringSpec scoring;
  DataSpec data;
  BootstrapSpec bootstrap;
};

// Parses and validates. Every field must be there but those of which `templar run fields` says that they may
// be left out. An unknown field, a wrong type or a value out of its range fails (fatal) and is named by its
// path ("inner.steps").
[[nodiscard]] Result<RunSpec> parse_run_spec(std::string_view json);
// The rules that join several fields (heads divide the hidden size, ...) and every field's range.
[[nodiscard]] Status validate(const RunSpec& spec);

// The canonical form: JSON without spaces, keys sorted, numbers in their shortest exact form, without the
// fields that may be left out where they have their default. Equal specs give equal text.
[[nodiscard]] std::string canonical_json(const RunSpec& spec);
// The same content for people, in the table's order, indented.
[[nodiscard]] std::string pretty_json(const RunSpec& spec);
// BLAKE2b-256 of the canonical form: the run's id.
[[nodiscard]] Hash256 run_id(const RunSpec& spec);

// A field by its path, and a text that is read as the field's type: `--set inner.steps=6`.
struct FieldChange {
  std::string path;
  std::string text;
};

// Makes all changes, one after the other, and judges the spec they lead to: in which order fields stand that
// depend on each other decides nothing. Fails (fatal) with the field's name, and leaves the spec as it was.
[[nodiscard]] Status set_fields(RunSpec& spec, const std::vector<FieldChange>& changes);

// The value of a field that there is (CHECK), as the canonical form spells it, a text without quotes: what
// set_fields() reads.
[[nodiscard]] std::string field_text(const RunSpec& spec, std::string_view path);

struct FieldDocumentation {
  std::string path;
  std::string type;   // "integer", "number", "text", "true or false", or the choices
  std::string range;  // "1 .. 1000000", or empty
  std::string effect;
  bool optional = false;  // it may be left out, and has its default then
};
[[nodiscard]] std::vector<FieldDocumentation> run_spec_fields();

// tiny, 30M, 150M, 1B, 70B. Fails (fatal) on another name and lists these.
[[nodiscard]] Result<RunSpec> preset_run_spec(std::string_view name);
[[nodiscard]] std::vector<std::string> preset_names();

}  // namespace templar
