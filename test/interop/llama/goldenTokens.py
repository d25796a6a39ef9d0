"""Writes test/fixtures/golden/llamaTokens.json: what the tokenizers library makes of a few texts.

Run by hand: pip install tokenizers; python test/interop/llama/goldenTokens.py SAMPLE/tokenizer.json TINYSTORIES/tokenizer.json
"""

import json
import pathlib
import sys

import tokenizers

HARD = [
    "Once upon a time, there was a little girl.",
    "ROMEO:\nWhat, 12345  ho!  \n\nI'll go; they're tired.",
    "  two spaces, a\ttab and na\u00efve caf\u00e9 \u2014 \u6f22\u5b57 \U0001f600",
    "DON'T we'd I'm 3.14159\r\n\r\n   end   ",
    "x=1;y+=22//333 <4444> HelloWorld iPhone",
    "the theatre, thereto; wherewithal unhappily",
    "",
    " ",
]
STORY = [
    "Once upon a time, there was a little girl.",
    "ROMEO:\nWhat, 12345  ho!  \n\nI'll go; they're tired.",
    "Lily and Tom like to play in the park. They see a big tree with many birds.",
    '"Can I have it?" asked Ben. "No!" said Mom.',
    "  two spaces",
]

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def split(regex):
    step = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [step, byte_level(False)]}


# Name in llama.cpp: (pre_tokenizer, ignore_merges). All with the sample's own vocabulary.
SPLITTERS = {
    "gpt-2": (byte_level(True), False),
    "smollm": (
        {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level(True)]},
        False,
    ),
    "llama-bpe": (split(LLAMA3), True),
    "dbrx": (split(LLAMA3), False),
    "qwen2": (split(LLAMA3.replace("{1,3}", "")), False),
    "tekken": (split(TEKKEN), True),
}


def golden(tokenizer, texts):
    return [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in texts]


root = pathlib.Path(__file__).parents[2]
sample_path, stories_path = sys.argv[1:]
sample = json.loads(pathlib.Path(sample_path).read_text(encoding="utf-8"))
splitters = {}
for name, (pre_tokenizer, ignore_merges) in SPLITTERS.items():
    changed = {**sample, "pre_tokenizer": pre_tokenizer, "model": {**sample["model"], "ignore_merges": ignore_merges}}
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(changed))
    splitters[name] = {
        "pre_tokenizer": pre_tokenizer,
        "ignore_merges": ignore_merges,
        "cases": golden(tokenizer, [*HARD, "</s> is text here<s>"]),
    }
byte_fallback = tokenizers.Tokenizer.from_file(str(root / "fixtures/byteFallbackTokenizer.json"))
out = {
    "made": f"tokenizers {tokenizers.__version__}",
    "splitters": splitters,
    "byteFallback": golden(byte_fallback, HARD),
    "tinystories": golden(tokenizers.Tokenizer.from_file(stories_path), STORY),
}
(root / "fixtures/golden/llamaTokens.json").write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")
