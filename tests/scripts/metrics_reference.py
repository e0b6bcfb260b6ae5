"""Reference figures of shared/src/evaluation and shared/src/statistics, printed by scikit-learn and SciPy.

Run by hand, outside CI: pip install scikit-learn scipy numpy && python tests/scripts/metrics_reference.py
The figures in the Rust tests are this script's output with scikit-learn 1.9, SciPy 1.17 and NumPy 2.
"""

import numpy as np
from scipy import stats
from scipy.special import log_softmax, softmax
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss

labels = np.array([0, 0, 0, 1, 1, 1, 1])
logits = np.array([
    [2.0, 1.0, 0.5, -1.0], [0.25, 1.5, 0.0, 0.125], [3.5, -1.0, 2.0, 0.0], [0.5, 0.75, -0.5, 0.25],
    [1.0, 0.0, 1.25, -2.0], [-1.0, 4.0, 0.0, 1.0], [0.0, 0.5, 0.25, 0.125],
])
predicted = logits.argmax(1)
probabilities = softmax(logits, axis=1)
print("accuracy", repr(accuracy_score(labels, predicted)))
print("macro_f1", repr(f1_score(labels, predicted, average="macro")))
print("loss", repr(log_loss(labels, probabilities, labels=range(4))))
print("loss by log_softmax", repr(-log_softmax(logits, axis=1)[range(7), labels].mean()))
print("confusion", confusion_matrix(labels, predicted, labels=range(4)).tolist())
confidence = probabilities.max(1)
bins = np.ceil(confidence * 15).astype(int)
print("ece", repr(sum(abs((predicted == labels)[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
                      for b in np.unique(bins))))

print("\nwilson")
for successes, n, level in [(0, 10, 0.95), (10, 10, 0.95), (7, 10, 0.95), (484, 500, 0.95), (812, 872, 0.99)]:
    interval = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    print(successes, n, level, repr(float(interval.low)), repr(float(interval.high)))

print("\nnormal quantiles")
for p in [0.5, 0.9, 0.95, 0.975, 0.995, 0.9999]:
    print(p, repr(float(stats.norm.ppf(p))))

print("\nsign flip")
for differences in [[0.5, 1.25, -0.25, 0.75, 2.0, 0.125], [1.0, 1.0, -1.0, 1.0], [3.0, 1.0, 2.0, 2.5, 0.5, 1.5, 0.25],
                    [0.0, 0.0, 0.0], [0.3, -0.1, 0.2, 0.6, -0.4, 0.5, 0.1, 0.7]]:
    # For a one-sample permutation_test the samples' signs are flipped; at n_resamples=inf all 2^n are taken.
    result = stats.permutation_test((np.array(differences),), np.mean, permutation_type="samples",
                                    alternative="two-sided", n_resamples=np.inf)
    signs = np.array(np.meshgrid(*[[1, -1]] * len(differences))).reshape(len(differences), -1)
    sums = np.abs((signs * np.array(differences)[:, None]).sum(0))
    exact = np.mean(sums >= abs(sum(differences)) - 1e-12)
    print(differences, "scipy", repr(float(result.pvalue)), "enumeration", repr(float(exact)))

print("\npercentile bootstrap of a paired difference")
rng = np.random.default_rng(0)
first = (np.arange(400) % 10 < 9).astype(float)
second = (np.arange(400) * 7 % 20 < 15).astype(float)
result = stats.bootstrap((first - second,), np.mean, n_resamples=200_000, method="percentile", rng=rng, batch=10_000)
print((first - second).mean(), result.confidence_interval)
