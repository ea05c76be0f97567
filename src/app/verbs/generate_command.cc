#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "app/terminal/printable.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/terminal.h"
#include "app/terminal/text_stream.h"
#include "app/verbs/verbs.h"
#include "app/world/checkpoint_model.h"
#include "app/world/checkpoint_places.h"
#include "app/world/precision_option.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "base/threads/processors.h"

namespace templar {
namespace {

constexpr int kMostThreads = 1024;
constexpr size_t kMaxPromptBytes = size_t{64} << 20;

struct GenerateOptions {
  std::string place, prompt, prompt_file;
  GenerationOptions generation;
  Precision precision = Precision::kF32;
  int threads = 1;
  bool ignore_end = false;
  bool tokens = false;
  bool json = false;
};

Result<OpenedModel> open_at(const std::string& place) {
  ProgressLine line;
  return open_model(place, progress_on(line, "checked"));
}

// Where generated tokens go, in the form that was asked for.
class Printer {
 public:
  Printer(const GenerateOptions& options, const Tokenizer& tokenizer, std::span<const uint32_t> prompt)
      : options_(options), tokenizer_(tokenizer), stream_(tokenizer, prompt) {
    json_["prompt_tokens"] = std::vector<uint32_t>(prompt.begin(), prompt.end());
    json_["tokens"] = JsonList();
  }

  void write(const GeneratedToken& token) {
    if (options_.json) {
      json_["tokens"].push_back(JsonObject{{"id", token.id}, {"log_probability", token.log_probability}});
      ids_.push_back(token.id);
    } else if (options_.tokens) {
      const std::string text = tokenizer_.decode({&token.id, 1});
      print("{:>8} {:>10.4f}  {}\n", token.id, token.log_probability, to_text(text));
    } else {
      write_text(stream_.append(token.id));
    }
    flush_output();
  }

  void finish() {
    if (options_.json) {
      json_["text"] = tokenizer_.decode(ids_);
      print("{}\n", to_text(json_));
    } else if (!options_.tokens) {
      write_text(stream_.finish() + "\n");
    }
    flush_output();
  }

 private:
  // A terminal must not be commanded by what a model writes; a file gets the bytes as they are.
  void write_text(const std::string& text) const {
    const std::string shown = is_terminal_ ? printable(text) : text;
    print_text(shown);
  }

  const GenerateOptions& options_;
  const Tokenizer& tokenizer_;
  TextStream stream_;
  Json json_;
  std::vector<uint32_t> ids_;
  const bool is_terminal_ = terminal_at(STDOUT_FILENO).is_terminal;
};

std::string read_standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

Result<std::string> read_text(const std::string& file) {
  if (file == "-") return read_standard_input();
  TRY_ASSIGN(const Bytes content, read_file(file, kMaxPromptBytes));
  return std::string(as_text(content));
}

// Without a prompt a document begins: what stands between two documents comes before it.
Result<std::vector<uint32_t>> prompt_tokens(const GenerateOptions& options, const Tokenizer& tokenizer) {
  std::string text = options.prompt;
  if (!options.prompt_file.empty()) {
    TRY_ASSIGN(text, read_text(options.prompt_file));
  }
  std::vector<uint32_t> tokens = tokenizer.encode(text);
  if (tokens.empty()) tokens.push_back(tokenizer.separator_id());
  return tokens;
}

Status run_generate(const GenerateOptions& options) {
  catch_stop_signals();
  TRY_ASSIGN(const OpenedModel model, open_at(options.place));
  TRY_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, make_checkpoint_tokenizer(model.source));
  TRY_ASSIGN(const std::vector<uint32_t> prompt, prompt_tokens(options, *tokenizer));
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, make_model_engine(model, {.threads = options.threads,
                                                                             .precision = options.precision,
                                                                             .micro_batch = 1,
                                                                             .use = EngineUse::kEvaluating}));
  Printer printer(options, *tokenizer, prompt);
  TRY(engine->generate_each(prompt, options.generation, [&](const GeneratedToken& token) {
    if (token.id == tokenizer->separator_id() && !options.ignore_end) return false;
    printer.write(token);
    return !stop_requested();
  }));
  printer.finish();
  return {};
}

Status run_tokenize(const std::string& place, const std::string& file) {
  catch_stop_signals();
  TRY_ASSIGN(const OpenedModel model, open_at(place));
  TRY_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, make_checkpoint_tokenizer(model.source));
  TRY_ASSIGN(const std::string text, read_text(file));
  std::string_view rest = text;
  while (!rest.empty() && !stop_requested()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    print("{}\n", to_text(tokenizer->encode(rest.substr(0, end))));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

constexpr const char* kGenerateDetails =
    "The text appears as it is generated, until the model ends the document, the token limit, or Ctrl-C.\n"
    "Examples: templar generate demo-out --prompt '#include <'\n"
    "          templar generate my-run --prompt-file beginning.txt --temperature 0 --json";

int default_threads() {
  return std::min(available_processors(), kMostThreads);
}

OptionTable sampling_options(GenerationOptions& options) {
  return {{"--max-new-tokens",
           &options.max_new_tokens,
           "Stop after this many tokens",
           {.allowed = IntegerRange{0, int64_t{1} << 40}, .shows_default = true}},
          {"--temperature",
           &options.temperature,
           "Below 1: keeps to what is probable; 0: always the most probable token",
           {.allowed = RealRange{0, 1e6}, .shows_default = true}},
          {"--top-k",
           &options.top_k,
           "Choose among the k most probable tokens only; 0: among all",
           {.allowed = IntegerRange{0, int64_t{1} << 40}, .shows_default = true}},
          {"--seed",
           &options.seed,
           "The same seed, prompt and model give the same text",
           {.shows_default = true}}};
}

}  // namespace

void add_generate_command(Verb program) {
  auto options = std::make_shared<GenerateOptions>();
  options->threads = default_threads();
  Verb verb = program.add_verb("generate", "Let a trained model continue a text", kGenerateDetails);
  verb.add_options({{"CHECKPOINT", &options->place, kModelPlaceHelp, {.required = true}},
                    {"--prompt", &options->prompt, "The text's beginning (default: none, a new document)"},
                    {"--prompt-file",
                     &options->prompt_file,
                     "A file with it, or - for standard input",
                     {.excludes = "--prompt"}}});
  verb.add_options(sampling_options(options->generation));
  verb.add_options(
      {{"--ignore-end", &options->ignore_end, "Go on where the model ends the document"},
       {"--tokens", &options->tokens,
        "A line for each token: its id, its log-probability (natural, of the model itself: at temperature 1, "
        "among all) and its text"},
       {"--json",
        &options->json,
        "At the end, one JSON object: prompt_tokens, tokens (id and log_probability each), text",
        {.excludes = "--tokens"}},
       precision_option(options->precision),
       {"--threads",
        &options->threads,
        "Threads",
        {.allowed = IntegerRange{1, 1024}, .shows_default = true}}});
  verb.runs([options] { return run_generate(*options); });
}

void add_tokenize_command(Verb program) {
  struct Arguments {
    std::string place;
    std::string file = "-";
  };
  auto arguments = std::make_shared<Arguments>();
  Verb verb = program.add_verb(
      "tokenize",
      "Show the tokens of a text: for each line the ids that a checkpoint's tokenizer makes of it");
  verb.add_options(
      {{"CHECKPOINT", &arguments->place, kModelPlaceHelp, {.required = true}},
       {"FILE", &arguments->file, "The text, or - for standard input", {.shows_default = true}}});
  verb.runs([arguments] { return run_tokenize(arguments->place, arguments->file); });
}

}  // namespace templar
