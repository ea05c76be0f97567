#include "ports/measurement_names.h"

#include <gtest/gtest.h>

#include <set>

#include "support/measurement_forms.h"

namespace templar::testing {
namespace {

TEST(MeasurementNames, NameEachMeasurementAndEachOfItsFieldsOnce) {
  std::set<std::string_view> names;
  for (const MeasurementForm& form : kMeasurements) {
    EXPECT_TRUE(names.insert(form.name).second) << form.name;
    EXPECT_FALSE(form.meaning.empty()) << form.name;
    std::set<std::pair<std::string_view, bool>> fields;
    for (const FieldForm& field : form.fields) {
      EXPECT_TRUE(fields.emplace(field.name, field.kind == FieldKind::kTag).second)
          << form.name << ": " << field.name;
      EXPECT_FALSE(field.meaning.empty()) << form.name << ": " << field.name;
    }
  }
}

TEST(MeasurementNames, GiveAFieldOneKindInAllMeasurements) {
  std::map<std::string_view, FieldKind> kinds;
  for (const MeasurementForm& form : kMeasurements) {
    for (const FieldForm& field : form.fields) {
      if (field.kind == FieldKind::kTag) continue;
      const auto [first, is_new] = kinds.emplace(field.name, field.kind);
      EXPECT_EQ(first->second, field.kind) << form.name << ": " << field.name;
    }
  }
}

TEST(MeasurementNames, AreFoundByName) {
  ASSERT_NE(find_measurement("training_step_v2"), nullptr);
  EXPECT_EQ(find_measurement("training_step_v2")->name, "training_step_v2");
  EXPECT_EQ(find_measurement("training_step"), nullptr);
  EXPECT_TRUE(is_measurement_field("loss"));
  EXPECT_FALSE(is_measurement_field("eval_uid")) << "that is a tag";
  EXPECT_TRUE(is_window_phase("catch_up"));
  EXPECT_FALSE(is_window_phase("sleep"));
}

TEST(MeasurementNames, TellWhatDoesNotFit) {
  for (const MeasurementForm& form : kMeasurements)
    EXPECT_EQ(misfits_of(filled_measurement(form)), "") << form.name;
  Measurement wrong = filled_measurement(*find_measurement("baseline_metrics"));
  wrong.fields.erase("tokens");
  wrong.fields["loss"] = int64_t{2};
  wrong.fields["lost"] = 2.0;
  wrong.tags["host"] = "x";
  EXPECT_EQ(misfits_of(wrong),
            "baseline_metrics: loss is of another kind than listed; "
            "baseline_metrics: lost is not listed as a field; "
            "baseline_metrics: host is not listed as a tag; "
            "baseline_metrics: tokens is missing; ");
}

}  // namespace
}  // namespace templar::testing
