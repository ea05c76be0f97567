// How fast multiple-choice questions are scored, and what sharing beginnings gives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace templar {

// Questions as a task has them, in tokens.
struct QuestionShape {
  std::string name;
  int64_t examples = 0;  // tokens that stand before all questions
  int64_t context = 0;   // of a question, by half more or less
  int64_t choice = 0;    // likewise
  int64_t choices = 4;
};
// What a tokenizer of 32,000 tokens makes of ARC, HellaSwag and MMLU with five examples, about.
[[nodiscard]] std::vector<QuestionShape> common_question_shapes();

struct EvaluateBenchOptions {
  ModelSpec model;
  int64_t sequence = 1024;
  int threads = 2;
  Precision precision = Precision::kF32;
  int64_t micro_batch = 8;
  int64_t questions = 32;
  int rounds = 3;
};

// Seconds for all questions, the best of the rounds.
struct EvaluateBenchReport {
  QuestionShape shape;
  double choice_by_choice = 0;      // one call a choice
  double question_by_question = 0;  // one call for a question's choices
  double together = 0;              // one call
  double largest_difference = 0;    // between choice_by_choice and together, of a log-probability [nats]
};

// The same random questions in all three ways. Fails as the engine does.
[[nodiscard]] Result<EvaluateBenchReport> run_evaluate_bench(const EvaluateBenchOptions& options,
                                                             const QuestionShape& shape);

}  // namespace templar
