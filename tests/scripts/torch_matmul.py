#!/usr/bin/env python3
"""PyTorch's rate of f32 matrix products on this CPU, as `bert-heal bench` measures its own.

Best of 50 of [1024, 384]·[384, 1536]; prints one JSON line. For `bert-heal bench train --compare-matmul`:

    torch_matmul.py [THREADS]
"""
import json
import sys
import time

import torch

threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
torch.set_num_threads(threads)
m, k, n = 1024, 384, 1536
a, b = torch.ones(m, k), torch.ones(k, n)
best = float("inf")
for _ in range(50):
    started = time.perf_counter()
    a @ b
    best = min(best, time.perf_counter() - started)
print(json.dumps({"torch": torch.__version__, "threads": threads, "matmul_flops_per_sec": 2 * m * k * n / best}))
