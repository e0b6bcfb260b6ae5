"""The damaged models of damaged.json: which numbers of which tensors are replaced by what.

A place is a (row, column) or an (element) of its tensor. It is drawn from the case's seed, within the rows that the
inputs read where the tensor is a look-up table. The seeds were chosen so that make_damaged.py does not refuse the case
(see there for its reasons).
"""

import struct
from dataclasses import dataclass, field

import numpy as np

BERT = "tiny-bert"
DISTILBERT = "tiny-distilbert"

# Every kind of tensor, as BERT and as DistilBERT call it; `N` is the encoder layer.
KINDS = {
    "word_embeddings": ("bert.embeddings.word_embeddings.weight", "distilbert.embeddings.word_embeddings.weight"),
    "position_embeddings": (
        "bert.embeddings.position_embeddings.weight",
        "distilbert.embeddings.position_embeddings.weight",
    ),
    "token_type_embeddings": ("bert.embeddings.token_type_embeddings.weight", None),
    "embeddings_norm": ("bert.embeddings.LayerNorm", "distilbert.embeddings.LayerNorm"),
    "query": ("bert.encoder.layer.N.attention.self.query", "distilbert.transformer.layer.N.attention.q_lin"),
    "key": ("bert.encoder.layer.N.attention.self.key", "distilbert.transformer.layer.N.attention.k_lin"),
    "value": ("bert.encoder.layer.N.attention.self.value", "distilbert.transformer.layer.N.attention.v_lin"),
    "attention_output": (
        "bert.encoder.layer.N.attention.output.dense",
        "distilbert.transformer.layer.N.attention.out_lin",
    ),
    "attention_norm": (
        "bert.encoder.layer.N.attention.output.LayerNorm",
        "distilbert.transformer.layer.N.sa_layer_norm",
    ),
    "ffn_in": ("bert.encoder.layer.N.intermediate.dense", "distilbert.transformer.layer.N.ffn.lin1"),
    "ffn_out": ("bert.encoder.layer.N.output.dense", "distilbert.transformer.layer.N.ffn.lin2"),
    "ffn_norm": ("bert.encoder.layer.N.output.LayerNorm", "distilbert.transformer.layer.N.output_layer_norm"),
    "pooler": ("bert.pooler.dense", "pre_classifier"),
    "classifier": ("classifier", "classifier"),
}


def tensor_name(model: str, short: str) -> str:
    """`1.query.weight` → the checkpoint's name; the layer's number is left out where there is none."""
    layer_idx, _, rest = short.partition(".") if short[0].isdigit() else ("", "", short)
    kind, _, part = rest.partition(".")
    name = KINDS[kind][0 if model == BERT else 1].replace(".N.", f".{layer_idx}.")
    return f"{name}.{part}" if part else name


@dataclass
class Edit:
    """One number of a tensor: overwritten with `value`, or with one bit of it (0 to 31) turned over."""

    tensor: str
    place: tuple
    value: float | None = None
    flipped_bit: int | None = None

    def as_json(self, model: str, shapes: dict) -> dict:
        """As it is in the file; `shapes` by the checkpoint's names."""
        name = tensor_name(model, self.tensor)
        edit = {"tensor": name, "index": int(np.ravel_multi_index(self.place, shapes[name]))}
        if self.flipped_bit is not None:
            return {**edit, "flipped_bit": self.flipped_bit}
        return {**edit, "bits": f"{struct.unpack('<I', struct.pack('<f', np.float32(self.value)))[0]:08x}"}


@dataclass
class Case:
    """One damaged model. `edits` are made by hand; `drawn` are (tensor, damage), their places drawn from `seed`."""

    model: str
    drawn: list = field(default_factory=list)
    seed: int = 0
    edits: list = field(default_factory=list)
    about: str = ""

    def name(self) -> str:
        what = self.about or " and ".join(f"{damage} in {tensor}" for tensor, damage in self.drawn)
        return f"{self.model}: {what}"

    def all_edits(self, shapes: dict, rows: list[dict]) -> list[Edit]:
        """`shapes` by the checkpoint's names; `rows` as make_damaged.py evaluates them."""
        rng = np.random.Generator(np.random.PCG64(self.seed))
        return self.edits + [
            draw(rng, tensor, damage, shapes[tensor_name(self.model, tensor)], rows) for tensor, damage in self.drawn
        ]


