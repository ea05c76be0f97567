#include "core/run/run_spec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/run/parameter_layout.h"
#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/json_values.h"
#include "support/run_specs.h"

namespace templar {
namespace {

using testing::fails;
using testing::small_run_spec;

// The canonical form written by hand, and the hash of these bytes, both apart from this code.
constexpr char kFrozenCanonical[] =
    R"({"algorithm":"sparseloco","bootstrap":{"bucket":"","state_root":"","window":0},)"
    R"("codec":{"chunk":64,"error_feedback_decay":0.95,"quantiser":"mean4","quantiser_bins":4,)"
    R"("quantiser_range_sigmas":6.0,"topk":64,"use_dct":false},)"
    R"("data":{"manifest_hash":"","outer_steps_per_shard":1000},)"
    R"("inner":{"batch_size":192,"beta1":0.9,"beta2":0.95,"clip_grad_norm":1.0,"epsilon":1e-08,"eta_min_factor":0.1,)"
    R"("learning_rate":0.0002,"schedule_steps":140000,"sequence_length":2048,"steps":30,"warmup_steps":1500,)"
    R"("weight_decay":0.1},)"
    R"("model":{"hidden_size":2048,"initializer_range":0.02,"intermediate_size":8192,"num_attention_heads":16,)"
    R"("num_hidden_layers":16,"num_key_value_heads":16,"rms_norm_eps":1e-05,"rope_theta":10000.0,)"
    R"("tie_word_embeddings":false,"vocab_size":32000},)"
    R"("name":"frozen",)"
    R"("network":{"block_seconds":12,"blocks_per_window":115,"checkpoint_interval":20,)"
    R"("contribution_retention_windows":60,"gather_peer_count":20,"peer_list_window_margin":2,)"
    R"("peer_replacement_frequency":5,"put_window_seconds":70,"reserve_peer_count":10},)"
    R"("outer":{"aggregation":"mean_present","learning_rate":0.4},)"
    R"("scoring":{"binary_score_alpha":0.05,"binary_score_threshold":0.1,"binary_score_warmup_windows":10,)"
    R"("burn_rate":0.0,"burn_uid":1,"eval_lr_factor":0.2,"evaluation_samples":32,"gather_share":0.75,)"
    R"("gather_top_ratio":2.0,"missing_contribution_score":-99.0,"num_evaluation_bins":5,"openskill_beta":7.0,)"
    R"("openskill_tau":0.1,"reserve_decay_ratio":0.75,"sync_max_steps_behind":2,"uids_per_window":20,)"
    R"("windows_per_weights":3},)"
    R"("seed":18446744073709551615})";
constexpr char kFrozenRunId[] = "d9c3a36be30a5a0c3423776fa01711e43525f87d782aad93c6989598c9a43b09";

Json document_of(const RunSpec& spec) {
  return testing::parsed_json(pretty_json(spec));
}
Json part_of(Json document, const std::string& path) {
  return testing::part(document, path);
}
Result<RunSpec> parse(const Json& document) {
  return parse_run_spec(to_text(document));
}
// The small spec with one field set to something else.
Result<RunSpec> parse_with(const std::string& path, const Json& value) {
  Json document = document_of(small_run_spec());
  testing::part(document, path) = value;
  return parse(document);
}

TEST(RunSpecFuzzCorpus, IsTheFrozenSpec) {
  const ByteView frozen = as_bytes(std::string_view(kFrozenCanonical));
  testing::expect_fuzz_corpus("run_spec_fuzz", {{"frozen", Bytes(frozen.begin(), frozen.end())}});
}

TEST(RunSpec, HasAFrozenCanonicalFormAndId) {
  const auto spec = parse_run_spec(kFrozenCanonical);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(canonical_json(*spec), kFrozenCanonical);
  EXPECT_EQ(run_id(*spec).hex(), kFrozenRunId);
  EXPECT_EQ(spec->seed, UINT64_MAX);
  EXPECT_EQ(spec->inner.epsilon, 1e-8);
}

TEST(RunSpec, ReadsBackWhatItWritesForEveryPreset) {
  ASSERT_GE(preset_names().size(), 4u);
  for (const std::string& name : preset_names()) {
    const auto preset = preset_run_spec(name);
    ASSERT_TRUE(preset && validate(*preset)) << name;
    EXPECT_EQ(preset->name, name);
    for (const std::string& text : {pretty_json(*preset), canonical_json(*preset)}) {
      const auto again = parse_run_spec(text);
      ASSERT_TRUE(again) << name << ": " << again.error().message;
      EXPECT_EQ(canonical_json(*again), canonical_json(*preset));
    }
  }
}

TEST(RunSpec, HasAnotherIdForEachChangeOfEachField) {
  RunSpec spec = small_run_spec();
  spec.bootstrap = {.bucket = "other-run", .window = 1, .state_root = std::string(64, 'b')};
  std::set<std::string> ids = {run_id(spec).hex()};
  for (const FieldDocumentation& field : run_spec_fields()) {
    Json document = document_of(spec);
    Json& value = testing::part(document, field.path);
    for (const Json& candidate :
         {Json(value.number().value_or(0) * 0.5), Json(true), Json(false),
          Json(value.integer().value_or(-1) + 1), Json(value.integer().value_or(0) * 2), Json("demo"),
          Json("mean_all"), Json("block_log"), Json("mean4"), Json("muon"), Json("spectral"),
          Json(std::string(64, 'a')), Json(0.25), Json(0.55), Json(1), Json(5), Json(12), Json(20)}) {
      if (candidate == value || (value.number() && candidate.number() == value.number())) continue;
      Json changed = document;
      testing::part(changed, field.path) = candidate;
      if (field.path == "algorithm") testing::part(changed, "inner.steps") = 1;
      const auto parsed = parse(changed);
      if (!parsed) continue;
      EXPECT_TRUE(ids.insert(run_id(*parsed).hex()).second) << field.path;
      break;
    }
  }
  // The spec's own id and one for each field.
  EXPECT_EQ(ids.size(), 1 + run_spec_fields().size());
}

TEST(RunSpec, IsNotParsedWithAFieldMissing) {
  for (const FieldDocumentation& field : run_spec_fields()) {
    if (field.optional) continue;
    Json document = document_of(small_run_spec());
    testing::erase_part(document, field.path);
    EXPECT_TRUE(fails(parse(document), ErrorKind::kFatal, "run spec: " + field.path + ": missing"));
  }
}

// So specs and runs from before these fields came are still read, and keep their ids.
TEST(RunSpec, HasTheDefaultOfAnOptionalFieldThatIsLeftOut) {
  RunSpec muon = small_run_spec();
  muon.inner.optimiser = InnerOptimiser::kMuon;
  muon.inner.muon = {.momentum = 0.5,
                     .nesterov = false,
                     .newton_schulz_steps = 3,
                     .scale = MuonScale::kSpectral,
                     .embedding_rate = 2,
                     .head_rate = 3,
                     .vector_rate = 4};
  size_t optional = 0;
  for (const FieldDocumentation& field : run_spec_fields()) {
    if (!field.optional) continue;
    ++optional;
    Json document = document_of(muon);
    testing::erase_part(document, field.path);
    const auto parsed = parse(document);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_EQ(part_of(document_of(*parsed), field.path), part_of(document_of(RunSpec()), field.path));
    EXPECT_EQ(canonical_json(*parsed).find('"' + field.path.substr(field.path.find('.') + 1) + '"'),
              std::string::npos);
  }
  EXPECT_EQ(optional, 46);
  EXPECT_EQ(canonical_json(parse_run_spec(canonical_json(muon)).value()), canonical_json(muon));
}

// What the reference system's hparams.json, 150M.json and 1B.json say.
TEST(Presets, HaveTheReferencesNumbers) {
  const RunSpec spec = preset_run_spec("1B").value();
  EXPECT_EQ(spec.model.num_attention_heads, 8);
  EXPECT_EQ(spec.model.num_key_value_heads, 8);
  EXPECT_EQ(preset_run_spec("150M").value().model.num_attention_heads, 16);
  EXPECT_TRUE(preset_run_spec("70B").value().model.tie_word_embeddings);
  EXPECT_EQ(spec.inner.learning_rate, 1.17e-4);
  EXPECT_EQ(spec.network.checkpoint_interval, 10);
  EXPECT_EQ(spec.network.peer_replacement_frequency, 2);
  EXPECT_EQ(spec.network.peer_list_window_margin, 1);
  EXPECT_EQ(spec.scoring.reserve_decay_ratio, 0.5);
  EXPECT_EQ(spec.data.outer_steps_per_shard, 455);
}

TEST(RunSpec, TakesHeadsThatDoNotFillTheHiddenSize) {
  Json document = document_of(small_run_spec());
  testing::part(document, "model.hidden_size") = 25;
  testing::part(document, "model.head_dim") = 8;
  const RunSpec spec = parse(document).value();
  EXPECT_EQ(spec.model.head_width(), 8);
  const ParameterLayout layout = parameter_layout(spec.model);
  EXPECT_EQ(layout[1].shape, (std::vector<int64_t>{8 * spec.model.num_attention_heads, 25}))
      << layout[1].name;
  EXPECT_EQ(layout[4].shape, (std::vector<int64_t>{25, 8 * spec.model.num_attention_heads}))
      << layout[4].name;
  EXPECT_EQ(spec.model.query_width() + 2 * spec.model.key_value_width(),
            layout[1].shape[0] + layout[2].shape[0] + layout[3].shape[0]);
}

TEST(RunSpec, RefusesMuonInDemo) {
  RunSpec spec = small_run_spec();
  spec.algorithm = Algorithm::kDemo;
  spec.inner.steps = 1;
  ASSERT_TRUE(validate(spec));
  spec.inner.optimiser = InnerOptimiser::kMuon;
  EXPECT_TRUE(
      fails(validate(spec), ErrorKind::kFatal, "inner.optimiser: must be adamw where algorithm is demo"));
}

TEST(RunSpec, IsNotParsedWithAFieldOfAnotherType) {
  for (const FieldDocumentation& field : run_spec_fields()) {
    for (const Json& wrong : {Json(nullptr), Json(JsonList{1}), Json("no such choice")}) {
      if (field.type == "text" && wrong.text() != nullptr) continue;
      EXPECT_TRUE(
          fails(parse_with(field.path, wrong), ErrorKind::kFatal, "run spec: " + field.path + ": must be"))
          << to_text(wrong);
    }
    if (field.type == "integer") {
      EXPECT_TRUE(fails(parse_with(field.path, 1.5), ErrorKind::kFatal, field.path + ": must be an integer"));
    }
    if (field.type == "text") {
      EXPECT_TRUE(fails(parse_with(field.path, 7), ErrorKind::kFatal, field.path + ": must be text"));
    }
  }
}

TEST(RunSpec, IsNotParsedWithANumberOutOfItsRange) {
  size_t tried = 0;
  for (const FieldDocumentation& field : run_spec_fields()) {
    const size_t dots = field.range.find(" .. ");
    if (dots == std::string::npos || field.path == "seed") continue;
    const double lowest = std::stod(field.range.substr(0, dots));
    const double highest = std::stod(field.range.substr(dots + 4));
    ASSERT_LT(lowest, highest) << field.path;
    const bool integer = field.type == "integer";
    const auto json = [&](double value) { return integer ? Json(static_cast<int64_t>(value)) : Json(value); };
    for (const double outside : {lowest - (integer ? 1 : 1e-9), highest + std::max(1.0, highest)}) {
      const auto parsed = parse_with(field.path, json(outside));
      EXPECT_TRUE(fails(parsed, ErrorKind::kFatal, "run spec: " + field.path + ": "));
      EXPECT_TRUE(fails(parsed, ErrorKind::kFatal, "is out of range"));
    }
    ++tried;
  }
  EXPECT_GT(tried, 40u);
}

TEST(RunSpec, RefusesIntegersThatDoNotFit) {
  EXPECT_TRUE(
      fails(parse_with("inner.steps", UINT64_MAX), ErrorKind::kFatal, "inner.steps: must be an integer"));
  EXPECT_TRUE(fails(parse_with("seed", -1), ErrorKind::kFatal, "seed: must be an integer from 0"));
  EXPECT_TRUE(fails(parse_with("seed", 1e30), ErrorKind::kFatal, "seed: must be an integer from 0"));
}

TEST(RunSpec, NamesAFieldThatItDoesNotKnow) {
  Json document = document_of(small_run_spec());
  testing::part(document, "inner.stepz") = 3;
  EXPECT_TRUE(fails(parse(document), ErrorKind::kFatal, "run spec: inner.stepz: unknown field"));
  document = document_of(small_run_spec());
  testing::part(document, "colour") = "red";
  EXPECT_TRUE(fails(parse(document), ErrorKind::kFatal, "run spec: colour: unknown field"));
  document = document_of(small_run_spec());
  testing::part(document, "extra") = JsonObject{{"field", 1}};
  EXPECT_TRUE(fails(parse(document), ErrorKind::kFatal, "run spec: extra: unknown field"));
}

TEST(RunSpec, RefusesWhatIsNoObject) {
  for (const char* text : {"", "{", "[]", "3", "null", "{\"name\":\"\xff\"}", "{} {}", "{\"a\":1e999}"})
    EXPECT_TRUE(fails(parse_run_spec(text), ErrorKind::kFatal, "run spec: ")) << text;
  Json document = document_of(small_run_spec());
  testing::part(document, "inner") = JsonList{};
  EXPECT_TRUE(fails(parse(document), ErrorKind::kFatal, "run spec: inner"));
}

struct JoinedRule {
  const char* name;
  std::vector<std::pair<const char*, Json>> changes;
  const char* says;
};

class RunSpecRules : public ::testing::TestWithParam<JoinedRule> {};

TEST_P(RunSpecRules, AreKept) {
  Json document = document_of(small_run_spec());
  for (const auto& [path, value] : GetParam().changes) testing::part(document, path) = value;
  EXPECT_TRUE(fails(parse(document), ErrorKind::kFatal, GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Joined, RunSpecRules,
    ::testing::Values(
        JoinedRule{"HeadsDivideTheHiddenSize",
                   {{"model.hidden_size", 25}},
                   "model.num_attention_heads: 4 does not divide model.hidden_size 25"},
        JoinedRule{"HeadsAreEven",
                   {{"model.hidden_size", 20}},
                   "model.num_attention_heads: gives heads of 5 elements"},
        JoinedRule{"OwnHeadsAreEven", {{"model.head_dim", 7}}, "model.head_dim: gives heads of 7 elements"},
        JoinedRule{"KeyValueHeadsDivideTheHeads",
                   {{"model.num_key_value_heads", 3}},
                   "model.num_key_value_heads: 3 does not divide model.num_attention_heads 4"},
        JoinedRule{"ANameIsThere", {{"name", ""}}, "name: must not be empty"},
        JoinedRule{"ANameIsShort", {{"name", std::string(257, 'x')}}, "name: longer than 256 bytes"},
        JoinedRule{"WarmUpEndsInTheSchedule",
                   {{"inner.warmup_steps", 41}},
                   "inner.warmup_steps: 41 is more than inner.schedule_steps 40"},
        JoinedRule{
            "DemoHasOneInnerStep", {{"algorithm", "demo"}}, "inner.steps: must be 1 where algorithm is demo"},
        JoinedRule{"BinsAreEven", {{"codec.quantiser_bins", 5}}, "codec.quantiser_bins: must be even"},
        JoinedRule{"ContributionsOutliveACheckpoint",
                   {{"network.checkpoint_interval", 20}, {"network.contribution_retention_windows", 20}},
                   "network.contribution_retention_windows: must be more than"},
        JoinedRule{"PeerListsDoNotOvertakeEachOther",
                   {{"network.peer_replacement_frequency", 2}, {"network.peer_list_window_margin", 3}},
                   "network.peer_list_window_margin: must be at most"},
        JoinedRule{
            "OverlapIsPunishedFirst", {{"scoring.overlap_limit", 0.55}}, "scoring.overlap_limit: must be at"},
        JoinedRule{"OverlapExcludesLast",
                   {{"scoring.overlap_reset_limit", 0.65}},
                   "scoring.overlap_reset_limit: must be at most"},
        JoinedRule{"KeysHaveTime",
                   {{"network.put_window_seconds", 1}},
                   "network.put_window_seconds: must be at least 2 where"},
        JoinedRule{"TheOwnerIsAKey", {{"network.owner", "abc"}}, "network.owner: must be empty or 64"},
        JoinedRule{"TheManifestHashIsOne",
                   {{"data.manifest_hash", "abc"}},
                   "data.manifest_hash: must be empty or 64"},
        JoinedRule{"TheBootstrapHasABucket",
                   {{"bootstrap.window", 3}},
                   "bootstrap.bucket: must be given where another"},
        JoinedRule{
            "TheBootstrapHasARoot", {{"bootstrap.bucket", "other-run"}}, "bootstrap.state_root: must be 64"}),
    [](const auto& rule) { return rule.param.name; });

Status set_field(RunSpec& spec, const std::string& path, const std::string& text) {
  return set_fields(spec, {{path, text}});
}

TEST(RunSpec, ChangesOneFieldByItsPath) {
  RunSpec spec = small_run_spec();
  ASSERT_TRUE(set_field(spec, "inner.steps", "6"));
  EXPECT_EQ(spec.inner.steps, 6);
  ASSERT_TRUE(set_field(spec, "outer.learning_rate", "0.25"));
  EXPECT_EQ(spec.outer.learning_rate, 0.25);
  ASSERT_TRUE(set_field(spec, "codec.use_dct", "true"));
  EXPECT_TRUE(spec.codec.use_dct);
  ASSERT_TRUE(set_field(spec, "outer.aggregation", "mean_all"));
  EXPECT_EQ(spec.outer.aggregation, AggregationRule::kMeanAll);
  ASSERT_TRUE(set_field(spec, "seed", "18446744073709551615"));
  EXPECT_EQ(spec.seed, UINT64_MAX);
  ASSERT_TRUE(set_field(spec, "name", "17"));
  EXPECT_EQ(spec.name, "17") << "a text field takes digits as text";
}

TEST(RunSpec, StaysAsItIsWhereAChangeIsRefused) {
  RunSpec spec = small_run_spec();
  const std::string before = canonical_json(spec);
  EXPECT_TRUE(
      fails(set_field(spec, "inner.steps", "0"), ErrorKind::kFatal, "inner.steps: 0 is out of range"));
  EXPECT_TRUE(
      fails(set_field(spec, "inner.steps", "many"), ErrorKind::kFatal, "inner.steps: must be an integer"));
  EXPECT_TRUE(fails(set_field(spec, "inner.learning_rate", "1e999"), ErrorKind::kFatal, "must be a number"));
  EXPECT_TRUE(
      fails(set_field(spec, "algorithm", "sgd"), ErrorKind::kFatal, "must be one of sparseloco | demo"));
  EXPECT_TRUE(fails(set_field(spec, "name", "\xff"), ErrorKind::kFatal, "name: must be UTF-8"));
  EXPECT_TRUE(fails(set_field(spec, "inner.steps", "\xff"), ErrorKind::kFatal, "inner.steps: must be UTF-8"));
  EXPECT_EQ(canonical_json(spec), before);
}

TEST(RunSpec, RefusesAPathThatIsNoField) {
  RunSpec spec = small_run_spec();
  for (const char* path :
       {"", "inner", "inner.", ".steps", "inner.stepz", "steps", "inner/steps", "inner.steps.x", "a~b", "/"})
    EXPECT_TRUE(fails(set_field(spec, path, "6"), ErrorKind::kFatal, "unknown field")) << path;
}

TEST(RunSpec, DocumentsEveryFieldOnce) {
  std::set<std::string> paths;
  for (const FieldDocumentation& field : run_spec_fields()) {
    EXPECT_TRUE(paths.insert(field.path).second) << field.path;
    EXPECT_GT(field.effect.size(), 10u) << field.path;
    EXPECT_FALSE(field.type.empty()) << field.path;
    EXPECT_EQ(field.range.empty(), field.type != "integer" && field.type != "number") << field.path;
  }
  size_t fields = 0;
  const Json document = document_of(small_run_spec());
  for (const JsonMember& member : *document.object())
    fields += member.value.object() != nullptr ? member.value.size() : 1;
  EXPECT_EQ(paths.size(), fields) << "a field of the spec is not in the table, or the other way round";
}

TEST(Presets, AreKnownByName) {
  EXPECT_TRUE(fails(preset_run_spec("2B"), ErrorKind::kFatal,
                    "no preset is named '2B'; there are tiny, 30M, 150M, 1B, 70B"));
  EXPECT_EQ(preset_names(), (std::vector<std::string>{"tiny", "30M", "150M", "1B", "70B"}));
}

// Heads divide the hidden size, the warm-up is no longer than the schedule.
TEST(RunSpecFields, ThatDependOnEachOtherMayBeSetInAnyOrder) {
  const std::vector<std::vector<FieldChange>> pairs = {
      {{"model.hidden_size", "48"}, {"model.num_attention_heads", "6"}},
      {{"inner.warmup_steps", "90000"}, {"inner.schedule_steps", "100000"}},
      {{"algorithm", "demo"}, {"inner.steps", "1"}},
      {{"network.checkpoint_interval", "500"}, {"network.contribution_retention_windows", "501"}},
      {{"bootstrap.bucket", "b"}, {"bootstrap.state_root", std::string(64, 'a')}}};
  for (const std::vector<FieldChange>& pair : pairs) {
    RunSpec forward = preset_run_spec("tiny").value();
    RunSpec backward = forward;
    EXPECT_TRUE(set_fields(forward, pair)) << pair[0].path;
    EXPECT_TRUE(set_fields(backward, {pair[1], pair[0]})) << pair[0].path;
    EXPECT_EQ(canonical_json(forward), canonical_json(backward)) << pair[0].path;
  }
}

TEST(RunSpecFields, AreLeftAsTheyWereWhereTogetherTheyAreWrong) {
  RunSpec spec = preset_run_spec("tiny").value();
  const std::string before = canonical_json(spec);
  EXPECT_TRUE(fails(
      set_fields(spec, {{"inner.steps", "7"}, {"inner.warmup_steps", "11"}, {"inner.schedule_steps", "10"}}),
      ErrorKind::kFatal, "inner.warmup_steps: 11 is more than inner.schedule_steps 10"));
  EXPECT_TRUE(fails(set_fields(spec, {{"inner.steps", "7"}, {"inner.stepz", "7"}}), ErrorKind::kFatal,
                    "inner.stepz: unknown field"));
  EXPECT_EQ(canonical_json(spec), before);
}

TEST(RunSpecFields, TakeTheLastOfTwoChanges) {
  RunSpec spec = preset_run_spec("tiny").value();
  EXPECT_TRUE(
      set_fields(spec, {{"inner.steps", "many"}, {"inner.steps", "7"}, {"name", "1"}, {"name", "2"}}));
  EXPECT_EQ(spec.inner.steps, 7);
  EXPECT_EQ(spec.name, "2");
}

}  // namespace
}  // namespace templar
