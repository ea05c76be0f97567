#include "formats/sentencepiece/sentencepiece_model.h"

#include <fmt/format.h>

#include <bit>
#include <functional>
#include <unordered_map>

#include "formats/sentencepiece/protobuf_reader.h"

namespace templar {
namespace {

// Field numbers of sentencepiece_model.proto.
enum ModelField : uint32_t { kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3 };
enum PieceField : uint32_t { kPiece = 1, kScore = 2, kType = 3 };
enum TrainerField : uint32_t {
  kModelType = 3,
  kWhitespaceAsSuffix = 24,
  kByteFallback = 35,
  kUnknownPiece = 45,
  kBeginPiece = 46,
  kEndPiece = 47,
  kPaddingPiece = 48
};
enum NormalizerField : uint32_t {
  kCharsMap = 2,
  kAddDummyPrefix = 3,
  kRemoveExtraWhitespaces = 4,
  kEscapeWhitespaces = 5
};

// The texts of the pieces that have a role, the format's defaults at first.
struct RolePieces {
  std::string unknown = "<unk>";
  std::string begin = "<s>";
  std::string end = "</s>";
  std::string padding = "<pad>";
};

using FieldReader = std::function<Status(const ProtobufField&)>;

Status for_each_field(ByteView message, const std::string& name, const FieldReader& read) {
  ProtobufReader reader(message);
  while (true) {
    auto field = reader.next();
    if (!field) return annotate(std::move(field).error(), name);
    if (!*field) return {};
    if (Status status = read(**field); !status)
      return annotate(std::move(status).error(), fmt::format("{}, field {}", name, (*field)->number));
  }
}

Status expect(const ProtobufField& field, WireType type) {
  if (field.type == type) return {};
  return skip_error(
      fmt::format("wire type {}, not {}", static_cast<uint32_t>(field.type), static_cast<uint32_t>(type)));
}

Status read_flag(const ProtobufField& field, bool& flag) {
  TRY(expect(field, WireType::kVarint));
  flag = field.value != 0;
  return {};
}

Status read_text(const ProtobufField& field, std::string& text) {
  TRY(expect(field, WireType::kBytes));
  text = as_text(field.bytes);
  return {};
}

Result<SentencePiece> read_piece(ByteView message, size_t index) {
  SentencePiece piece;
  TRY(for_each_field(message, fmt::format("piece {}", index), [&](const ProtobufField& field) -> Status {
    switch (field.number) {
      case kPiece:
        return read_text(field, piece.text);
      case kScore:
        TRY(expect(field, WireType::kFixed32));
        piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
        return {};
      case kType:
        TRY(expect(field, WireType::kVarint));
        if (field.value < 1 || field.value > 6)
          return skip_error(fmt::format("unknown type {}", field.value));
        piece.type = static_cast<PieceType>(field.value);
        return {};
      default:
        return {};
    }
  }));
  if (piece.text.empty()) return skip_error(fmt::format("piece {}: empty", index));
  return piece;
}

Status read_trainer(ByteView message, SentencePieceModel& model, RolePieces& roles) {
  return for_each_field(message, "trainer_spec", [&](const ProtobufField& field) -> Status {
    switch (field.number) {
      case kModelType:
        TRY(expect(field, WireType::kVarint));
        if (field.value < 1 || field.value > 4)
          return skip_error(fmt::format("unknown model type {}", field.value));
        model.algorithm = static_cast<SentencePieceAlgorithm>(field.value);
        return {};
      case kWhitespaceAsSuffix:
        return read_flag(field, model.whitespace_as_suffix);
      case kByteFallback:
        return read_flag(field, model.byte_fallback);
      case kUnknownPiece:
        return read_text(field, roles.unknown);
      case kBeginPiece:
        return read_text(field, roles.begin);
      case kEndPiece:
        return read_text(field, roles.end);
      case kPaddingPiece:
        return read_text(field, roles.padding);
      default:
        return {};
    }
  });
}

Status read_normalizer(ByteView message, SentencePieceModel& model) {
  return for_each_field(message, "normalizer_spec", [&](const ProtobufField& field) -> Status {
    switch (field.number) {
      case kCharsMap:
        TRY(expect(field, WireType::kBytes));
        model.has_normalisation = !field.bytes.empty();
        return {};
      case kAddDummyPrefix:
        return read_flag(field, model.add_dummy_prefix);
      case kRemoveExtraWhitespaces:
        return read_flag(field, model.remove_extra_whitespaces);
      case kEscapeWhitespaces:
        return read_flag(field, model.escape_whitespaces);
      default:
        return {};
    }
  });
}

Status assign_roles(SentencePieceModel& model, const RolePieces& roles) {
  std::unordered_map<std::string_view, uint32_t> ids;
  for (uint32_t id = 0; id < model.pieces.size(); ++id) {
    const auto [found, is_new] = ids.try_emplace(model.pieces[id].text, id);
    if (!is_new) return skip_error(fmt::format("pieces {} and {} are the same", found->second, id));
  }
  const auto find = [&](const std::string& text, PieceType type) -> std::optional<uint32_t> {
    const auto found = ids.find(text);
    if (found == ids.end() || model.pieces[found->second].type != type) return std::nullopt;
    return found->second;
  };
  model.unknown = find(roles.unknown, PieceType::kUnknown);
  model.begin = find(roles.begin, PieceType::kControl);
  model.end = find(roles.end, PieceType::kControl);
  model.padding = find(roles.padding, PieceType::kControl);
  return {};
}

}  // namespace

Result<SentencePieceModel> parse_sentencepiece_model(ByteView file) {
  SentencePieceModel model;
  RolePieces roles;
  TRY(for_each_field(file, "model", [&](const ProtobufField& field) -> Status {
    if (field.number > kNormalizerSpec) return {};
    TRY(expect(field, WireType::kBytes));
    if (field.number == kTrainerSpec) return read_trainer(field.bytes, model, roles);
    if (field.number == kNormalizerSpec) return read_normalizer(field.bytes, model);
    TRY_ASSIGN(SentencePiece piece, read_piece(field.bytes, model.pieces.size()));
    model.pieces.push_back(std::move(piece));
    return {};
  }));
  if (model.pieces.empty()) return skip_error("model: no pieces");
  TRY(assign_roles(model, roles));
  return model;
}

}  // namespace templar
