#include "support/run_specs.h"

#include "base/check.h"

namespace templar::testing {

RunSpec small_run_spec() {
  auto spec = preset_run_spec("tiny");
  CHECK(spec.has_value());
  spec->name = "small";
  spec->model.vocab_size = 64;
  spec->model.hidden_size = 24;
  spec->model.num_hidden_layers = 2;
  spec->model.num_attention_heads = 4;
  spec->model.num_key_value_heads = 2;
  spec->model.intermediate_size = 40;
  spec->model.tie_word_embeddings = false;
  spec->inner.sequence_length = 16;
  spec->inner.batch_size = 2;
  spec->inner.steps = 2;
  spec->inner.warmup_steps = 2;
  spec->inner.schedule_steps = 40;
  spec->codec.chunk = 16;
  spec->codec.topk = 8;
  spec->scoring.evaluation_samples = 2;
  CHECK(validate(*spec).has_value());
  return *std::move(spec);
}

RunSpec scoring_run_spec() {
  RunSpec spec = small_run_spec();
  spec.network.gather_peer_count = 20;
  spec.network.reserve_peer_count = 10;
  spec.scoring.uids_per_window = 20;
  spec.scoring.num_evaluation_bins = 5;
  spec.scoring.binary_score_alpha = 0.05;
  spec.scoring.binary_score_threshold = 0.1;
  spec.scoring.binary_score_warmup_windows = 10;
  spec.scoring.openskill_beta = 7;
  spec.scoring.openskill_tau = 0.1;
  spec.scoring.missing_contribution_score = -99;
  spec.scoring.sync_max_steps_behind = 2;
  spec.scoring.burn_rate = 0;
  spec.scoring.burn_uid = 1;
  spec.scoring.gather_share = 0.75;
  spec.scoring.gather_top_ratio = 2;
  spec.scoring.reserve_decay_ratio = 0.75;
  CHECK(validate(spec).has_value());
  return spec;
}

RunSpec node_run_spec() {
  RunSpec spec = small_run_spec();
  spec.name = "nodes";
  spec.model.vocab_size = 32;
  spec.model.hidden_size = 16;
  spec.model.num_hidden_layers = 1;
  spec.model.num_attention_heads = 2;
  spec.model.num_key_value_heads = 1;
  spec.model.intermediate_size = 24;
  spec.model.tie_word_embeddings = true;
  spec.inner.sequence_length = 8;
  spec.codec.chunk = 8;
  spec.codec.topk = 4;
  spec.network = {.blocks_per_window = 5,
                  .block_seconds = 12,
                  .put_window_seconds = 12,
                  .gather_peer_count = 3,
                  .reserve_peer_count = 2,
                  .peer_replacement_frequency = 4,
                  .peer_list_window_margin = 2,
                  .checkpoint_interval = 2,
                  .contribution_retention_windows = 10};
  spec.scoring.windows_per_weights = 1;
  CHECK(validate(spec).has_value());
  return spec;
}

RunSpec demo_node_run_spec() {
  RunSpec spec = node_run_spec();
  spec.algorithm = Algorithm::kDemo;
  spec.inner.steps = 1;
  spec.codec.use_dct = true;
  spec.codec.error_feedback_decay = 0.999;
  CHECK(validate(spec).has_value());
  return spec;
}

}  // namespace templar::testing
