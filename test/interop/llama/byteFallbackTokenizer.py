"""Writes test/fixtures/byteFallbackTokenizer.json: a small tokenizer built like Llama 2's (merges over visible spaces, bytes as last resort).

Run by hand: pip install tokenizers; python test/interop/llama/byteFallbackTokenizer.py TEXT.txt
The text is Tiny Shakespeare (public domain); training is deterministic.
"""

import json
import pathlib
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

TOKENS = 900
SPECIAL = ["<unk>", "<s>", "</s>"]

trained = Tokenizer(models.BPE())
trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
trainer = trainers.BpeTrainer(vocab_size=TOKENS - len(SPECIAL) - 256, show_progress=False)
trained.train([sys.argv[1]], trainer)
model = json.loads(trained.to_str())["model"]

pieces = SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)] + sorted(model["vocab"], key=model["vocab"].get)
tokenizer = Tokenizer(
    models.BPE(
        vocab={piece: at for at, piece in enumerate(pieces)},
        merges=[tuple(merge) for merge in model["merges"]],
        unk_token="<unk>",
        fuse_unk=True,
        byte_fallback=True,
    )
)
tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
tokenizer.add_special_tokens(SPECIAL)
tokenizer.save(str(pathlib.Path(__file__).parents[2] / "fixtures/byteFallbackTokenizer.json"), pretty=False)
