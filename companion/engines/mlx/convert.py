"""
Writes a GGUF model as a folder that mlx_lm loads: weights in full precision, or in four bits, and the tokenizer.
Architectures llama and qwen2 with byte-level BPE; what else there is, the caller refuses before.
"""

import argparse
import json
import math
import shutil
import struct
from pathlib import Path

import numpy
from gguf import GGUFReader, dequantize

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TYPES = {"float32": ("F32", numpy.float32), "float16": ("F16", numpy.float16)}
# Kinds of tokens in a GGUF file.
CONTROL, USER_DEFINED = 3, 4
QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class Source:
    def __init__(self, path: str) -> None:
        self.reader = GGUFReader(path)
        self.architecture = self.get("general.architecture")

    def get(self, key: str, default=None):
        field = self.reader.fields.get(key)
        return default if field is None else field.contents()

    def own(self, key: str, default=None):
        return self.get(f"{self.architecture}.{key}", default)


def name_of(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{BLOCK_NAMES[parts[2]]}.{parts[3]}"
    return f"{NAMES[parts[0]]}.{parts[1]}"


def values_of(source: Source, tensor, kind: type) -> numpy.ndarray:
    values = dequantize(tensor.data, tensor.tensor_type).astype(kind)
    heads = source.own("attention.head_count")
    if source.architecture == "llama" and ".attn_q." in tensor.name:
        return unpermuted(values, heads)
    if source.architecture == "llama" and ".attn_k." in tensor.name:
        return unpermuted(values, source.own("attention.head_count_kv", heads))
    return values


def unpermuted(values: numpy.ndarray, heads: int) -> numpy.ndarray:
    """llama.cpp keeps the two halves of each head, which are rotated together, side by side."""
    halves = values.reshape(heads, values.shape[0] // heads // 2, 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def write_weights(source: Source, path: Path, precision: str) -> None:
    """A safetensors file, one tensor in memory at a time."""
    label, kind = TYPES[precision]
    header: dict = {"__metadata__": {"format": "mlx"}}
    at = 0
    for tensor in source.reader.tensors:
        shape = [int(size) for size in reversed(tensor.shape)]
        end = at + math.prod(shape) * numpy.dtype(kind).itemsize
        header[name_of(tensor.name)] = {"dtype": label, "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for tensor in source.reader.tensors:
            file.write(numpy.ascontiguousarray(values_of(source, tensor, kind)).data)


def config_of(source: Source, precision: str) -> dict:
    heads = source.own("attention.head_count")
    width = source.own("embedding_length")
    names = {tensor.name for tensor in source.reader.tensors}
    return {
        "architectures": ["Qwen2ForCausalLM" if source.architecture == "qwen2" else "LlamaForCausalLM"],
        "model_type": source.architecture,
        "hidden_act": "silu",
        "hidden_size": width,
        "head_dim": source.own("attention.key_length", width // heads),
        "intermediate_size": source.own("feed_forward_length"),
        "max_position_embeddings": source.own("context_length"),
        "num_attention_heads": heads,
        "num_hidden_layers": source.own("block_count"),
        "num_key_value_heads": source.own("attention.head_count_kv", heads),
        "rms_norm_eps": float(source.own("attention.layer_norm_rms_epsilon")),
        "rope_theta": float(source.own("rope.freq_base", 10_000.0)),
        "tie_word_embeddings": "output.weight" not in names,
        "torch_dtype": precision,
        "vocab_size": len(source.get("tokenizer.ggml.tokens")),
        "bos_token_id": source.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": source.get("tokenizer.ggml.eos_token_id"),
    }


def tokenizer_of(source: Source) -> dict:
    tokens = source.get("tokenizer.ggml.tokens")
    kinds = source.get("tokenizer.ggml.token_type")
    qwen2 = source.get("tokenizer.ggml.pre") == "qwen2"
    added = [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == CONTROL,
        }
        for index, (token, kind) in enumerate(zip(tokens, kinds))
        if kind in (CONTROL, USER_DEFINED)
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    if qwen2:
        split = {"type": "Split", "pattern": {"Regex": QWEN2_WORDS}, "behavior": "Isolated", "invert": False}
        words = [split, {**byte_level, "use_regex": False}]
    else:
        digits = {"type": "Digits", "individual_digits": True}
        words = [digits, {**byte_level, "use_regex": True}]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"} if qwen2 else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": words},
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": source.get("tokenizer.ggml.merges"),
        },
    }


def tokenizer_config_of(source: Source) -> dict:
    tokens = source.get("tokenizer.ggml.tokens")
    ids = {name: source.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos")}
    special = {f"{name}_token": tokens[index] for name, index in ids.items() if index is not None}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": source.own("context_length"),
        **special,
    }


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--precision", choices=[*TYPES, "4bit"], required=True)
    options = parser.parse_args()
    source = Source(options.gguf)
    out = Path(options.out)
    four_bit = options.precision == "4bit"
    precision = "float16" if four_bit else options.precision
    full = out.with_name(f"{out.name}-full") if four_bit else out
    full.mkdir(parents=True)
    write_weights(source, full / "model.safetensors", precision)
    write_json(full / "config.json", config_of(source, precision))
    write_json(full / "tokenizer.json", tokenizer_of(source))
    write_json(full / "tokenizer_config.json", tokenizer_config_of(source))
    if four_bit:
        from mlx_lm import convert

        try:
            convert(str(full), mlx_path=str(out), quantize=True, q_bits=4, q_group_size=64)
        finally:
            shutil.rmtree(full)


if __name__ == "__main__":
    main()
