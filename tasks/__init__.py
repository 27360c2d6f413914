"""Verbs, and what they share."""

import os

os.environ.setdefault("TQDM_DISABLE", "1")  # bars of libraries; `tasks.runtime.progress` says how far work is
# MKL rounds differently where memory is not aligned, and the attention of torch gives each thread a buffer of its own:
# the last bit of a row hung on the thread that had it. STRICT ends that, and is no slower (AVX2 and later; Intel,
# "Conditional Numerical Reproducibility"). MKL reads it at its first product.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
# Idle threads of OpenMP (torch, scikit-learn, FAISS) sleep: those that spin take the processor from whoever computes,
# and where another process does, a pass of a model took 4 to 8 times as long (two cores, 135M). Read when it loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
