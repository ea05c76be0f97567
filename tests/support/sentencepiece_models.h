// SentencePiece models of other kinds than those that are trained here. A test that includes this links
// SentencePiece.
#pragma once

#include <sentencepiece_trainer.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"

namespace templar::testing {

class SentenceList final : public sentencepiece::SentenceIterator {
 public:
  explicit SentenceList(const std::vector<std::string>& sentences) : sentences_(sentences) {}
  [[nodiscard]] bool done() const override { return next_ == sentences_.size(); }
  [[nodiscard]] const std::string& value() const override { return sentences_[next_]; }
  [[nodiscard]] sentencepiece::util::Status status() const override { return {}; }
  void Next() override { ++next_; }

 private:
  const std::vector<std::string>& sentences_;
  size_t next_ = 0;
};

// As most published ones are: Unicode is normalised (NFKC), white space taken together, a space put before
// each text; bytes where a character is not in the vocabulary. `type` is bpe or unigram.
inline Bytes normalising_model(const std::string& type = "bpe",
                               const std::unordered_map<std::string, std::string>& more = {}) {
  const std::vector<std::string> words = {"gather", "window", "miner", "state", "root",
                                          "outer",  "step",   "loss",  "codec", "chunk"};
  std::vector<std::string> sentences;
  for (size_t i = 0; i < 2000; ++i) {
    sentences.push_back(words[i % 10] + " " + words[i / 10 % 10] + std::to_string(i) + " " +
                        words[i / 7 % 10]);
  }
  std::unordered_map<std::string, std::string> settings = {
      {"model_type", type},      {"vocab_size", "400"},
      {"byte_fallback", "true"}, {"normalization_rule_name", "nmt_nfkc"},
      {"num_threads", "1"},      {"minloglevel", "3"}};
  settings.insert(more.begin(), more.end());
  SentenceList list(sentences);
  std::string model;
  CHECK(sentencepiece::SentencePieceTrainer::Train(settings, &list, &model).ok());
  const ByteView bytes = as_bytes(model);
  return {bytes.begin(), bytes.end()};
}

}  // namespace templar::testing
