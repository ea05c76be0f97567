// Any bytes as a SentencePiece model: either refused, or a vocabulary whose roles are pieces of it.
#include "base/check.h"
#include "formats/sentencepiece/sentencepiece_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace templar;
  const auto model = parse_sentencepiece_model({data, size});
  if (!model) return 0;
  CHECK(!model->pieces.empty() && model->pieces.size() <= size);
  for (const SentencePiece& piece : model->pieces) CHECK(!piece.text.empty());
  for (const auto& role : {model->unknown, model->begin, model->end, model->padding}) {
    CHECK(!role || *role < model->pieces.size());
  }
  return 0;
}
