"""Tiny random models of every family that can be run, and the logits transformers computes for them.

python tinyModels.py make FOLDER [SEED]    writes FOLDER/NAME/model.safetensors, config.json, tokens.json, logits.f32
python tinyModels.py logits FOLDER OUT     reads FOLDER/NAME as above and writes OUT/NAME.f32 with this transformers

logits.f32 holds [sequences, tokens, vocabulary] little-endian float32, rounded from a float64 run with eager attention.
Weights are seeded by the model's name and SEED (''). Configurations are spelled as published models spell them (`rope_theta` and
`rope_scaling` at the top); those under AS_SAVED stay as transformers 5 writes them (`rope_parameters`, `layer_types`).
"""

import copy
import json
import pathlib
import sys
import zlib

import torch
import transformers

SEQUENCES, TOKENS = 2, 24
# Enough for a projection of 32 inputs to keep its input's size: logits with a standard deviation near 2.
STD, NORM_STD = 0.3, 0.2
# Routing is a choice: logits of two implementations agree only where the last expert taken leads by more than noise.
ROUTING_GAP = 1e-4

WIDTH, HEADS, KV, FF, VOCABULARY = 32, 4, 2, 40, 64
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": FF,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV,
    "max_position_embeddings": 64,
    "pad_token_id": None,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
WITHOUT_GROUPS = {key: value for key, value in SHAPE.items() if key != "num_key_value_heads"}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
# One per rotated pair of Phi-3's heads.
FACTORS = {"short_factor": [1.0, 1.1, 1.3, 1.6], "long_factor": [1.2, 2.0, 3.5, 5.0]}
OPT = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "ffn_dim": FF,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "max_position_embeddings": 64,
    "word_embed_proj_dim": WIDTH,
}
MOE = {"moe_intermediate_size": 12, "num_experts": 6, "num_experts_per_tok": 3}

# name → class without "ForCausalLM", arguments
MODELS = {
    "llama": ("Llama", {**SHAPE, "rope_theta": 10000.0, "rope_scaling": LLAMA3}),
    "llama-biased": (
        "Llama",
        {**SHAPE, "attention_bias": True, "mlp_bias": True, "rope_scaling": {"rope_type": "linear", "factor": 2.0}},
    ),
    "mistral": ("Mistral", {**SHAPE, "head_dim": 12, "sliding_window": 7, "rope_theta": 1000.0}),
    "qwen2": ("Qwen2", {**SHAPE, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {**SHAPE, "head_dim": 12}),
    "gemma2": (
        "Gemma2",
        {
            **SHAPE,
            "head_dim": 12,
            "query_pre_attn_scalar": 20,
            "sliding_window": 7,
            # Low enough to bend these models' scores and logits.
            "attn_logit_softcapping": 4.0,
            "final_logit_softcapping": 5.0,
        },
    ),
    "gemma3": (
        "Gemma3",
        {
            **SHAPE,
            "head_dim": 12,
            "query_pre_attn_scalar": 20,
            "sliding_window": 7,
            "sliding_window_pattern": 2,
            "rope_theta": 100000.0,
            "rope_local_base_freq": 100.0,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        },
    ),
    "phi3": ("Phi3", {**SHAPE, "sliding_window": 7}),
    # The text fits the original context: short factors.
    "phi3-longrope": (
        "Phi3",
        {
            **SHAPE,
            "partial_rotary_factor": 0.5,
            "head_dim": 16,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "original_max_position_embeddings": 32,
            "max_position_embeddings": 128,
            "rope_scaling": {"type": "longrope", **FACTORS},
        },
    ),
    # The text is longer than the original context: long factors.
    "phi3-longrope-long": (
        "Phi3",
        {
            **SHAPE,
            "original_max_position_embeddings": 16,
            "max_position_embeddings": 64,
            "rope_scaling": {"rope_type": "longrope", **FACTORS},
        },
    ),
    "gpt2": (
        "GPT2LMHead",
        {"vocab_size": VOCABULARY, "n_embd": WIDTH, "n_layer": 2, "n_head": HEADS, "n_positions": 64, "n_inner": FF},
    ),
    "gpt-neox": ("GPTNeoX", {**WITHOUT_GROUPS, "rotary_pct": 0.5, "rotary_emb_base": 1000, "use_parallel_residual": True}),
    "gpt-neox-sequential": ("GPTNeoX", {**WITHOUT_GROUPS, "rotary_pct": 1.0, "use_parallel_residual": False}),
    "opt": ("OPT", OPT),
    # As OPT-350m: norms after each half, embeddings narrower than the stream.
    "opt-post-norm": ("OPT", {**OPT, "word_embed_proj_dim": 20, "do_layer_norm_before": False}),
    "mixtral": (
        "Mixtral",
        {**SHAPE, "intermediate_size": 16, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 7},
    ),
    "qwen2-moe": ("Qwen2Moe", {**SHAPE, **MOE, "mlp_only_layers": [0], "shared_expert_intermediate_size": 20}),
    "qwen3-moe": ("Qwen3Moe", {**SHAPE, **MOE, "head_dim": 12, "decoder_sparse_step": 2, "norm_topk_prob": True}),
    "qwen3-moe-stacked": ("Qwen3Moe", {**SHAPE, **MOE, "intermediate_size": 16, "norm_topk_prob": False}),
    "bert": ("Bert", {**WITHOUT_GROUPS, "type_vocab_size": 2, "pad_token_id": 0}),
    "distilbert": (
        "DistilBert",
        {
            "vocab_size": VOCABULARY,
            "dim": WIDTH,
            "n_layers": 1,
            "n_heads": HEADS,
            "hidden_dim": FF,
            "max_position_embeddings": 64,
            "pad_token_id": 0,
        },
    ),
    "roberta": ("Roberta", {**WITHOUT_GROUPS, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0}),
}
# Spelled as transformers 5 spells them; the others as published.
AS_SAVED = ("llama-biased", "mistral", "gemma2", "phi3-longrope-long", "gpt-neox-sequential", "qwen3-moe-stacked")
# Experts in one tensor per layer, as transformers 5 holds them.
STACKED = ("qwen3-moe-stacked",)
PUBLISHED = (
    "rope_theta",
    "rope_scaling",
    "rope_local_base_freq",
    "sliding_window_pattern",
    "partial_rotary_factor",
    "rotary_pct",
    "rotary_emb_base",
)
ENCODERS = ("Bert", "DistilBert", "Roberta")


def make(folder, seed):
    for name, (kind, arguments) in MODELS.items():
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        random = torch.Generator().manual_seed(zlib.crc32(f"{name}{seed}".encode()))
        config = config_class(kind)(**copy.deepcopy(arguments))
        model = model_class(kind)(config)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=random)
                # Norm weights start at 1 (Gemma's at 0), biases at 0.
                parameter.copy_(parameter + NORM_STD * noise if parameter.dim() == 1 else STD * noise)
        model.tie_weights()
        model.save_pretrained(own, save_original_format=name not in STACKED)
        (own / "generation_config.json").unlink(missing_ok=True)
        config_file = own / "config.json"
        saved = json.loads(config_file.read_text())
        if name not in AS_SAVED:
            saved = published(saved, arguments)
        config_file.write_text(json.dumps(saved, indent=1) + "\n")
        # 0 to 2 are special in most of these models.
        gap = 0
        while gap < ROUTING_GAP:
            tokens = torch.randint(3, VOCABULARY, (SEQUENCES, TOKENS), generator=random).tolist()
            (own / "tokens.json").write_text(json.dumps(tokens) + "\n")
            found, gap = logits(own)
        found.numpy().astype("<f4").tofile(own / "logits.f32")
        size = sum(file.stat().st_size for file in own.iterdir())
        print(f"{name:20} {size:8} bytes, logits {found.std():.2f} ± , largest {found.abs().max():.2f}")


