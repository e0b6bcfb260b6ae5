#!/usr/bin/env python3
"""Reference figures of shared/src/statistics and shared/src/evaluation, from SciPy, statsmodels and scikit-learn.

    pip install -r tests/scripts/statistics_requirements.txt
    python tests/scripts/statistics_reference.py            # writes shared/tests/golden/statistics.json
    python tests/scripts/statistics_reference.py --check    # makes it again and compares

It needs no network, takes less than a minute and is not part of CI; `shared/tests/statistics_reference.rs` reads what it writes.
Nothing in the file is computed by formulas of our own where a library has them: the figures made of several means
(recovery, macro-F1) go through `scipy.stats.bootstrap` as a statistic, and macro-F1 must equal scikit-learn's.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.special import softmax
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_paired

OUT = Path(__file__).resolve().parents[2] / "shared" / "tests" / "golden" / "statistics.json"
# A percentile's Monte-Carlo error falls with the root of the resamples; the crate takes 10,000.
N_RESAMPLES = 20_000
LEVEL = 0.95
BINS = 15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed file instead of writing it")
    check = parser.parse_args().check
    reference = {
        "wilson": wilson(),
        "holm": holm(),
        "sign_flip": sign_flip(),
        "conditions": [conditions(*case) for case in CASES],
        "evaluation": [evaluation(*case) for case in EVALUATIONS],
        "paired_predictions": [paired_predictions(*case) for case in PREDICTIONS],
    }
    text = json.dumps(reference, separators=(",", ":")) + "\n"
    if check:
        same = close(json.loads(OUT.read_text()), json.loads(text))
        print("as committed" if same else "differs from the committed file")
        return 0 if same else 1
    OUT.write_text(text)
    print(f"{OUT}: {len(text)} bytes")
    return 0


def wilson() -> list:
    """Both libraries must agree before a figure is written."""
    cases = []
    for successes, n, level in [
        (0, 1, 0.95), (1, 1, 0.95), (0, 10, 0.95), (10, 10, 0.95), (7, 10, 0.95), (484, 500, 0.95), (812, 872, 0.99),
        (1, 1066, 0.9), (899, 1066, 0.95), (69_000, 70_000, 0.95),
    ]:
        interval = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
        other = proportion_confint(successes, n, 1 - level, method="wilson")
        np.testing.assert_allclose([interval.low, interval.high], other, atol=1e-12)
        cases.append({"successes": successes, "n": n, "level": level, "low": interval.low, "high": interval.high})
    return cases


def holm() -> list:
    rng = np.random.default_rng(1)
    families = [[0.04, 0.01, 0.03, 0.005], [0.5], [0.9, 0.8], [0.01, 0.01, 0.01], [0.0, 1.0, 0.2],
                rng.uniform(0, 0.2, 12).round(6).tolist()]
    return [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in families]


def sign_flip() -> list:
    rng = np.random.default_rng(2)
    families = [[0.5, 1.25, -0.25, 0.75, 2.0, 0.125], [1.0, 1.0, -1.0, 1.0], [0.0, 0.0, 0.0],
                [0.3, -0.1, 0.2, 0.6, -0.4, 0.5, 0.1, 0.7], rng.normal(0.4, 1, 12).round(4).tolist()]
    return [{"differences": d, "p": exact_p_value(np.array(d))} for d in families]


def exact_p_value(differences: np.ndarray) -> float:
    # For one sample, permutation_test flips signs; at n_resamples=inf it visits all 2^n patterns.
    return float(stats.permutation_test((differences,), np.mean, permutation_type="samples", alternative="two-sided",
                                        n_resamples=np.inf).pvalue)


# Name, seeds, rows, accuracies of healthy, corrupted and healed, and the rows' own share of luck.
CASES = [
    ("one seed, 500 rows, half the damage left", 1, 500, 0.96, 0.30, 0.70),
    ("one seed, 60 rows", 1, 60, 0.90, 0.25, 0.80),
    ("one seed, 1066 rows, healed better than healthy", 1, 1066, 0.80, 0.50, 0.84),
    ("one seed, 2000 rows, as good as healed", 1, 2000, 0.93, 0.50, 0.93),
    ("six seeds, 300 rows", 6, 300, 0.90, 0.40, 0.80),
    ("twelve seeds, 200 rows, seeds that differ much", 12, 200, 0.85, 0.50, 0.75),
]


def conditions(name: str, n_seeds: int, n_rows: int, healthy: float, corrupted: float, healed: float) -> dict:
    """Right and wrong answers of three conditions on the same rows, hard rows being hard for all."""
    rng = np.random.default_rng(n_seeds * 10_000 + n_rows)
    difficulty = rng.normal(size=n_rows)
    rows = []
    for accuracy in (healthy, corrupted, healed):
        shift = rng.normal(scale=0.3 if n_seeds == 12 else 0.1, size=(n_seeds, 1))
        skill = stats.norm.ppf(accuracy) * np.sqrt(2) + shift
        rows.append((skill > difficulty + rng.normal(size=(n_seeds, n_rows))).astype(np.int8))
    a, b, c = (x.astype(float) for x in rows)

    case = {"name": name, "n_seeds": n_seeds, "n_rows": n_rows,
            "right": ["".join(map(str, x.ravel())) for x in rows],  # by condition: seed-major digits
            "means": [float(x.mean()) for x in (a, b, c)]}
    case["deficit"] = interval(difference, (a, c), LEVEL)
    case["recovery"] = interval(recovery, (a, b, c), LEVEL)
    if n_seeds > 1:
        case["sign_flip_p"] = exact_p_value((a - c).mean(axis=1))
    else:
        # Two one-sided t-tests over the rows, at a margin of 5 points.
        case["tost_margin"] = 0.05
        case["tost_p"] = float(ttost_paired(a[0], c[0], -0.05, 0.05)[0])
    return case


def difference(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    return a.mean(axis=axis) - b.mean(axis=axis)


def recovery(a: np.ndarray, b: np.ndarray, c: np.ndarray, axis: int) -> np.ndarray:
    return (c.mean(axis=axis) - b.mean(axis=axis)) / (a.mean(axis=axis) - b.mean(axis=axis))


def interval(statistic, samples: tuple, level: float) -> dict:
    """One seed: SciPy's paired percentile bootstrap over rows. Several: over seeds and rows, the MultiBERTs' scheme."""
    rng = np.random.default_rng(7)
    n_seeds, n_rows = samples[0].shape
    if n_seeds == 1:
        flat = tuple(x[0] for x in samples)
        result = stats.bootstrap(flat, statistic, paired=True, vectorized=True, n_resamples=N_RESAMPLES, batch=2_000,
                                 confidence_level=level, method="percentile", rng=rng)
        low, high = result.confidence_interval
    else:
        # No library resamples two ways at once; this is arXiv:2106.16163's Procedure 1 in the paired case.
        values = []
        for _ in range(N_RESAMPLES):
            seeds, rows = rng.integers(n_seeds, size=n_seeds), rng.integers(n_rows, size=n_rows)
            weights = np.bincount(seeds, minlength=n_seeds) / n_seeds
            counts = np.bincount(rows, minlength=n_rows) / n_rows
            # Means over drawn seeds and rows, as one-element samples so that the same statistic serves.
            values.append(statistic(*(np.array([weights @ x @ counts]) for x in samples), axis=0))
        low, high = np.percentile(values, [50 * (1 - level), 100 - 50 * (1 - level)])
    value = statistic(*(x.ravel() for x in samples), axis=0)
    return {"level": level, "value": float(value), "low": float(low), "high": float(high)}


# Rows, classes, how good, and whether one class is never predicted.
EVALUATIONS = [(7, 4, 0.7, True), (200, 2, 0.8, False), (300, 6, 0.5, True), (150, 14, 0.9, False)]


def evaluation(n_rows: int, n_labels: int, accuracy: float, is_one_missing: bool) -> dict:
    rng = np.random.default_rng(n_rows)
    labels = rng.integers(n_labels - is_one_missing, size=n_rows)
    # f32 as the crate has them; four decimals keep the file small.
    logits = rng.normal(size=(n_rows, n_labels)) + 4 * accuracy * np.eye(n_labels)[labels]
    logits = logits.round(3).astype(np.float32)
    if is_one_missing:
        logits[:, -1] = -9
    predicted = logits.argmax(axis=1)
    probabilities = softmax(logits.astype(np.float64), axis=1)
    confidence, right = probabilities.max(axis=1), predicted == labels
    # Guo et al. 2017 through SciPy's binning: bins ((m-1)/15, m/15], their sizes, accuracies and confidences.
    edges = np.linspace(0, 1, BINS + 1)
    bins = np.digitize(confidence, edges, right=True)
    ece = sum(np.mean(bins == m) * abs(right[bins == m].mean() - confidence[bins == m].mean()) for m in np.unique(bins))
    return {
        "n_labels": n_labels, "labels": labels.tolist(),
        "logits": [[round(float(x), 3) for x in row] for row in logits],
        "accuracy": accuracy_score(labels, predicted),
        "macro_f1": f1_score(labels, predicted, average="macro"),
        "loss": log_loss(labels, probabilities, labels=range(n_labels)),
        "ece": float(ece),
        "confusion": confusion_matrix(labels, predicted, labels=range(n_labels)).tolist(),
    }


# Rows, classes, accuracies of two models.
PREDICTIONS = [(150, 2, 0.85, 0.75), (400, 6, 0.9, 0.7), (60, 4, 0.6, 0.6)]


def paired_predictions(n_rows: int, n_labels: int, first: float, second: float) -> dict:
    """Macro-F1 of two models on the same rows, and of their difference, by SciPy's bootstrap."""
    rng = np.random.default_rng(n_rows + n_labels)
    # Classes of unequal size, so that macro-F1 is not accuracy and a small class may be missing from a resample.
    labels = rng.choice(n_labels, n_rows, p=np.arange(1, n_labels + 1) / sum(range(1, n_labels + 1)))
    predicted = [np.where(rng.random(n_rows) < p, labels, rng.integers(n_labels, size=n_rows)) for p in (first, second)]

    def f1(labels, predicted):
        """Macro-F1 from counts, since scikit-learn's takes a millisecond; the two are compared on resamples below."""
        n_true, n_predicted = (np.bincount(x, minlength=n_labels) for x in (labels, predicted))
        n_both = np.bincount(labels[labels == predicted], minlength=n_labels)
        occurs = n_true + n_predicted > 0
        return float(np.mean(2 * n_both[occurs] / (n_true + n_predicted)[occurs]))

    for rows in [np.arange(n_rows), *rng.integers(n_rows, size=(200, n_rows))]:
        theirs = f1_score(labels[rows], predicted[0][rows], average="macro")
        np.testing.assert_allclose(f1(labels[rows], predicted[0][rows]), theirs, atol=1e-12)

    def bootstrap(statistic, samples) -> dict:
        result = stats.bootstrap(samples, statistic, paired=True, vectorized=False, n_resamples=N_RESAMPLES,
                                 confidence_level=LEVEL, method="percentile", rng=np.random.default_rng(3))
        low, high = result.confidence_interval
        return {"level": LEVEL, "value": float(statistic(*samples)), "low": float(low), "high": float(high)}

    return {
        "n_labels": n_labels, "labels": labels.tolist(), "predicted": [p.tolist() for p in predicted],
        "macro_f1": bootstrap(f1, (labels, predicted[0])),
        "difference": bootstrap(lambda l, a, b: f1(l, a) - f1(l, b), (labels, *predicted)),
    }


def close(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b))
    return abs(a - b) <= 1e-12 if isinstance(a, float) else a == b


if __name__ == "__main__":
    sys.exit(main())
