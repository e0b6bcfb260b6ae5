#!/usr/bin/env python3
"""The token ids of checkpoints whose files say much, little or contradict each other, here and in transformers.

    pip install transformers==5.24.0
    cargo build --locked --workspace --exclude web --example token_ids
    python tests/scripts/compare_tokenizers.py target/debug/examples/token_ids

Run by hand, outside CI; nothing is fetched. Each case is a folder with the config of tests/golden/tiny-bert (with room for
more tokens) and tokenizer files made from its vocabulary: vocab.txt, tokenizer.json, tokenizer_config.json,
added_tokens.json and special_tokens_map.json, there or not, in agreement or not. `AutoTokenizer` and the program encode the
same texts; every id of every text must be equal. A case that the program refuses is right where transformers refuses it,
too, or where `REFUSED_HERE` says why. Exits with 1 on any other difference.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.dont_write_bytecode = True

import tokenizers
import transformers
from transformers import AutoTokenizer

MODEL = Path(__file__).resolve().parents[1] / "golden/tiny-bert"
sys.path.insert(0, str(MODEL.parent))
from awkward_texts import TEXTS

# Tokens that the cases add, in and out of context.
MORE_TEXTS = [
    "covid and COVID, the covids, a covid", " covid  covid", "[brand] film [BRAND]", "a  <ent>  b<ent>c", "<ENT> <ent>.",
    "the[MASK]film [mask]", "x [unused0] y[unused0]z", "Käse kase KÄSE käsebrot", "film\u3000<ent>\u3000plot", "the<e1>film <e1>", "[CLS] a [SEP] b [PAD]",
]

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
N = sum(1 for _ in open(MODEL / "vocab.txt", encoding="utf-8"))
# Rows of embeddings, so that added tokens have some.
ROWS = N + 8


def token(content, **properties):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False} | properties


# Name, files: "json" changes tokenizer.json (None: no such file), "vocab" (False: no vocab.txt), the others are contents.
CASES = [
    ("everything plain", {}),
    ("vocab.txt alone", dict(json=None, config=None)),
    ("vocab.txt, keeps case", dict(json=None, config={"do_lower_case": False})),
    ("vocab.txt, lowers but keeps accents", dict(json=None, config={"do_lower_case": True, "strip_accents": False})),
    ("vocab.txt, keeps case, strips accents, leaves Chinese",
     dict(json=None, config={"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False})),
    ("json lowers, config keeps case", dict(config={"do_lower_case": False})),
    ("json keeps case, config silent", dict(json={"normalizer": {"lowercase": False}}, config={})),
    ("json alone, keeps case and Chinese, no config",
     dict(json={"normalizer": {"lowercase": False, "handle_chinese_chars": False}}, config=None, vocab=False)),
    ("vocab.txt and added_tokens.json", dict(json=None, config={}, added={"[brand]": N, "covid": N + 1})),
    ("vocab.txt and added_tokens.json with a gap and a piece",
     dict(json=None, config={}, added={"covid": N + 5, "film": 20, "[brand]": N + 1})),
    ("vocab.txt and special_tokens_map.json with more tokens",
     dict(json=None, config={}, map={"additional_special_tokens": ["[unused0]", "[brand]"], "cls_token": "[CLS]"})),
    ("vocab.txt, more tokens in tokenizer_config.json", dict(json=None, config={"additional_special_tokens": ["[unused0]"]})),
    ("added_tokens_decoder with properties",
     dict(config={"added_tokens_decoder": {
         **{str(i): token(t, special=True) for i, t in ((0, "[PAD]"), (3, "[UNK]"), (4, "[CLS]"), (5, "[SEP]"), (6, "[MASK]"))},
         str(N): token("<ent>", lstrip=True, rstrip=True), str(N + 1): token("covid", single_word=True, normalized=True),
         str(N + 2): token("Käse", normalized=True)}})),
    ("added_tokens_decoder hides the other files",
     dict(config={"added_tokens_decoder": {str(N): token("covid")}}, added={"[brand]": N}, map={"additional_special_tokens": ["<ent>"]})),
    ("json has added tokens, config has none", dict(json={"added": [token("covid"), token("Käse", normalized=True)]}, config={})),
    ("json and added_tokens.json have other tokens", dict(json={"added": [token("covid")]}, config={}, added={"[brand]": N + 1})),
    ("mask takes the blank before it", dict(json=None, config={}, map={"mask_token": token("[MASK]", lstrip=True)})),
    ("generic class, json as it is with more tokens",
     dict(json={"normalizer": {"lowercase": False}}, config={"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True,
                                                            "additional_special_tokens": ["<ent>", "[brand]"]})),
    ("slow settings: never_split, do_basic_tokenize", dict(config={"never_split": ["film"], "do_basic_tokenize": False})),
    ("null for every setting but flags", dict(config={"strip_accents": None, "tokenizer_class": None, "additional_special_tokens": None})),
    ("other special tokens", dict(json=None, config={"cls_token": "the", "sep_token": "film", "unk_token": "[UNK]"})),
    ("fast class, DistilBERT's, dict tokens", dict(config={"tokenizer_class": "DistilBertTokenizerFast", "do_lower_case": False})),
    ("class in config.json only", dict(json=None, config=None, model={"tokenizer_class": "ElectraTokenizer"})),
    ("padding and truncation in json", dict(json={"truncation": {"direction": "Left", "max_length": 8, "strategy": "LongestFirst",
        "stride": 0}, "padding": {"strategy": {"Fixed": 12}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "[PAD]"}}, config={})),
    ("pre-tokenizer of json is another", dict(json={"pre_tokenizer": {"type": "WhitespaceSplit"}}, config={})),
    ("MeCab", dict(json=None, config={"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab"})),
    ("KoBERT without tokenizer.json", dict(json=None, config={"tokenizer_class": "KoBertTokenizer"})),
    ("split_special_tokens", dict(config={"split_special_tokens": True})),
]

# Refused here although transformers reads it, and why.
REFUSED_HERE = {"split_special_tokens": "special tokens in a text stay whole here"}


def make(folder, files):
    folder.mkdir()
    config = json.loads((MODEL / "config.json").read_text()) | {"vocab_size": ROWS} | files.get("model", {})
    (folder / "config.json").write_text(json.dumps(config))
    if files.get("vocab", True):
        shutil.copy(MODEL / "vocab.txt", folder)
    if files.get("json", {}) is not None:
        changes = files.get("json", {})
        file = json.loads((MODEL / "tokenizer.json").read_text())
        file["normalizer"] |= changes.get("normalizer", {})
        file["added_tokens"] += [{"id": N + i} | added for i, added in enumerate(changes.get("added", []))]
        for part in ("truncation", "padding", "pre_tokenizer"):
            file[part] = changes.get(part, file[part])
        (folder / "tokenizer.json").write_text(json.dumps(file))
    plain = json.loads((MODEL / "tokenizer_config.json").read_text())
    for name, content in (("tokenizer_config", files.get("config", plain)), ("added_tokens", files.get("added")),
                          ("special_tokens_map", files.get("map"))):
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False))
    return folder


def theirs(folder, texts):
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        return [tokenizer(text)["input_ids"] for text in texts], None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}".splitlines()[0][:120]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("token_ids", type=Path, help="the example program")
    program = parser.parse_args().token_ids.resolve()
    transformers.logging.set_verbosity_error()
    print(f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}")
    texts = [text for _, text in TEXTS] + MORE_TEXTS
    n_equal = n_wrong = 0
    with tempfile.TemporaryDirectory() as work:
        folders = [make(Path(work) / f"case-{i}", files) for i, (_, files) in enumerate(CASES)]
        done = subprocess.run([program, *folders], input=json.dumps(texts), capture_output=True, text=True, check=True)
        for (name, _), folder, line in zip(CASES, folders, done.stdout.splitlines(), strict=True):
            ours, (ids, refused) = json.loads(line), theirs(folder, texts)
            if "error" in ours:
                is_right = refused is not None or name in REFUSED_HERE
                verdict, why = "refused", f"here: {ours['error'].replace(str(folder), '…')}; there: {refused or REFUSED_HERE.get(name)}"
            elif ids is None:
                is_right, verdict, why = False, "FAILED", f"refused there only: {refused}"
            else:
                different = [text for text, a, b in zip(texts, ours["ids"], ids, strict=True) if a != b]
                is_right, why = not different, ours["note"] or ""
                verdict = f"equal in {len(texts)} texts"
                n_equal += is_right
                if different:
                    at = texts.index(different[0])
                    why = f"{len(different)} texts differ, such as {different[0]!r}: {ours['ids'][at]} here, {ids[at]} there"
            n_wrong += not is_right
            print(f"{verdict if is_right else 'FAILED'}  {name}{': ' if why else ''}{why}")
    print(f"{n_equal} of {len(CASES)} equal in every id, {n_wrong} wrong")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