def draw(rng, tensor: str, damage: str, shape, rows: list[dict]) -> Edit:
    place = [int(rng.integers(n)) for n in shape]
    row = rows[int(rng.integers(len(rows)))]["input_ids"]
    if tensor.startswith("word"):
        place[0] = row[int(rng.integers(1, len(row) - 1))]
    elif tensor.startswith("position"):
        place[0] = int(rng.integers(len(row)))
    if damage.startswith("bit "):
        return Edit(tensor, tuple(place), flipped_bit=int(damage.removeprefix("bit ")))
    return Edit(tensor, tuple(place), value=float(damage))


def not_numbers() -> list[Case]:
    """NaN and an infinity in every kind of tensor, each in another family and, where there are two, another layer."""
    cases = []
    for i, tensor in enumerate(tensors()):
        families = [BERT, DISTILBERT] if i % 2 == 0 else [DISTILBERT, BERT]
        if tensor.startswith("token_type"):
            families = [BERT, BERT]
        cases.append(Case(families[0], [(layered(tensor, i % 2), "nan")], seed=i))
        cases.append(Case(families[1], [(layered(tensor, 1 - i % 2), ["inf", "-inf"][i // 2 % 2])], seed=i))
    return cases


def tensors() -> list[str]:
    """Every kind of tensor, `N.` before those of an encoder layer."""
    names = []
    for kind, (bert, _) in KINDS.items():
        kind = f"N.{kind}" if ".N." in bert else kind
        names += [kind] if "embeddings.weight" in bert else [f"{kind}.weight", f"{kind}.bias"]
    return names


def layered(tensor: str, layer_idx: int) -> str:
    return tensor.replace("N.", f"{layer_idx}.")


# Numbers that are huge, most of them not so huge that something overflows.
HUGE = [
    Case(BERT, [("word_embeddings", "1e18")]),
    Case(BERT, [("word_embeddings", "1e20")], seed=1),
    Case(DISTILBERT, [("word_embeddings", "3e38")], seed=2),
    Case(BERT, [("position_embeddings", "1e8")], seed=3),
    Case(DISTILBERT, [("position_embeddings", "1e20")], seed=4),
    Case(BERT, [("token_type_embeddings", "1e15")], seed=5),
    Case(DISTILBERT, [("embeddings_norm.weight", "1e15")], seed=6),
    Case(BERT, [("embeddings_norm.weight", "1e37")], seed=7),
    Case(BERT, [("embeddings_norm.bias", "1e18")], seed=8),
    Case(BERT, [("0.query.weight", "1e30")], seed=9),
    Case(DISTILBERT, [("1.query.weight", "1e19")], seed=10),
    Case(DISTILBERT, [("0.query.bias", "1e20")], seed=11),
    Case(BERT, [("1.key.weight", "1e30")], seed=12),
    Case(BERT, [("0.value.weight", "1e15")], seed=13),
    Case(DISTILBERT, [("1.value.weight", "1e20")], seed=14),
    Case(DISTILBERT, [("1.value.bias", "1e8")], seed=15),
    Case(DISTILBERT, [("0.attention_output.weight", "1e15")], seed=16),
    Case(BERT, [("1.attention_output.bias", "1e18")], seed=17),
    Case(BERT, [("1.attention_output.bias", "1e20")], seed=18),
    Case(DISTILBERT, [("0.attention_norm.weight", "1e8")], seed=19),
    Case(BERT, [("0.attention_norm.bias", "1e15")], seed=20),
    Case(BERT, [("0.ffn_in.weight", "1e15")], seed=21),
    Case(DISTILBERT, [("1.ffn_in.bias", "1e30")], seed=22),
    # GELU makes 0 of it.
    Case(BERT, [("1.ffn_in.bias", "-1e15")], seed=35),
    Case(DISTILBERT, [("0.ffn_in.bias", "-1e30")], seed=36),
    Case(DISTILBERT, [("0.ffn_out.weight", "1e18")], seed=23),
    Case(BERT, [("1.ffn_out.bias", "1e15")], seed=24),
    Case(DISTILBERT, [("1.ffn_out.bias", "3e38")], seed=25),
    Case(DISTILBERT, [("0.ffn_norm.weight", "1e15")], seed=26),
    Case(BERT, [("1.ffn_norm.weight", "1e30")], seed=27),
    Case(DISTILBERT, [("1.ffn_norm.bias", "1e19")], seed=28),
    Case(BERT, [("pooler.weight", "1e30")], seed=29),
    Case(DISTILBERT, [("pooler.weight", "1e20")], seed=30),
    Case(DISTILBERT, [("pooler.bias", "1e30")], seed=31),
    Case(BERT, [("classifier.weight", "1e30")], seed=32),
    Case(DISTILBERT, [("classifier.weight", "1e19")], seed=37),
    Case(BERT, [("classifier.bias", "1e18")], seed=34),
]

# A key's bias moves all scores of a query alike. A huge one takes their digits away, so it is met where it overflows.
KEY_BIAS = [
    Case(
        model,
        edits=[Edit(f"{layer}.key.bias", (5,), 3e38), Edit(f"{layer}.query.bias", (5,), 1e8)],
        about=f"3e38 in {layer}.key.bias and 1e8 in {layer}.query.bias",
    )
    for model, layer in [(BERT, 1), (DISTILBERT, 0)]
]

# Bits 23 to 30 are the exponent. Bit 30 of a number below 2 makes it huge, or of one from 1 to 2 an infinity or NaN.
FLIPS = [
    Case(BERT, [("word_embeddings", "bit 30")], seed=40),
    Case(DISTILBERT, [("0.value.weight", "bit 30")], seed=41),
    Case(BERT, [("embeddings_norm.weight", "bit 30")], seed=42),
    Case(DISTILBERT, [("1.attention_norm.weight", "bit 30")], seed=43),
    Case(DISTILBERT, [("position_embeddings", "bit 29")], seed=44),
    Case(BERT, [("0.attention_norm.weight", "bit 29")], seed=45),
    Case(DISTILBERT, [("1.query.weight", "bit 28")], seed=46),
    Case(BERT, [("0.ffn_in.weight", "bit 27")], seed=47),
    Case(DISTILBERT, [("classifier.weight", "bit 26")], seed=48),
    Case(BERT, [("1.key.weight", "bit 25"), ("1.value.weight", "bit 24"), ("pooler.bias", "bit 23")], seed=49),
    Case(DISTILBERT, [("0.attention_output.weight", "bit 28"), ("1.ffn_out.weight", "bit 26")], seed=50),
    Case(BERT, [("0.ffn_out.weight", "bit 29"), ("1.ffn_norm.bias", "bit 27"), ("classifier.bias", "bit 26")], seed=51),
    Case(DISTILBERT, [("0.query.weight", "bit 27"), ("0.key.weight", "bit 27"), ("1.value.bias", "bit 30")], seed=52),
    Case(BERT, [(f"1.{kind}.weight", "bit 29") for kind in ("query", "key", "value", "ffn_in")], seed=53),
]

# Damage that nothing reads, or that ends in a limit f32 knows exactly.
LIMITS = [
    Case(BERT, edits=[Edit("word_embeddings", (0, 3), np.nan)], about="nan in a word that no row has"),
    Case(DISTILBERT, edits=[Edit("position_embeddings", (47, 9), np.inf)], about="inf in a position that no row has"),
    # tanh(±inf) is ±1, ReLU(-inf) is 0.
    Case(
        BERT,
        edits=[Edit("1.ffn_norm.bias", (7,), 1e18), Edit("pooler.weight", (4, 7), 1e30)],
        about="a pooler's sum that overflows",
    ),
    Case(
        DISTILBERT,
        edits=[Edit("1.ffn_norm.bias", (7,), 1e18), Edit("pooler.weight", (4, 7), -1e30)],
        about="a pre-classifier's sum that overflows downwards",
    ),
    # A score of -inf beside finite ones has the weight 0.
    Case(BERT, [("0.query.bias", "3e38")], seed=2),
    Case(DISTILBERT, [("1.key.weight", "3e38")], seed=2),
]

CASES = [*not_numbers(), *HUGE, *KEY_BIAS, *FLIPS, *LIMITS]
