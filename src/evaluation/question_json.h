// One line of a task's file. Internal to question.cc.
#pragma once

#include <string_view>

#include "base/result.h"
#include "evaluation/question.h"

namespace templar {

// Fails (fatal), saying what is wrong with the line.
[[nodiscard]] Result<Question> parse_question(TaskKind kind, std::string_view line);

// HellaSwag's own cleaning: marks of the WikiHow part in square brackets go, "[title]" becomes a full stop.
[[nodiscard]] std::string without_wikihow_marks(std::string_view text);

}  // namespace templar
