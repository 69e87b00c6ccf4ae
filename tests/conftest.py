"""Fixtures that several rooms share."""

import array_api_strict
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


class Arrays:
    """One array library and the device where its arrays live."""

    def __init__(self, name):
        self.name, self.is_host = name, name == "numpy"
        if self.is_host:
            self.xp, self.device = np, "cpu"
        elif name == "array_api_strict":
            # Its second device: whatever leaks to the host, or comes from there, raises.
            self.xp, self.device = array_api_strict, array_api_strict.Device("device1")
        else:
            cupy = pytest.importorskip("cupy")
            if not cupy.cuda.is_available():
                pytest.skip("no CUDA device")
            self.xp, self.device = pytest.importorskip("array_api_compat.cupy"), cupy.cuda.Device()

    def asarray(self, x):
        return self.xp.asarray(x, device=self.device)

    def to_numpy(self, x):
        """Host copy of `x`, which must be of this library and on this device."""
        assert isinstance(x, self.xp.ndarray if self.name != "array_api_strict" else _STRICT)
        assert x.device == self.device
        if self.is_host:
            return x
        if self.name == "array_api_strict":
            return np.asarray(x.to_device(array_api_strict.Device("CPU_DEVICE")))
        return x.get()


_STRICT = type(array_api_strict.zeros(1))


@pytest.fixture(params=["numpy", "array_api_strict", pytest.param("cupy", marks=pytest.mark.gpu)])
def arrays(request):
    """Each array library in turn: the kernels have to give the same on all of them."""
    return Arrays(request.param)
