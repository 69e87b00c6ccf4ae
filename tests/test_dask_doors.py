"""Dask collections at the doors: partitions without weight, and errors about other objects."""

import asyncio

import dask.array as da
import numpy as np
import pytest
from samplers import LABEL_FREE, WITH_MODEL, name_of
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge

from skcoreset import Herding, ImportanceSampling, KCenterGreedy

CHUNKS = (20, 31, 1, 40, 58)  # of 150 rows


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    order = np.random.RandomState(0).permutation(150)
    return X[order], y[order]


def lazy(values, chunks=CHUNKS):
    """A dask array of the values."""
    return da.from_array(values, chunks=(chunks, *values.shape[1:]))


def assert_same(sampler, X, y, weight=None):
    """The sampler selects the same samples of a collection as in memory."""
    expected = clone(sampler).fit(X, y, weight)
    sampler = clone(sampler).fit(lazy(X), lazy(y), None if weight is None else lazy(weight))
    np.testing.assert_array_equal(sampler.sample_indices_, expected.sample_indices_)
    np.testing.assert_allclose(sampler.sample_weight_, expected.sample_weight_, rtol=1e-9)
    return sampler, expected


def supports_partitions(sampler):
    """Whether a sampler takes collections of dask."""
    try:
        clone(sampler).fit(lazy(np.eye(4), (2, 2)), lazy(np.array([0, 1, 0, 1]), (2, 2)))
    except TypeError as error:
        return "Dask" not in str(error)
    except ValueError:
        pass
    return True


SENSITIVITIES = [
    ImportanceSampling(
        sensitivity=name, estimator=LogisticRegression(max_iter=1000), random_state=0
    )
    for name in ("leverage", "logistic", "loss", "gradient")
]


@pytest.mark.parametrize("sampler", LABEL_FREE + WITH_MODEL + SENSITIVITIES, ids=name_of)
def test_partitions_of_weight_0(iris, sampler):
    """They hold no candidates, as in memory."""
    if not supports_partitions(sampler):
        pytest.skip("needs all samples at once")
    X, y = iris
    weight = np.random.RandomState(0).randint(1, 4, 150).astype(float)
    weight[:20] = weight[51:52] = 0
    assert_same(clone(sampler).set_params(coreset_size=12), X, y, weight)


@pytest.mark.parametrize("sensitivity", ["loss", "gradient"])
def test_the_sensitivities_of_a_regressor_have_one_unit(iris, sensitivity):
    X, _ = iris
    y = X[:, 0] + np.random.RandomState(0).normal(size=150) * np.repeat([1, 1e3, 1e-3], 50)
    ridge = Ridge().fit(X, y)
    y[:20] = ridge.predict(X[:20])  # a partition without errors
    sampler = ImportanceSampling(30, sensitivity=sensitivity, estimator=ridge, random_state=0)
    sampler, expected = assert_same(sampler, X, y)
    np.testing.assert_allclose(sampler.sensitivity_, expected.sensitivity_)


# Clusters ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    """A cluster in this process, of one worker with one thread."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.mark.parametrize("seceded", [False, True])
def test_a_fit_in_a_task_of_a_worker_with_one_thread(iris, cluster, seceded):
    """The worker computes the partitions while the task waits, also if the task has left it."""
    from distributed import Client, secede

    X, y = iris

    def task(sampler):
        if seceded:
            secede()
        return sampler.fit_resample(lazy(X), lazy(y))[0]

    with Client(cluster) as client:
        for sampler in (KCenterGreedy(9), Herding(9)):
            X_small = client.submit(task, sampler, pure=False).result(timeout=30)
            np.testing.assert_array_equal(X_small, clone(sampler).fit_resample(X, y)[0])


def test_an_asynchronous_client(iris):
    distributed = pytest.importorskip("distributed")
    X, y = iris
    read = []
    dX = lazy(X).map_blocks(lambda block: read.append(len(block)) or block, meta=X[:0])

    async def fits():
        async with (
            distributed.LocalCluster(
                n_workers=1, processes=False, dashboard_address=":0", asynchronous=True
            ) as cluster,
            distributed.Client(cluster, asynchronous=True),
        ):
            with pytest.raises(TypeError, match=r"Client of dask is asynchronous.*asyncio.to_thre"):
                KCenterGreedy(9).fit(dX, y)
            assert not read
            sampler = await asyncio.to_thread(KCenterGreedy(9).fit, dX, y)
        return sampler.sample_indices_

    found = asyncio.run(asyncio.wait_for(fits(), 30))
    np.testing.assert_array_equal(found, KCenterGreedy(9).fit(X, y).sample_indices_)
