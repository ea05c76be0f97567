// What a SentencePiece model file says, as far as another program needs it to make the same tokens. The file
// is a protocol buffer, message ModelProto of SentencePiece's sentencepiece_model.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace templar {

// Numbers of the format, which GGUF shares.
enum class PieceType : int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct SentencePiece {
  std::string text;  // "▁" (U+2581) stands for a space
  float score = 0;
  PieceType type = PieceType::kNormal;
};

// Numbers of the format.
enum class SentencePieceAlgorithm : int32_t { kUnigram = 1, kBpe = 2, kWord = 3, kCharacter = 4 };

struct SentencePieceModel {
  std::vector<SentencePiece> pieces;  // the token's id is the index
  SentencePieceAlgorithm algorithm = SentencePieceAlgorithm::kUnigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  bool has_normalisation = false;  // rules that change characters before anything else
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  // The pieces of these roles; nullopt if the model has none.
  std::optional<uint32_t> unknown, begin, end, padding;
};

// Fails (skip), naming what is wrong, on bytes that are no such message, fields of another wire type than
// theirs, unknown types, and pieces that are empty or occur twice. Fields that are not needed are passed
// over.
[[nodiscard]] Result<SentencePieceModel> parse_sentencepiece_model(ByteView file);

}  // namespace templar
