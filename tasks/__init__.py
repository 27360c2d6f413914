"""Verbs, and what they share."""

import os

os.environ.setdefault("TQDM_DISABLE", "1")  # bars of libraries; `tasks.runtime.progress` says how far work is
