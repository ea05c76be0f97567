// The steps before and after the model in tokenizer.json.
#pragma once

#include "base/json/json_fields.h"
#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {

// Append the steps of an object with a "type"; those of a Sequence one after the other. Fail (fatal), by the
// path of the field, on a step that is not known or has fields that are not.
[[nodiscard]] Status read_normalizer(JsonFields fields, std::vector<TokenizerJson::Normalizer>& steps);
[[nodiscard]] Status read_pre_tokenizer(JsonFields fields, std::vector<TokenizerJson::PreTokenizer>& steps);
[[nodiscard]] Status read_decoder(JsonFields fields, std::vector<TokenizerJson::Decoder>& steps);

}  // namespace templar
