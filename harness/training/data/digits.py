"""The 1,797 8×8 digits that scikit-learn ships in its wheel (UCI, Alpaydin & Kaynak 1998): data that everybody has."""

from __future__ import annotations

import numpy as np

from harness.errors import DataNotFound
from harness.training.data.dataset import Arrays


def load() -> Arrays:
    """All digits, grey, pixels from 0 to 16 as published.

    Raises:
        DataNotFound: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # half a second, and no part of a replay
    except ImportError as error:
        raise DataNotFound(
            f"digits are shipped with scikit-learn, which cannot be imported ({error}): "
            "pip install 'genius-replay[train]'"
        ) from error
    digits = load_digits()
    return Arrays(digits.images.astype(np.uint8)[..., np.newaxis], digits.target.astype(np.int64), classes=10)
