"""Writes goldenTokens.json: what the tokenizers library makes of a few texts with each model's own tokenizer.json.

Run by hand: pip install tokenizers; python test/interop/llama/goldenTokens.py NAME=TOKENIZER.JSON …
"""

import json
import pathlib
import sys

import tokenizers

TEXTS = {
    "sample-llama": [
        "Once upon a time, there was a little girl.",
        "ROMEO:\nWhat, 12345  ho!  \n\nI'll go; they're tired.",
        "  two spaces, a\ttab and na\u00efve caf\u00e9 \u2014 \u6f22\u5b57 \U0001f600",
        "DON'T we'd I'm 3.14159\r\n\r\n   end   ",
        "",
        "</s> is text here<s>",
    ],
    "tinystories-656K": [
        "Once upon a time, there was a little girl.",
        "ROMEO:\nWhat, 12345  ho!  \n\nI'll go; they're tired.",
        "Lily and Tom like to play in the park. They see a big tree with many birds.",
        '"Can I have it?" asked Ben. "No!" said Mom.',
        "  two spaces",
    ],
}

models = {}
for argument in sys.argv[1:]:
    name, path = argument.split("=", 1)
    tokenizer = tokenizers.Tokenizer.from_file(path)
    models[name] = [
        {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in TEXTS[name]
    ]
here = pathlib.Path(__file__).parent
with open(here / "goldenTokens.json", "w", encoding="utf-8") as out:
    json.dump({"made": f"tokenizers {tokenizers.__version__}", "models": models}, out, indent=1)
    out.write("\n")
