"""Checks a Hugging Face directory of a Llama model by the formats' public descriptions alone:
  safetensors  https://huggingface.co/docs/safetensors, "Format"
  config.json  transformers' LlamaConfig; names and shapes of the parameters as LlamaForCausalLM has them
  the index    https://huggingface.co/docs/transformers, "Sharding checkpoints"
  tokenizer    tokenizer.json (byte-level BPE) or tokenizer.model
check_directory.py FOLDER EXACT: the values must be those of the folder EXACT, of the type F32, rounded to nearest, ties to even.
"""
import json
import math
import os
import struct
import sys

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def need(holds, what):
    if not holds:
        sys.exit(f"{sys.argv[1]}: {what}")


def no_duplicates(pairs):
    need(len({key for key, _ in pairs}) == len(pairs), "a key occurs twice")
    return dict(pairs)


def read_safetensors(path):
    """Name -> (dtype, shape, bytes)."""
    content = open(path, "rb").read()
    (size,) = struct.unpack("<Q", content[:8])
    need(size <= 100_000_000 and 8 + size <= len(content), f"{path}: header of {size} bytes")
    header_text = content[8:8 + size].decode("utf-8")
    need(header_text.startswith("{"), f"{path}: header begins with {header_text[:1]!r}")
    header = json.loads(header_text, object_pairs_hook=no_duplicates)
    metadata = header.pop("__metadata__", {})
    need(all(isinstance(value, str) for value in metadata.values()), f"{path}: metadata is not text to text")
    need(metadata.get("format") == "pt", f"{path}: transformers wants the metadata format=pt")
    data, tensors, spans = content[8 + size:], {}, []
    for name, entry in header.items():
        need(set(entry) == {"dtype", "shape", "data_offsets"}, f"{path}: {name} has the keys {set(entry)}")
        begin, end = entry["data_offsets"]
        need(end - begin == math.prod(entry["shape"]) * SIZES[entry["dtype"]], f"{path}: {name} has {end - begin} bytes")
        spans.append((begin, end))
        tensors[name] = (entry["dtype"], entry["shape"], data[begin:end])
    position = 0
    for begin, end in sorted(spans):
        need(begin == position, f"{path}: a hole or an overlap at byte {position}")
        position = end
    need(position == len(data), f"{path}: {len(data)} bytes of data, the tensors have {position}")
    return tensors


def read_model(folder):
    index_path = os.path.join(folder, "model.safetensors.index.json")
    if not os.path.exists(index_path):
        return read_safetensors(os.path.join(folder, "model.safetensors"))
    index = json.load(open(index_path))
    tensors = {}
    files = sorted(set(index["weight_map"].values()))
    for i, file in enumerate(files):
        need(file == f"model-{i + 1:05}-of-{len(files):05}.safetensors", f"a shard is called {file}")
        for name, tensor in read_safetensors(os.path.join(folder, file)).items():
            need(index["weight_map"].get(name) == file, f"the index has {name} elsewhere than in {file}")
            tensors[name] = tensor
    need(set(tensors) == set(index["weight_map"]), "the index names parameters that are in no file")
    need(index["metadata"]["total_size"] == sum(len(data) for _, _, data in tensors.values()), "total_size")
    return tensors


def llama_parameters(config):
    hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    head_dim = config.get("head_dim") or hidden // heads
    key_value = config["num_key_value_heads"] * head_dim
    shapes = {"model.embed_tokens.weight": [config["vocab_size"], hidden], "model.norm.weight": [hidden]}
    for layer in range(config["num_hidden_layers"]):
        for name, shape in {
            "self_attn.q_proj": [heads * head_dim, hidden], "self_attn.k_proj": [key_value, hidden],
            "self_attn.v_proj": [key_value, hidden], "self_attn.o_proj": [hidden, heads * head_dim],
            "mlp.gate_proj": [inner, hidden], "mlp.up_proj": [inner, hidden], "mlp.down_proj": [hidden, inner],
            "input_layernorm": [hidden], "post_attention_layernorm": [hidden]}.items():
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = [config["vocab_size"], hidden]
    return shapes


def rounded(dtype, exact):
    """The bytes of F32 values rounded to that type; F16 by Python's own conversion, which rounds so."""
    values = struct.unpack(f"<{len(exact) // 4}f", exact)
    if dtype == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    halves = []
    for bits in struct.unpack(f"<{len(exact) // 4}I", exact):
        low = bits & 0xffff
        upper = bits >> 16
        halves.append(upper + (low > 0x8000 or (low == 0x8000 and upper & 1)))
    return struct.pack(f"<{len(halves)}H", *halves)


def check_tokenizer(folder, config):
    kinds = [name for name in ("tokenizer.json", "tokenizer.model") if os.path.exists(os.path.join(folder, name))]
    need(kinds, "no tokenizer")
    settings = json.load(open(os.path.join(folder, "tokenizer_config.json")))
    need("tokenizer_class" in settings, "tokenizer_config.json names no class")
    if "tokenizer.json" in kinds:
        model = json.load(open(os.path.join(folder, "tokenizer.json")), object_pairs_hook=no_duplicates)["model"]
        need(model["type"] == "BPE", "tokenizer.json: another model than BPE")
        need(sorted(model["vocab"].values()) == list(range(len(model["vocab"]))), "tokenizer.json: ids with holes")
        need(len(model["vocab"]) <= config["vocab_size"], "tokenizer.json: more tokens than the model has")
    need(0 <= config["eos_token_id"] < config["vocab_size"], "eos_token_id")


folder, exact_folder = sys.argv[1:]
config = json.load(open(os.path.join(folder, "config.json")), object_pairs_hook=no_duplicates)
need(config["architectures"] == ["LlamaForCausalLM"] and config["model_type"] == "llama", "not a Llama model")
dtype = DTYPES[config["torch_dtype"]]
model, exact = read_model(folder), read_model(exact_folder)
need({name: shape for name, (_, shape, _) in model.items()} == llama_parameters(config), "other parameters than LlamaForCausalLM's")
for name, (kind, _, data) in model.items():
    need(kind == dtype, f"{name} is {kind}, config.json says {dtype}")
    need(exact[name][0] == "F32", f"{exact_folder} is not exact")
    need(data == (exact[name][2] if dtype == "F32" else rounded(dtype, exact[name][2])), f"{name}: other values")
check_tokenizer(folder, config)
print(f"{os.path.basename(folder)}: {len(model)} parameters in {dtype} as the formats say")
