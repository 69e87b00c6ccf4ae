"""Fixtures that several rooms share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification


@pytest.fixture(scope="session")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="session")
def blobs():
    """300 rows, 3 classes of 20, 30 and 50 %, no ties."""
    return make_classification(
        n_samples=300, n_classes=3, n_informative=4, weights=[0.2, 0.3, 0.5], random_state=0
    )


@pytest.fixture
def rng():
    return np.random.default_rng(0)
