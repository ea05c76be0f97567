// The table of the run spec's fields, once: a visitor is called for each field with its path, its place, its
// range and its effect. Internal to the run spec's own files.
#pragma once

#include <array>
#include <limits>

#include "core/run/run_spec.h"

namespace templar {

// A value of an enum, and how run specs spell it.
template <typename Enum>
struct NamedValue {
  Enum value;
  const char* name;
};

inline constexpr std::array kAlgorithmChoices{NamedValue{Algorithm::kSparseLoco, "sparseloco"},
                                              NamedValue{Algorithm::kDemo, "demo"}};
inline constexpr std::array kQuantiserChoices{
    NamedValue{Quantiser::kMean4, "mean4"}, NamedValue{Quantiser::kBlockLog, "block_log"},
    NamedValue{Quantiser::kNone, "none"}, NamedValue{Quantiser::kNoneBf16, "none_bf16"}};
inline constexpr std::array kOptimiserChoices{NamedValue{InnerOptimiser::kAdamw, "adamw"},
                                              NamedValue{InnerOptimiser::kMuon, "muon"}};
inline constexpr std::array kMuonScaleChoices{NamedValue{MuonScale::kSpectral, "spectral"},
                                              NamedValue{MuonScale::kRms, "rms"}};
inline constexpr std::array kAggregationChoices{NamedValue{AggregationRule::kMeanAll, "mean_all"},
                                                NamedValue{AggregationRule::kMeanPresent, "mean_present"},
                                                NamedValue{AggregationRule::kMeanShrunk, "mean_shrunk"}};

// Spec is RunSpec or const RunSpec. The visitor has integer(), number(), flag(), text() and choice(), and
// begin_optional(), after which come fields that may be left out.
template <typename Spec, typename Visitor>
void visit_run_fields(Spec& s, Visitor& v) {
  v.text("name", s.name, "What people call the run; part of its id");
  v.seed("seed", s.seed, "Initial model, sample assignment and every drawn lot follow from it");
  v.choice(
      "algorithm", s.algorithm, kAlgorithmChoices,
      "sparseloco: several local optimiser steps a window, error feedback, outer SGD; demo: one gradient a "
      "window, decoupled "
      "momentum, sign step");
}

template <typename Spec, typename Visitor>
void visit_model_fields(Spec& s, Visitor& v) {
  v.integer("model.vocab_size", s.model.vocab_size, 2, 1 << 22, "Token ids are 0 to vocab_size - 1");
  v.integer("model.hidden_size", s.model.hidden_size, 1, 1 << 17, "Width of the residual stream");
  v.integer("model.num_hidden_layers", s.model.num_hidden_layers, 1, 1024, "Decoder layers");
  v.integer("model.num_attention_heads", s.model.num_attention_heads, 1, 1024,
            "Query heads; divides hidden_size where model.head_dim is 0");
  v.integer("model.num_key_value_heads", s.model.num_key_value_heads, 1, 1024,
            "Key and value heads, shared by groups of query heads; divides num_attention_heads");
  v.integer("model.intermediate_size", s.model.intermediate_size, 1, 1 << 19,
            "Width inside the SwiGLU block");
  v.number("model.rope_theta", s.model.rope_theta, 1, 1e9, "Base of the rotary embedding's wavelengths");
  v.number("model.rms_norm_eps", s.model.rms_norm_eps, 1e-12, 1e-2,
           "Added to the mean square before its root");
  v.flag("model.tie_word_embeddings", s.model.tie_word_embeddings, "The head uses the embedding's matrix");
  v.number("model.initializer_range", s.model.initializer_range, 1e-6, 1,
           "Standard deviation of the initial matrices");
}

template <typename Spec, typename Visitor>
void visit_inner_fields(Spec& s, Visitor& v) {
  v.integer("inner.sequence_length", s.inner.sequence_length, 2, 1 << 20, "Tokens of a sample");
  v.integer("inner.batch_size", s.inner.batch_size, 1, 1 << 20, "Samples of an inner step");
  v.integer("inner.steps", s.inner.steps, 1, 100000, "Inner steps of a window (1 in demo)");
  v.number("inner.learning_rate", s.inner.learning_rate, 1e-9, 10,
           "Peak learning rate of the inner optimiser");
  v.number("inner.beta1", s.inner.beta1, 0, 0.999999, "AdamW: decay of the first moment");
  v.number("inner.beta2", s.inner.beta2, 0, 0.9999999, "AdamW: decay of the second moment");
  v.number("inner.epsilon", s.inner.epsilon, 1e-16, 1, "AdamW: added to the root of the second moment");
  v.number("inner.weight_decay", s.inner.weight_decay, 0, 10,
           "Decoupled weight decay, times the learning rate");
  v.number("inner.clip_grad_norm", s.inner.clip_grad_norm, 1e-6, 1e9,
           "Gradients longer than this are scaled down to it");
  v.integer("inner.warmup_steps", s.inner.warmup_steps, 0, 1000000000, "Inner steps of linear warm-up");
  v.integer("inner.schedule_steps", s.inner.schedule_steps, 1, 1000000000,
            "Inner step at which the cosine ends");
  v.number("inner.eta_min_factor", s.inner.eta_min_factor, 0, 1,
           "Learning rate at the cosine's end, as a share of the peak");
}

template <typename Spec, typename Visitor>
void visit_exchange_fields(Spec& s, Visitor& v) {
  v.integer("codec.chunk", s.codec.chunk, 1, 256,
            "Target edge of a tile: its sides are the largest divisors up to this");
  v.integer("codec.topk", s.codec.topk, 2, 1 << 24, "Values kept of each chunk");
  v.flag("codec.use_dct", s.codec.use_dct, "Tiles are sent in DCT-II coefficients");
  v.choice("codec.quantiser", s.codec.quantiser, kQuantiserChoices,
           "mean4: a codebook for each parameter; block_log: a scale for each chunk, magnitudes in steps of "
           "a quarter; none, none_bf16: the values themselves, in f32 or bf16");
  v.integer("codec.quantiser_bins", s.codec.quantiser_bins, 2, 256, "Codes of mean4 or block_log; even");
  v.number("codec.quantiser_range_sigmas", s.codec.quantiser_range_sigmas, 0.1, 100,
           "mean4: width of the range in standard deviations");
  v.number("codec.error_feedback_decay", s.codec.error_feedback_decay, 0, 1,
           "What is kept of the error feedback (of the momentum, in demo) each window");
  v.choice("outer.aggregation", s.outer.aggregation, kAggregationChoices,
           "mean_all: a coefficient's sum over all contributors, divided by their number; mean_present: by "
           "the number that sent it; "
           "mean_shrunk: by the root of the two numbers' product");
  v.number("outer.learning_rate", s.outer.learning_rate, 1e-9, 100,
           "Share of the aggregated pseudo-gradient that a window applies (demo uses the inner schedule's "
           "rate instead)");
}

template <typename Spec, typename Visitor>
void visit_network_fields(Spec& s, Visitor& v) {
  auto& n = s.network;
  v.integer("network.blocks_per_window", n.blocks_per_window, 1, 1000000, "Blocks of the ledger in a window");
  v.integer("network.block_seconds", n.block_seconds, 1, 100000, "Time between blocks");
  v.integer(
      "network.put_window_seconds", n.put_window_seconds, 0, 1000000,
      "A contribution counts if stored before this time after the next window's first block is over. Where "
      "uploads are sealed its key counts so long, the upload before that block alone; at least 2 then");
  v.integer("network.gather_peer_count", n.gather_peer_count, 1, 100000,
            "Contributions that a window takes in");
  v.integer("network.reserve_peer_count", n.reserve_peer_count, 0, 100000,
            "Peers that fill holes in the gather, in order");
  v.integer("network.peer_replacement_frequency", n.peer_replacement_frequency, 1, 1000000,
            "Windows between two replacements of the peer list");
  v.integer("network.peer_list_window_margin", n.peer_list_window_margin, 1, 1000,
            "Windows between a new peer list's making and its taking effect");
  v.integer("network.checkpoint_interval", n.checkpoint_interval, 1, 1000000,
            "Windows between two checkpoints of a validator");
  v.integer("network.contribution_retention_windows", n.contribution_retention_windows, 2, 10000000,
            "Windows that a miner keeps its contributions for, so that others can catch up");
}

template <typename Spec, typename Visitor>
void visit_scoring_fields(Spec& s, Visitor& v) {
  auto& c = s.scoring;
  v.integer("scoring.uids_per_window", c.uids_per_window, 1, 100000,
            "Miners whose contribution a validator measures a window");
  v.integer("scoring.num_evaluation_bins", c.num_evaluation_bins, 1, 1000,
            "Rating bins from which the sample is drawn");
  v.integer("scoring.evaluation_samples", c.evaluation_samples, 1, 1 << 20,
            "Samples of each loss measurement");
  v.number("scoring.eval_lr_factor", c.eval_lr_factor, 1e-6, 100,
           "A contribution is measured at this share of outer.learning_rate");
  v.number("scoring.binary_score_alpha", c.binary_score_alpha, 0, 1,
           "Weight of the newest indicator in its moving average");
  v.number("scoring.binary_score_threshold", c.binary_score_threshold, 0, 1,
           "A moving average below this counts as 0");
  v.integer("scoring.binary_score_warmup_windows", c.binary_score_warmup_windows, 0, 1000000,
            "Windows before the threshold holds");
  v.number("scoring.openskill_beta", c.openskill_beta, 1e-3, 1000, "Rating: performance's own spread");
  v.number("scoring.openskill_tau", c.openskill_tau, 0, 100, "Rating: uncertainty added each round");
  v.number("scoring.missing_contribution_score", c.missing_contribution_score, -1e6, 0,
           "With what a missing or invalid contribution enters the rating");
  v.integer("scoring.sync_max_steps_behind", c.sync_max_steps_behind, 0, 100,
            "Beyond this the final score is cut");
  v.number("scoring.burn_rate", c.burn_rate, 0, 1, "Share of the weight that goes to burn_uid");
  v.integer("scoring.burn_uid", c.burn_uid, 0, 1 << 20, "Who gets what is burnt");
  v.number("scoring.gather_share", c.gather_share, 0, 1,
           "The gather peers' share of the rest; the reserve gets what is left");
  v.number("scoring.gather_top_ratio", c.gather_top_ratio, 1, 1000,
           "Weight of the first gather peer relative to the last");
  v.number("scoring.reserve_decay_ratio", c.reserve_decay_ratio, 0, 1,
           "Weight of each reserve peer relative to the one before");
  v.integer("scoring.windows_per_weights", c.windows_per_weights, 1, 1000000,
            "Windows between two settings of the weights");
}

template <typename Spec, typename Visitor>
void visit_data_fields(Spec& s, Visitor& v) {
  v.text("data.manifest_hash", s.data.manifest_hash,
         "BLAKE2b-256 of the data set's manifest, so that all train on the same; empty: not checked");
  v.integer("data.outer_steps_per_shard", s.data.outer_steps_per_shard, 1, 1000000000,
            "Outer steps before the next shard");
}

template <typename Spec, typename Visitor>
void visit_bootstrap_fields(Spec& s, Visitor& v) {
  v.text("bootstrap.bucket", s.bootstrap.bucket,
         "Bucket with a checkpoint of another run whose weights this run begins with; empty: initialised "
         "from the seed");
  v.integer("bootstrap.window", s.bootstrap.window, 0, 9999999999, "Which of the bucket's checkpoints");
  v.text("bootstrap.state_root", s.bootstrap.state_root, "The state root that its model must have");
}

// Fields that were added after runs existed. A run spec without them has RunSpec's defaults, and keeps its
// id.
template <typename Spec, typename Visitor>
void visit_optional_fields(Spec& s, Visitor& v) {
  v.begin_optional();
  v.choice("inner.optimiser", s.inner.optimiser, kOptimiserChoices,
           "adamw; muon: the layers' matrices are updated by momentum made orthogonal, the rest by adamw");
  v.number("inner.muon_momentum", s.inner.muon.momentum, 0, 0.999999, "Muon: decay of the momentum");
  v.flag("inner.muon_nesterov", s.inner.muon.nesterov, "Muon: looks one step ahead along the momentum");
  v.integer("inner.muon_steps", s.inner.muon.newton_schulz_steps, 1, 100, "Muon: Newton-Schulz steps");
  v.choice(
      "inner.muon_scale", s.inner.muon.scale, kMuonScaleChoices,
      "Muon: spectral: an update of sqrt(max(1, rows/columns)) times the rate; rms: of the size of adamw's, "
      "whose rates carry over");
  v.number("inner.muon_embedding_rate", s.inner.muon.embedding_rate, 0, 1000,
           "With Muon: the embedding's adamw rate as a share of the schedule's");
  v.number("inner.muon_head_rate", s.inner.muon.head_rate, 0, 1000, "The same of a head that is not tied");
  v.number("inner.muon_vector_rate", s.inner.muon.vector_rate, 0, 1000, "The same of the norms' vectors");
  auto& schedule = s.inner.schedule;
  v.integer("inner.flat_from_outer_step", schedule.flat_from_outer_step, 0, 1000000000,
            "Where the schedule stands still for flat_outer_steps, in outer steps of it; goes on behind it");
  v.integer("inner.flat_outer_steps", schedule.flat_outer_steps, 0, 1000000000,
            "Outer steps for which it stands still; 0: none");
  v.integer("inner.rewind_from_outer_step", schedule.rewind_from_outer_step, 0, 1000000000,
            "From this outer step on the schedule is rewind_steps further back");
  v.integer("inner.rewind_steps", schedule.rewind_steps, 0, 1000000000,
            "Inner steps that it is set back by; 0: none");
  v.integer("inner.anneal_from_outer_step", schedule.anneal_from_outer_step, 0, 1000000000,
            "From this outer step on the rate is annealed, whatever the cosine says; 0: never");
  v.integer("inner.anneal_warmup_steps", schedule.anneal_warmup_steps, 0, 1000000000,
            "Annealing: inner steps from 0 up to its peak");
  v.integer("inner.anneal_outer_steps", schedule.anneal_outer_steps, 0, 1000000000,
            "Annealing: outer steps of linear decay after that; 0: it stays at its peak");
  v.number("inner.anneal_peak_factor", schedule.anneal_peak_factor, 0, 1,
           "Annealing: its peak as a share of inner.learning_rate");
  v.number("inner.anneal_end_factor", schedule.anneal_end_factor, 0, 1,
           "Annealing: the rate at the decay's end, and after it, likewise");
  v.integer("inner.restart_warmup_steps", schedule.restart_warmup_steps, 0, 1000000000,
            "A miner with fresh moments raises its rate linearly over so many inner steps of its own");
  v.integer("data.reset_outer_step", s.data.reset_outer_step, 0, 1000000000,
            "Outer step at which the shards begin again with the first; 0: never");
  v.integer("model.head_dim", s.model.head_dim, 0, 1 << 16,
            "Elements of a head, even; 0: hidden_size / num_attention_heads");
  v.flag("network.allow_http_stores", s.network.allow_http_stores,
         "Nodes may register stores that are spoken to without encryption");
  v.flag("network.allow_private_stores", s.network.allow_private_stores,
         "Nodes may register stores in private networks, and on the machine itself");
  v.text(
      "network.owner", s.network.owner,
      "Public key of the run's owner, who says which validators count and with what stake; empty: none yet");
  v.flag("network.owner_keeps_time", s.network.owner_keeps_time,
         "The owner makes the ledger's blocks, as in a localnet; else the validators do, one at a time");
  v.integer("network.leader_loss_windows", s.network.leader_loss_windows, 1, 1000000,
            "Closed windows that a leader may leave undecided before another validator's turn comes");
  v.flag(
      "network.sealed_uploads", s.network.sealed_uploads,
      "A contribution is stored encrypted before its window is over, and its key in the put window: nobody "
      "can copy what it reads");
}

// Added after runs existed, as those above.
template <typename Spec, typename Visitor>
void visit_penalty_fields(Spec& s, Visitor& v) {
  auto& p = s.scoring.penalties;
  v.integer("scoring.exclusion_windows", p.exclusion_windows, 0, 1000000,
            "For so many windows a miner gets no weight where a rule excludes it, and is gathered only where "
            "nobody "
            "else is left");
  v.number("scoring.missing_factor", p.missing_factor, 0, 1,
           "What one missing contribution leaves of final score and moving average");
  v.number("scoring.second_missing_factor", p.second_missing_factor, 0, 1, "The same of the second in a row");
  v.number("scoring.later_missing_factor", p.later_missing_factor, 0, 1, "The same from the third on");
  v.number("scoring.missing_share_limit", p.missing_share_limit, 0, 2,
           "Missing in this share of its last 8 gathers or more, a miner starts afresh and is excluded");
  v.number("scoring.gather_success_limit", p.gather_success_limit, 0, 1,
           "Accepted in less than this share of its last 8 gathers, a miner has no score");
  v.number("scoring.invalid_factor", p.invalid_factor, 0, 1,
           "What an invalid contribution leaves of the final score");
  v.number("scoring.out_of_sync_factor", p.out_of_sync_factor, 0, 1,
           "What being more than sync_max_steps_behind behind leaves of final score and moving average");
  v.number("scoring.negative_share_limit", p.negative_share_limit, 0, 1,
           "More than this share of a miner's last 8 gradient scores below 0: negative_factor");
  v.number("scoring.negative_factor", p.negative_factor, 0, 1, "What that leaves of score and average");
  v.integer("scoring.negatives_in_a_row", p.negatives_in_a_row, 1, 8,
            "So many gradient scores below 0 in a row exclude a miner until one that is not");
  v.integer("scoring.negative_waiver_rank", p.negative_waiver_rank, 1, 100000,
            "While the gradient score of this rank is below 0 too, nobody is punished for his own");
  v.number("scoring.inactivity_factor", p.inactivity_factor, 0, 1,
           "What a window without anything in time leaves of the score of a miner that is not gathered");
  v.integer("scoring.inactivity_reset_windows", p.inactivity_reset_windows, 0, 1000000,
            "After more such windows in a row than this a miner starts afresh");
  v.integer("scoring.overlap_first_outer_step", p.overlap_first_outer_step, 0, 1000000000,
            "Outer steps before copies are looked for: at first all miners say the same");
  v.number("scoring.overlap_limit", p.overlap_limit, 0, 2,
           "Overlap of two contributions' indices from which the later one is punished by overlap_factor");
  v.number("scoring.overlap_factor", p.overlap_factor, 0, 1, "What that leaves of score and average");
  v.number("scoring.overlap_reset_limit", p.overlap_reset_limit, 0, 2,
           "Overlap from which its miner starts afresh");
  v.number("scoring.overlap_exclusion_limit", p.overlap_exclusion_limit, 0, 2,
           "Overlap from which its miner is excluded too");
  v.number("scoring.least_final_score", p.least_final_score, 0, 1000, "A final score below this counts as 0");
}

template <typename Spec, typename Visitor>
void visit_fields(Spec& spec, Visitor& visitor) {
  visit_run_fields(spec, visitor);
  visit_model_fields(spec, visitor);
  visit_inner_fields(spec, visitor);
  visit_exchange_fields(spec, visitor);
  visit_network_fields(spec, visitor);
  visit_scoring_fields(spec, visitor);
  visit_data_fields(spec, visitor);
  visit_bootstrap_fields(spec, visitor);
  visit_optional_fields(spec, visitor);
  visit_penalty_fields(spec, visitor);
}

}  // namespace templar
