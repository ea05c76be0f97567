// `templar generate` and `templar tokenize`: a trained model and its tokenizer, tried by hand.
#pragma once

namespace CLI {
class App;
}

namespace templar {

// Each adds its verb. When it has run, exit_code holds its result: 0; 1 with the reason on standard error;
// 130 interrupted, what was generated until then having been printed.
void add_generate_command(CLI::App& root, int& exit_code);
void add_tokenize_command(CLI::App& root, int& exit_code);

}  // namespace templar