def published(saved, arguments):
    """config.json before transformers 5: rotary settings at the top, no list of layer types."""
    dropped = ("rope_parameters", "layer_types", "transformers_version")
    kept = {
        key: value for key, value in saved.items() if key not in dropped and not key.startswith("_")
    }
    base = saved.get("rope_parameters", {}).get("rope_theta")
    rotary = {} if base is None or "rotary_emb_base" in arguments else {"rope_theta": base}
    return kept | rotary | {key: arguments[key] for key in PUBLISHED if key in arguments}


def logits(own):
    """[sequences, tokens, vocabulary] in float64, and how far the last expert taken leads the next in probability."""
    config = json.loads((own / "config.json").read_text())
    plain = {"attn_implementation": "eager"}
    if any("expert" in key for key in config):
        plain["experts_implementation"] = "eager"  # the fused kernels take no float64
    model = getattr(transformers, config["architectures"][0]).from_pretrained(own, dtype=torch.float64, **plain)
    model.eval()
    gaps = [1]
    for module_name, module in model.named_modules():
        if type(module).__name__.endswith("Router"):
            module.register_forward_hook(lambda module, _, outputs: gaps.append(routing_gap(module, outputs[0])))
    tokens = torch.tensor(json.loads((own / "tokens.json").read_text()))
    with torch.no_grad():
        found = model(tokens).logits
    return found, min(gaps)


def routing_gap(router, scores):
    ordered = scores.softmax(-1).sort(-1, descending=True).values
    return (ordered[:, router.top_k - 1] - ordered[:, router.top_k]).min().item()


def config_class(kind):
    name = kind.removesuffix("LMHead") + ("TextConfig" if kind == "Gemma3" else "Config")
    return getattr(transformers, name)


def model_class(kind):
    if kind in ENCODERS:
        return getattr(transformers, f"{kind}ForMaskedLM")
    return getattr(transformers, f"{kind}Model" if kind.endswith("LMHead") else f"{kind}ForCausalLM")


if __name__ == "__main__":
    command, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    transformers.logging.set_verbosity_error()
    if command == "make":
        make(folder, "".join(sys.argv[3:4]))
    elif command == "logits":
        out = pathlib.Path(sys.argv[3])
        for own in sorted(path for path in folder.iterdir() if path.is_dir()):
            logits(own)[0].numpy().astype("<f4").tofile(out / f"{own.name}.f32")
