"""Dask collections at the doors: partitions without weight, and errors about other objects."""

import asyncio

import dask
import dask.array as da
import dask.bag
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from samplers import LABEL_FREE, META, SAMPLERS, TRANSFORMERS, WITH_MODEL, name_of
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from skcoreset import (
    Coreset,
    CoresetClassifier,
    CoresetCurveDisplay,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    Margin,
    TransformedSampler,
    Uniform,
    _dask,
    coreset_curve,
    smallest_coreset,
)

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


def test_values_of_many_samples_go_to_the_workers_without_a_warning(cluster):
    """Dask would warn of a graph of more than 10 MB."""
    from distributed import Client

    X = np.zeros((1_500_000, 1))
    weights = np.ones(len(X))
    weights[0] = 2.0  # not all equal, so that all are sent
    with Client(cluster):
        sampler = ImportanceSampling(10, random_state=0)
        sampler.fit(da.from_array(X, chunks=(500_000, 1)), None, da.from_array(weights))
    assert len(sampler.sample_indices_) == 10


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


# Other objects ----------------------------------------------------------------------------------


class Stored:
    """An array in a file, as those of zarr and h5py: it can be read, and nothing else."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.ndim = values.ndim

    def __len__(self):
        return len(self.values)

    def __getitem__(self, at):
        raise AssertionError("It has been read.")

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("It has been read.")


def with_one(name, wrong, X, y):
    """The arguments of fit, of which that with the name is `wrong`."""
    given = {"X": X, "y": y, "sample_weight": np.ones(len(y))}
    given[name] = wrong(given[name])
    return given


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
@pytest.mark.parametrize(
    "sampler", [*SAMPLERS, TransformedSampler(), Uniform(stratify=None)], ids=name_of
)
def test_arrays_in_files_and_masked_values(iris, sampler, name):
    """Each is an error of every method, which says what to give instead, and nothing is read."""
    X, y = iris

    def masked(values):
        return np.ma.array(values, mask=np.arange(values.size).reshape(values.shape) == 5)

    for method in ("fit", "fit_resample"):
        call = getattr(clone(sampler), method)
        with pytest.raises(TypeError, match=rf"{name} is a .*Stored, .*from_array\({name}\)"):
            call(**with_one(name, Stored, X, y))
        with pytest.raises(ValueError, match=f"{name} is a masked array with 1 masked entries"):
            call(**with_one(name, masked, X, y))


@pytest.mark.parametrize("name", ["X", "y"])
@pytest.mark.parametrize("estimator", [*META, *TRANSFORMERS], ids=name_of)
def test_other_estimators_refuse_them_too(iris, estimator, name):
    X, y = iris

    def masked(values):
        return np.ma.array(values, mask=np.arange(values.size).reshape(values.shape) == 5)

    for wrong, error in ((Stored, TypeError), (masked, ValueError)):
        given = with_one(name, wrong, X, y)
        with pytest.raises(error, match=f"{name} is a .*(Stored|masked array)"):
            clone(estimator).fit(given["X"], given["y"])


def test_masked_arrays_without_masked_values_and_arrays_of_numpy_in_files(iris, tmp_path):
    X, y = iris
    file = np.memmap(tmp_path / "X", dtype=X.dtype, mode="w+", shape=X.shape)
    file[:] = X
    expected = KCenterGreedy(9).fit(X, y).sample_indices_
    for given in (file, np.ma.array(X), np.ma.array(X, mask=np.zeros(X.shape, dtype=bool))):
        sampler = KCenterGreedy(9)
        X_small, _ = sampler.fit_resample(given, np.ma.array(y))
        np.testing.assert_array_equal(X_small, X[expected])
        np.testing.assert_array_equal(sampler.sample_indices_, expected)


@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
def test_other_objects_of_dask(iris, cluster, name):
    from distributed import Client

    X, y = iris
    dX, dy = lazy(X), lazy(y)
    for wrong in (dask.delayed, lambda values: dask.bag.from_sequence(range(150))):
        with pytest.raises(TypeError, match=f"{name} is a .* of dask. Give a dask.array.Array or"):
            KCenterGreedy(9).fit(**with_one(name, wrong, dX if name != "X" else X, dy))
    with Client(cluster) as client:
        with pytest.raises(TypeError, match=f"{name} is a Future of dask"):
            KCenterGreedy(9).fit(**with_one(name, client.scatter, X, y))
        if name != "X":
            with pytest.raises(TypeError, match=f"{name} is a Future of dask"):
                KCenterGreedy(9).fit(**with_one(name, client.scatter, dX, y))
            with pytest.raises(TypeError, match=f"{name} is a .*Stored, .*from_array"):
                KCenterGreedy(9).fit(**with_one(name, Stored, dX, y))


def test_a_single_number_and_complex_numbers(iris):
    X, y = iris
    for given in (X, lazy(X)):
        with pytest.raises(TypeError, match=r"sample_weight must have one value .* is 2\.0"):
            KCenterGreedy(9).fit(given, y, sample_weight=2.0)
    for sampler in (KCenterGreedy(9), Margin(coreset_size=9)):
        for given in (X + 1j, lazy(X + 1j)):
            with pytest.raises(
                ValueError, match="not supported: X has the dtype complex128"
            ) as raised:
                sampler.fit(given, y)
            assert "[" not in str(raised.value)


def test_a_transformer_that_loads_all_of_a_collection(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), CoresetClassifier(LogisticRegression(), Herding(30)))
    # numpy.may_share_memory, which scikit-learn calls, warns of arrays of dask.
    with (
        pytest.warns(FutureWarning),
        pytest.raises(TypeError, match=r"y is a collection of dask, but X is in memory.*into the"),
    ):
        model.fit(lazy(X), lazy(y))
    inside = CoresetClassifier(make_pipeline(StandardScaler(), LogisticRegression()), Herding(30))
    with pytest.raises(TypeError, match=r"X\.map_blocks\(estimator\.predict, drop_axis=1, dtype="):
        inside.fit(lazy(X), lazy(y)).predict(lazy(X))


# What the docstrings say ------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [*SAMPLERS, *META, *TRANSFORMERS], ids=name_of)
@pytest.mark.parametrize("method", ["fit", "fit_resample", "partial_fit", "fit_transform"])
def test_docstrings_say_whether_collections_are_accepted(iris, estimator, method):
    function = getattr(estimator, method, None)
    if function is None or not function.__module__.startswith("skcoreset"):
        pytest.skip("not a method of the package")
    if "lists the methods that also accept Dask collections" in function.__doc__:
        assert function.__qualname__.startswith("BaseCoreset.")  # one docstring for all samplers
        return
    X, y = iris
    call = getattr(clone(estimator), method)
    if "Dask collections are also accepted" in function.__doc__:
        call(lazy(X), lazy(y))
    else:
        assert "Dask" not in function.__doc__
        with pytest.raises(TypeError, match=r"collection of dask|Dask collection"):
            call(lazy(X), lazy(y))


def test_docstrings_of_functions_do_not_offer_collections():
    """They raise an error, see `test_predictions_for_dask_collections`."""
    for function in (coreset_curve, CoresetCurveDisplay.from_estimator, smallest_coreset):
        assert "Dask" not in function.__doc__


@pytest.mark.parametrize("sampler", SAMPLERS, ids=name_of)
def test_methods_that_need_all_samples_say_so_before_any_work(iris, sampler):
    if supports_partitions(sampler):
        pytest.skip("takes collections")
    X, y = iris
    dX = lazy(X).map_blocks(np.linalg.inv, meta=X[:0])  # an error if it is computed
    with pytest.raises(TypeError, match="Dask collections"):
        clone(sampler).fit(dX, y)


# Values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler", [Coreset(9), TransformedSampler("auto", KCenterGreedy(9))], ids=name_of
)
def test_infinity_is_found_in_its_partition_and_named_once(iris, sampler):
    X, y = iris
    X = X.copy()
    X[95, 2] = np.inf
    X[3, 1] = np.nan  # is no error
    frame = pd.DataFrame(X, columns=list("abcd"))
    for given, collection in ((X, lazy(X)), (frame, dd.from_pandas(frame, npartitions=2))):
        with pytest.raises(ValueError, match=r"column ('c'|2), row 95\. Replace") as raised:
            sampler.fit(given, y)
        assert str(raised.value).count("row 95") == 1
        where = r"^In partition \d, .* sample (92|75): .*column ('c'|2), row (3|20)\."
        with pytest.raises(ValueError, match=where):
            sampler.fit(collection, y)


def test_errors_about_targets_and_weights_do_not_name_X(iris):
    X, y = iris
    missing = y.astype(object)
    missing[55] = None
    weight = np.ones(150)
    weight[55] = np.nan
    for arguments in ((lazy(missing),), (lazy(y), lazy(weight))):
        with pytest.raises(ValueError, match=r"^In partition 3, whose first sample is sample 52: "):
            Uniform(9).fit(lazy(X), *arguments)


def test_numbers_in_one_partition_and_text_in_another(iris, tmp_path):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd")).assign(label=y)
    for number, part in enumerate((frame[:50], frame[50:].astype({"c": str}))):
        part.to_parquet(tmp_path / f"{number}.parquet")
    collection = dd.read_parquet(tmp_path)
    where = "Column 'c' of X holds numbers in {}, but text in {}"
    for sampler in (Uniform(9), Coreset(9)):
        with pytest.raises(TypeError, match=where.format("partition 0", "partition 1")):
            sampler.fit(collection[list("abcd")], collection["label"])
    with pytest.raises(TypeError, match=where.format("the first batch", "batch 1")):
        Uniform(9).partial_fit(frame[:50]).partial_fit(frame[50:].astype({"c": str}))
    Uniform(9).partial_fit(frame[:50]).partial_fit(frame[50:].astype({"c": int}))
    # A column of objects of several types is no error.
    mixed = pd.DataFrame({"a": pd.Series([1, "one", None] * 50, dtype=object)})
    for batch in (mixed[:1], mixed[1:2], mixed):
        Uniform(9).partial_fit(mixed[:1]).partial_fit(batch)


def _blas_threads(X):
    return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")


@pytest.mark.parametrize(
    ("scheduler", "workers", "expected"),
    [("threads", 2, 2), ("threads", 3, 1), ("threads", 8, 1), ("threads", 1, 4), ("sync", 2, 4)],
)
def test_tasks_in_threads_share_the_threads_of_blas(scheduler, workers, expected, monkeypatch):
    monkeypatch.setattr(_dask, "CPU_COUNT", 4)
    parts = _dask.partitions(da.zeros((8, 1), chunks=(1, 1)), None, None)
    with threadpool_limits(4, user_api="blas"):
        with dask.config.set(scheduler=scheduler, num_workers=workers):
            assert parts.map(_blas_threads) == [expected] * 8
        assert _blas_threads(None) == 4
    with threadpool_limits(1, user_api="blas"), dask.config.set(scheduler="threads"):
        assert parts.map(_blas_threads) == [1] * 8
