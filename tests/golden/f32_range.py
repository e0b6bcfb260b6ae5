"""A forward pass in f64 that knows what f32 can hold.

transformers gives the exact logits; this pass, checked against it, gives what transformers does not show: the largest
number that a program in f32 would form on the way, and what is left of the logits where such numbers do not fit.
It runs one row without padding and computes only what the logits depend on: in the last encoder layer, behind the
keys and values, that is the first token alone.
"""

import math

import torch

F32_MAX = float(torch.finfo(torch.float32).max)
F32_SMALLEST_NORMAL = float(torch.finfo(torch.float32).tiny)
F32_EPSILON = 2.0**-24  # Half the distance between 1 and the next f32: the error of one rounding.


class Exact:
    """Arithmetic in f64. Records the largest magnitude formed; NaN and infinity count as infinite."""

    def __init__(self):
        self.largest = 0.0

    def see(self, x):
        largest = x.abs().max().item()
        self.largest = max(self.largest, math.inf if math.isnan(largest) else largest)

    def keep(self, x):
        """What is left of a result when it is stored."""
        self.see(x)
        return x

    def linear(self, x, weight, bias=None):
        """x·weightᵀ + bias: `[n, in]`, `[out, in]`, `[out]` → `[n, out]`.

        Which partial sums arise depends on the order of adding; none is larger than Σ|x||w| + |b|.
        """
        bound = x.abs() @ weight.abs().T
        y = x @ weight.T
        if bias is not None:
            bound, y = bound + bias.abs(), y + bias
        self.see(bound)
        return self.stored_sum(x, weight, bias, bound, y)

    def stored_sum(self, x, weight, bias, bound, y):
        return y

    def squares(self, centred):
        """Σ(x − mean)² over the last dimension, kept as `[n, 1]`."""
        return self.keep(self.keep(centred.square()).sum(-1, keepdim=True))


class Limited(Exact):
    """f64 with f32's range: what is too large becomes infinite, what is too small 0; digits stay those of f64."""

    def __init__(self):
        super().__init__()
        self.is_undecided = False

    def keep(self, x):
        self.see(x)
        x = torch.where(x.abs() > F32_MAX, x.sign() * math.inf, x)
        return torch.where(x.abs() < F32_SMALLEST_NORMAL, x.sign() * 0.0, x)

    def stored_sum(self, x, weight, bias, bound, y):
        terms = self.keep(x[:, None, :] * weight[None])  # [n, out, in]
        y = terms.sum(-1)
        y = self.keep(y if bias is None else y + bias)
        # Terms that cancel: whether f32 overflows depends on the order of adding, which is nobody's business here.
        self.is_undecided |= bool(((bound > F32_MAX) & y.isfinite()).any())
        return y

    def squares(self, centred):
        """An infinite variance is no exact limit: dividing by it would leave LayerNorm's bias, finite and wrong."""
        total = super().squares(centred)
        return torch.where(total.isinf(), math.nan, total)


class Rounded(Exact):
    """f64 with errors as large as those of f32, drawn from a generator: how much do the logits depend on digits?"""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng

    def noise(self, like):
        return torch.from_numpy(self.rng.uniform(-1.0, 1.0, tuple(like.shape))) * F32_EPSILON

    def keep(self, x):
        return x * (1.0 + self.noise(x))

    def stored_sum(self, x, weight, bias, bound, y):
        # An order of adding loses about ε·Σ|x||w|, where transformers' f32 and ours lose different digits.
        return y + bound * self.noise(bound)


def logits(config, weights: dict, row: dict, arithmetic: Exact):
    """The logits `[labels]` of one row, in the given arithmetic. `weights` are f64, by their names in the checkpoint."""
    is_bert = config.model_type == "bert"
    ids = row["input_ids"]
    a = arithmetic

    def table(name):
        return weights[f"{config.model_type}.embeddings.{name}.weight"]

    def linear(name, x):
        return a.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name, x):
        eps = config.layer_norm_eps if is_bert else 1e-12
        a.see(x.abs().sum(-1))
        centred = a.keep(x - a.keep(a.keep(x.sum(-1, keepdim=True)) / x.shape[-1]))
        variance = a.squares(centred) / x.shape[-1]
        normed = a.keep(centred / (variance + eps).sqrt())
        scaled = a.keep(normed * weights[f"{name}.weight"])
        return a.keep(scaled + weights[f"{name}.bias"])

    x = a.keep(table("word_embeddings")[ids] + table("position_embeddings")[: len(ids)])  # [tokens, hidden]
    if is_bert:
        x = a.keep(x + table("token_type_embeddings")[row["token_type_ids"]])
    x = norm(f"{config.model_type}.embeddings.LayerNorm", x)

    n_layers, n_heads = config.num_hidden_layers, config.num_attention_heads
    for layer_idx in range(n_layers):
        names = layer_names(config.model_type, layer_idx)
        k, v = linear(names["key"], x), linear(names["value"], x)
        if layer_idx == n_layers - 1:
            x = x[:1]
        q = linear(names["query"], x)
        size = q.shape[-1] // n_heads
        heads = [
            attend(q[:, head], k[:, head], v[:, head], a)
            for head in (slice(i * size, (i + 1) * size) for i in range(n_heads))
        ]
        x = norm(names["attention_norm"], a.keep(linear(names["attention_output"], torch.cat(heads, -1)) + x))
        inner = linear(names["ffn_in"], x)
        inner = a.keep(inner * (0.5 * (1.0 + torch.erf(inner / math.sqrt(2.0)))))
        x = norm(names["ffn_norm"], a.keep(linear(names["ffn_out"], inner) + x))

    first = x[:1]
    pooled = linear("bert.pooler.dense", first).tanh() if is_bert else linear("pre_classifier", first).relu()
    return linear("classifier", a.keep(pooled))[0]


def attend(q, k, v, a: Exact):
    """softmax(q·kᵀ/√size)·v of one head, `[queries, size]`."""
    scores = a.keep(a.linear(q, k) / math.sqrt(q.shape[-1]))
    shifted = a.keep(scores - scores.max(-1, keepdim=True).values)
    exponentials = a.keep(shifted.exp())
    return a.linear(a.keep(exponentials / exponentials.sum(-1, keepdim=True)), v.T)


def layer_names(model_type: str, layer_idx: int) -> dict:
    """The modules of an encoder layer, as the checkpoint calls them."""
    if model_type == "bert":
        prefix = f"bert.encoder.layer.{layer_idx}"
        own = {
            "query": "attention.self.query",
            "key": "attention.self.key",
            "value": "attention.self.value",
            "attention_output": "attention.output.dense",
            "attention_norm": "attention.output.LayerNorm",
            "ffn_in": "intermediate.dense",
            "ffn_out": "output.dense",
            "ffn_norm": "output.LayerNorm",
        }
    else:
        prefix = f"distilbert.transformer.layer.{layer_idx}"
        own = {
            "query": "attention.q_lin",
            "key": "attention.k_lin",
            "value": "attention.v_lin",
            "attention_output": "attention.out_lin",
            "attention_norm": "sa_layer_norm",
            "ffn_in": "ffn.lin1",
            "ffn_out": "ffn.lin2",
            "ffn_norm": "output_layer_norm",
        }
    return {role: f"{prefix}.{name}" for role, name in own.items()}
