"""The contract of every sampler, over all samplers."""

import pickle
import re
from collections import Counter
from functools import cache

import array_api_strict
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from imblearn.pipeline import make_pipeline as imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from samplers import (
    HONESTLY_FEWER,
    LABEL_FREE,
    ONE_FACTOR,
    SAMPLERS,
    VARIANTS,
    marked,
    name_of,
    params_of,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

from skcoreset import (
    CRAIG,
    CoresetClassifier,
    FacilityLocation,
    GraphCut,
    Herding,
    KCenterGreedy,
    Margin,
    Uniform,
)
from skcoreset._kernels.distances import pairs
from skcoreset._metrics import BaseMetricCoreset, metric_on_host, product_work
from skcoreset.base import Picks

all_samplers = pytest.mark.parametrize("sampler", marked(SAMPLERS + VARIANTS))
each_sampler = pytest.mark.parametrize("sampler", marked(SAMPLERS))
DETERMINISTIC = [s for s in SAMPLERS + VARIANTS if getattr(s, "random_state", None) is None]
deterministic = pytest.mark.parametrize("sampler", marked(DETERMINISTIC))
label_free = pytest.mark.parametrize("sampler", LABEL_FREE, ids=name_of)


def fitted(sampler, X, y=None, sample_weight=None, **params):
    return clone(sampler).set_params(**params).fit(X, y, sample_weight=sample_weight)


# size and shape ----------------------------------------------------------------------------


@all_samplers
@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.9, 0.1], [0.7, 0.2, 0.07, 0.03]])
def test_exact_size(sampler, weights):
    X, y = make_classification(
        200, 6, n_informative=4, n_classes=len(weights), weights=weights, random_state=1
    )
    available = Counter(y.tolist())
    for coreset_size in (len(weights), 17, 0.1, 0.33, 0.999):  # the last is all samples, as 1.0 is
        for stratify in ("proportional", "balanced", None):
            got = fitted(sampler, X, y, coreset_size=coreset_size, stratify=stratify)
            size = coreset_size if isinstance(coreset_size, int) else round(coreset_size * 200)
            assert len(set(got.sample_indices_.tolist())) == len(got.sample_indices_)
            if name_of(sampler) in HONESTLY_FEWER:
                assert 1 <= len(got.sample_indices_) <= size
            else:
                assert len(got.sample_indices_) == size
            counts = Counter(y[got.sample_indices_].tolist())
            assert got.sampling_strategy_ == {c: counts[c] for c in range(len(weights))}
            if stratify is not None:
                assert min(counts[c] for c in available) >= 1
            assert (got.sample_weight_ > 0).all()
            assert got.sample_weight_.sum() == pytest.approx(200)
            for label in counts:
                if stratify is not None and name_of(sampler) not in ONE_FACTOR:
                    mine = y[got.sample_indices_] == label
                    assert got.sample_weight_[mine].sum() == pytest.approx(available[label])


@all_samplers
def test_attributes_are_host_arrays_of_the_documented_shape(sampler, blobs):
    X, y = blobs
    got = fitted(sampler, X, y)
    assert got.sample_indices_.dtype.kind == "i"
    assert got.sample_weight_.dtype == np.float64
    assert got.n_features_in_ == 20
    assert got.classes_.tolist() == [0, 1, 2]
    assert got.device_ == "cpu"
    if hasattr(got, "scores_"):
        assert got.scores_.shape == (300,)
        assert not hasattr(sampler, "scores_")
    for name, value in vars(got).items():
        if name.endswith("_") and not name.startswith("_") and hasattr(value, "shape"):
            assert isinstance(value, np.ndarray)


@all_samplers
def test_support(sampler, blobs):
    got = fitted(sampler, *blobs)
    assert got.get_support().sum() == 30
    assert np.flatnonzero(got.get_support()).tolist() == sorted(got.sample_indices_)
    assert got.get_support(indices=True).tolist() == sorted(got.sample_indices_)


# order -------------------------------------------------------------------------------------


@all_samplers
def test_a_prefix_is_the_smaller_coreset(sampler, blobs):
    X, y = blobs
    if getattr(sampler, "optimizer", None) == "stochastic":
        pytest.skip("looks at the more candidates the fewer rows are wanted")
    if name_of(sampler) == "GradMatch":
        pytest.skip("a row may go out again when others come in")
    if name_of(sampler) == "CoverageCentric":
        pytest.skip("shares of the bins depend on the size")
    small, large = (fitted(sampler, X, y, coreset_size=k, stratify=None) for k in (20, 60))
    np.testing.assert_array_equal(small.sample_indices_, large.sample_indices_[:20])
    small, large = (fitted(sampler, X, y, coreset_size=k) for k in (20, 60))
    for label in range(3):
        mine, more = (s.sample_indices_[y[s.sample_indices_] == label] for s in (small, large))
        np.testing.assert_array_equal(mine, more[: len(mine)])


@all_samplers
def test_prefixes_are_nearly_stratified(sampler, blobs):
    X, y = blobs
    got = fitted(sampler, X, y, coreset_size=60)
    final = np.bincount(y[got.sample_indices_])
    for m in range(1, 61):
        counts = np.bincount(y[got.sample_indices_[:m]], minlength=3)
        assert np.abs(counts - m * final / 60).max() < 2


@deterministic
def test_row_order_does_not_matter(sampler, blobs, rng):
    X, y = blobs
    if getattr(sampler, "cv", None) is not None:
        pytest.skip("folds depend on the order of the rows")
    if name_of(sampler) == "CRAIG" and sampler.gradient == "last_layer":
        pytest.skip("has ties here: of two rows that stand for each other only either will do")
    if name_of(sampler) == "ProbCover":
        pytest.skip("gains are numbers of samples, most of which tie; the lowest index is selected")
    if hasattr(sampler, "estimator"):  # a solver's last digits depend on the order of the rows
        model = LogisticRegression(max_iter=1000).fit(X, y)
        sampler = clone(sampler).set_params(estimator=FrozenEstimator(model))
    order = rng.permutation(len(y))
    here, there = fitted(sampler, X, y), fitted(sampler, X[order], y[order])
    np.testing.assert_array_equal(here.sample_indices_, order[there.sample_indices_])
    np.testing.assert_allclose(here.sample_weight_, there.sample_weight_)


@deterministic
def test_duplicates_are_distinct_rows(sampler, blobs):
    X, y = blobs
    X, y = np.repeat(X[:60], 3, axis=0), np.repeat(y[:60], 3)
    got = fitted(sampler, X, y, coreset_size=150)
    assert len(set(got.sample_indices_.tolist())) == len(got.sample_indices_)
    assert len(got.sample_indices_) == 150 or name_of(sampler) in HONESTLY_FEWER


@all_samplers
def test_same_seed_same_rows(sampler, blobs):
    X, y = blobs
    np.testing.assert_array_equal(
        fitted(sampler, X, y).sample_indices_, fitted(sampler, X, y).sample_indices_
    )


def test_another_seed_other_rows(blobs):
    picks = {tuple(Uniform(30, random_state=s).fit(*blobs).sample_indices_) for s in range(5)}
    assert len(picks) == 5


def test_global_seed_is_left_alone(blobs):
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for sampler in SAMPLERS + VARIANTS:
        fitted(sampler, *blobs)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


# Their time is at least quadratic in the number of samples, or that of fits of a model. The others
# do more at once (pools, threads) with more samples.
SLOW = {
    "BlackBoxTeaching",
    "CRAIG",
    "ContrastiveActiveLearning",
    "Coreset",
    "DeepFool",
    "FacilityLocation",
    "GraphCut",
    "KNNShapley",
    "ProbCover",
    "UncertaintyHerding",
}


@all_samplers
def test_blocks_and_threads_do_not_matter(sampler, rng):
    n = 1500 if name_of(sampler) in SLOW else 3000
    X, y = make_classification(n, 40, n_informative=10, n_classes=3, random_state=0)
    X[n // 2 :][:100] = X[:100]  # duplicates: exact ties
    y[n // 2 :][:100] = y[:100]
    reference = fitted(sampler, X, y, coreset_size=n // 10)
    # Neither all pairs of samples fit into 0.25 MiB nor those of a class, and X does not either.
    for megabytes, threads in ((0.25, 1), (0.25, 2), (16, 1)):
        with sklearn.config_context(working_memory=megabytes), threadpool_limits(threads):
            got = fitted(sampler, X, y, coreset_size=n // 10)
        np.testing.assert_array_equal(got.sample_indices_, reference.sample_indices_)
        np.testing.assert_allclose(got.sample_weight_, reference.sample_weight_)


@all_samplers
def test_clone_and_pickle(sampler, blobs):
    X, y = blobs
    got = fitted(sampler, X, y)
    assert clone(got).get_params().keys() == got.get_params().keys()
    assert not hasattr(clone(got), "sample_indices_")
    back = pickle.loads(pickle.dumps(got))
    np.testing.assert_array_equal(back.sample_indices_, got.sample_indices_)
    if hasattr(got, "score_samples"):
        np.testing.assert_array_equal(back.score_samples(X), got.score_samples(X))


# weights in --------------------------------------------------------------------------------


@all_samplers
def test_weight_of_the_rows_is_kept(sampler, blobs, rng):
    X, y = blobs
    w = rng.random(300) * 5
    w[:40] = 0
    got = fitted(sampler, X, y, sample_weight=w)
    assert got.sample_weight_.sum() == pytest.approx(w.sum())
    assert (got.sample_weight_ > 0).all()
    assert got.sample_indices_.min() >= 40
    assert len(got.sample_indices_) == 26  # a tenth of the 260 that are there
    for label in range(3) if name_of(sampler) not in ONE_FACTOR else []:
        mine = y[got.sample_indices_] == label
        assert got.sample_weight_[mine].sum() == pytest.approx(w[y == label].sum())
    with pytest.raises(ValueError, match="there are 260 of positive weight"):
        fitted(sampler, X, y, sample_weight=w, coreset_size=261)


@deterministic
def test_weight_zero_is_absent(sampler, blobs, rng):
    X, y = blobs
    present = rng.random(300) < 0.7
    here = fitted(sampler, X, y, sample_weight=present.astype(float), coreset_size=30)
    there = fitted(sampler, X[present], y[present], coreset_size=30)
    np.testing.assert_array_equal(
        here.sample_indices_, np.flatnonzero(present)[there.sample_indices_]
    )


def test_integer_weights_are_repeated_rows(blobs, rng):
    """k-center looks at places, not at how often a row is there: exact equality."""
    X, y = blobs
    w = rng.integers(0, 4, 300)
    rows = np.repeat(np.arange(300), w)
    weighted = KCenterGreedy(40).fit(X, y, sample_weight=w)
    repeated = KCenterGreedy(40).fit(X[rows], y[rows])
    np.testing.assert_array_equal(weighted.sample_indices_, rows[repeated.sample_indices_])
    np.testing.assert_allclose(weighted.sample_weight_, repeated.sample_weight_)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.full(300, -1.0), r"sample_weight\[0\] = -1.0 is negative"),
        (np.zeros(300), "sample_weight is zero for every sample"),
        (np.ones(299), r"shape \(299,\); one weight per sample is \(300,\)"),
        (np.full(300, np.nan), "sample_weight contains NaN"),
    ],
)
@all_samplers
def test_bad_weights(sampler, weight, message, blobs):
    with pytest.raises(ValueError, match=message):
        fitted(sampler, *blobs, sample_weight=weight)


# containers --------------------------------------------------------------------------------


def containers(X, y):
    """Kind: (X, y, function to compare with)."""
    names = [f"f{i}" for i in range(X.shape[1])]
    index = [f"row {i}" for i in range(len(y))]
    frame = pd.DataFrame(X, columns=names, index=index).astype({"f0": np.float32})
    return {
        "pandas": (frame, pd.Series(y, index=index, name="label")),
        "polars": (pl.DataFrame(X, schema=names), pl.Series("label", y)),
        "pyarrow": (pa.table(dict(zip(names, X.T, strict=True))), pa.array(y)),
        "csr_matrix": (sparse.csr_matrix(X), y),
        "csc_matrix": (sparse.csc_matrix(X), y),
        "csr_array": (sparse.csr_array(X), y),
        "coo_array": (sparse.coo_array(X), y),
        "lists": (X.tolist(), y.tolist()),
        "float32": (X.astype(np.float32), y.astype(np.int8)),
        "fortran": (np.asfortranarray(X), y),
    }


@pytest.fixture(scope="module")
def rounded_blobs(blobs):
    X, y = blobs
    return X.astype(np.float32).astype(np.float64), y  # float32 columns select the same rows


@pytest.fixture(scope="module")
def picks_of_an_array(rounded_blobs):
    """What each sampler selects from an array; the containers are compared with it."""
    samplers = {params_of(sampler): sampler for sampler in SAMPLERS}
    return cache(lambda name: fitted(samplers[name], *rounded_blobs).sample_indices_)


@pytest.mark.parametrize("kind", list(containers(np.zeros((3, 2)), np.zeros(3))))
@each_sampler
def test_containers_come_back(sampler, kind, rounded_blobs, picks_of_an_array):
    X, y = rounded_blobs
    X_in, y_in = containers(X, y)[kind]
    got = clone(sampler)
    X_out, y_out = got.fit_resample(X_in, y_in)
    assert type(X_out) is type(X_in)
    assert type(y_out) is type(y_in)
    kept = got.sample_indices_
    dense = X_out.toarray() if sparse.issparse(X_out) else np.asarray(X_out, dtype=float)
    np.testing.assert_array_equal(dense, X[kept])
    np.testing.assert_array_equal(np.asarray(y_out), y[kept])
    if kind == "pandas":
        assert X_out.index.tolist() == [f"row {i}" for i in kept]
        assert X_out.dtypes.tolist() == X_in.dtypes.tolist()
        assert y_out.name == "label"
        assert y_out.index.tolist() == X_out.index.tolist()
        assert got.feature_names_in_.tolist() == X_in.columns.tolist()
    if kind in ("float32", "fortran", "csr_array", "coo_array"):
        assert X_out.dtype == X_in.dtype
        assert y_out.dtype == y_in.dtype
    if kind != "float32":  # the model sees rounded values
        np.testing.assert_array_equal(kept, picks_of_an_array(params_of(sampler)))


@label_free
def test_without_labels_and_with_a_continuous_target(sampler, blobs):
    X, _ = blobs
    X_small, nothing = clone(sampler).fit_resample(X)
    assert nothing is None
    assert X_small.shape == (30, 20)
    target = X[:, 0] * 1.5 + 0.1
    got = clone(sampler)
    X_same, target_small = got.fit_resample(X, target)
    if name_of(sampler) != "Coreset":  # it joins a continuous target to the features
        np.testing.assert_array_equal(X_small, X_same)
    np.testing.assert_array_equal(target_small, target[got.sample_indices_])
    assert not hasattr(got, "classes_")
    both = np.column_stack([target, -target])
    np.testing.assert_array_equal(
        clone(sampler).fit_resample(X, both)[1], both[got.sample_indices_]
    )


@each_sampler
@pytest.mark.parametrize("labels", [["no", "maybe", "yes"], [-1, 7, 300], [True, False]])
def test_any_labels(sampler, labels, blobs):
    X, y = blobs
    y = y % len(labels)
    named = np.array(labels)[y]
    got, plain = fitted(sampler, X, named), fitted(sampler, X, y)
    if labels == sorted(labels):
        np.testing.assert_array_equal(got.sample_indices_, plain.sample_indices_)
    assert got.classes_.tolist() == sorted(labels)
    assert set(got.sampling_strategy_) == set(labels)
    assert sum(got.sampling_strategy_.values()) == len(got.sample_indices_)


@each_sampler
def test_array_api_strict_selects_what_numpy_selects(sampler, blobs):
    X, y = blobs
    reference = fitted(sampler, X, y)
    for device in ("CPU_DEVICE", "device1"):
        device = array_api_strict.Device(device)
        X_in = array_api_strict.asarray(X, device=device)
        y_in = array_api_strict.asarray(y, device=device)
        got = clone(sampler)
        X_out, y_out = got.fit_resample(X_in, y_in)
        np.testing.assert_array_equal(got.sample_indices_, reference.sample_indices_)
        np.testing.assert_allclose(got.sample_weight_, reference.sample_weight_)
        assert X_out.device == device
        assert y_out.device == device
        assert X_out.shape == (30, 20)


def test_a_table_of_anything_for_uniform():
    X = pd.DataFrame({"a": ["x", None] * 20, "b": pd.Categorical(["u", "v"] * 20), "c": np.nan})
    X_small, _ = Uniform(0.5, random_state=0).fit_resample(X)
    assert X_small.dtypes.tolist() == X.dtypes.tolist()
    assert len(X_small) == 20


# errors ------------------------------------------------------------------------------------


@label_free
def test_numbers_are_checked(sampler, blobs):
    X, y = blobs
    if isinstance(sampler, Uniform):
        pytest.skip("looks at no value")
    for bad in (np.nan, np.inf):
        broken = X.copy()
        broken[3, 3] = bad
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            fitted(sampler, broken, y)
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            fitted(sampler, array_api_strict.asarray(broken), y)


@all_samplers
def test_other_errors(sampler, blobs):
    X, y = blobs
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted(sampler, X, y[:-1])
    with pytest.raises(ValueError, match="1D array"):
        fitted(sampler, X[:, 0], y)
    with pytest.raises(ValueError, match="Multilabel and multioutput"):
        fitted(sampler, X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match=r"y contains (NaN|infinity)"):
        fitted(sampler, X, np.where(y == 0, np.nan, y))
    with pytest.raises(ValueError, match="larger than the number of samples"):
        fitted(sampler, X, y, coreset_size=301)


@label_free
def test_X_is_searched_for_nan_once(sampler, blobs, monkeypatch):
    X, y = blobs
    sizes, plain = [], sklearn.utils.validation._assert_all_finite

    def search(array, *args, **kwargs):
        if not sklearn.get_config()["assume_finite"]:
            sizes.append(np.size(array))
        return plain(array, *args, **kwargs)

    monkeypatch.setattr(sklearn.utils.validation, "_assert_all_finite", search)
    fitted(sampler, X, y)
    assert sizes.count(X.size) == (0 if isinstance(sampler, Uniform) else 1)


@deterministic
def test_weights_times_a_constant(sampler, blobs, rng):
    """They are the same weights, also where a class weighs next to nothing."""
    X, y = blobs
    if hasattr(sampler, "estimator"):
        model = LogisticRegression(max_iter=1000).fit(X, y)
        sampler = clone(sampler).set_params(estimator=FrozenEstimator(model))
    if getattr(sampler, "cv", None) is not None:
        pytest.skip("takes no fitted classifier")
    w = (rng.integers(1, 5, 300)) * np.where(y == 1, 1e-30, 1.0)
    params = {"stratify": "balanced", "coreset_size": 30}
    here, there = (fitted(sampler, X, y, sample_weight=c * w, **params) for c in (1.0, 3e-40))
    np.testing.assert_array_equal(here.sample_indices_, there.sample_indices_)
    np.testing.assert_allclose(3e-40 * here.sample_weight_, there.sample_weight_)


class Half(BaseMetricCoreset):
    """A method as the design page describes it: half of each group, nearest to its first sample."""

    _stops_early = "half of them will do"

    _parameter_constraints = {
        **BaseMetricCoreset._parameter_constraints,
        "coreset_size": [*BaseMetricCoreset._parameter_constraints["coreset_size"], None],
    }

    def __init__(self, coreset_size=0.1, *, metric="euclidean", stratify="proportional"):
        self.coreset_size = coreset_size
        self.metric = metric
        self.stratify = stratify

    def _device_work(self, X, groups):
        return metric_on_host(self.metric) or product_work(X, groups)

    def _pick(self, X, group):
        distances = pairs(X, self.metric, rows=group.rows).distances([0], slice(0, None))[0]
        near = np.argsort(distances, kind="stable")[: max(1, group.size // 2)]
        return Picks(near, per_pick={"distances_": distances[near]})


def test_a_method_that_stops_early_warns_in_the_words_of_the_base(blobs):
    X, y = blobs
    message = (
        "5 samples of the class 1 were selected, fewer than the budget of 10: half of them will do."
    )
    with pytest.warns(UserWarning, match=re.escape(message)):
        got = Half({0: 1, 1: 10, 2: 0}).fit(X, y)
    assert got.sampling_strategy_ == {0: 1, 1: 5, 2: 0}
    assert got.distances_.shape == (6,)
    assert got.sample_weight_.sum() == pytest.approx(300)
    assert got.__sklearn_tags__().input_tags.pairwise is False
    every = Half(None, metric="cosine").fit(X, y)  # its own end is no surprise
    assert every.get_support().sum() == sum(n // 2 for n in Counter(y.tolist()).values())
    with pytest.raises(ValueError, match="NaN"):
        Half(10).fit(np.where(X[3, 3] == X, np.nan, X), y)


# where samplers go ---------------------------------------------------------------------------


@each_sampler
def test_imblearn_pipeline(sampler, blobs):
    X, y = blobs
    pipe = imblearn_pipeline(clone(sampler).set_params(coreset_size=90), LinearSVC(random_state=0))
    pipe.fit(X, y)
    X_small, y_small = clone(sampler).set_params(coreset_size=90).fit_resample(X, y)
    alone = LinearSVC(random_state=0).fit(X_small, y_small)
    np.testing.assert_allclose(pipe[-1].coef_, alone.coef_)


@each_sampler
def test_metadata_routing_of_the_weight(sampler, blobs, rng):
    X, y = blobs
    w = rng.random(300) + 0.1
    with sklearn.config_context(enable_metadata_routing=True):
        step = clone(sampler).set_fit_resample_request(sample_weight=True)
        step.set_fit_request(sample_weight=True)  # imblearn's Pipeline.fit asks for both
        pipe = imblearn_pipeline(step, LogisticRegression().set_fit_request(sample_weight=False))
        pipe.fit(X, y, sample_weight=w)
    assert pipe[0].sample_weight_.sum() == pytest.approx(w.sum())


@each_sampler
def test_feature_names_out(sampler, blobs):
    X, y = blobs
    names = [f"f{i}" for i in range(20)]
    got = fitted(sampler, pd.DataFrame(X, columns=names), y)
    assert got.get_feature_names_out().tolist() == names


class Recorder:
    """A callback that counts what it is told."""

    def __init__(self):
        self.events = Counter()

    def setup(self, estimator, context):
        self.events["setup"] += 1

    def on_fit_task_begin(self, estimator, context):
        self.events["begin"] += 1

    def on_fit_task_end(self, estimator, context):
        self.events["end"] += 1

    def teardown(self, estimator, context):
        self.events["teardown"] += 1


@all_samplers
def test_progress(sampler, blobs):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    recorder = Recorder()
    clone(sampler).set_callbacks(recorder).fit(*blobs)
    # one task for the fit, and one for each of the 30 rows (a hundredth if they are more)
    assert recorder.events == {"setup": 1, "begin": 31, "end": 31, "teardown": 1}


def test_progress_is_closed_when_interrupted(blobs):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")

    class Interrupt(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    recorder = Interrupt()
    sampler = KCenterGreedy(30).set_callbacks(recorder)
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(*blobs)
    assert recorder.events["teardown"] == 1
    assert not hasattr(sampler, "sample_indices_")


# what a reader with fresh eyes found -----------------------------------------------------------


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string", "category", "str"])
def test_pandas_labels_keep_what_they_are(dtype, blobs):
    X, y = blobs
    values = {"boolean": y > 0, "Int64": 2**60 + y}.get(dtype, y.astype(str))
    target = pd.Series(values).astype(dtype)
    got = Uniform(30, random_state=0).fit(X, target)
    assert got.classes_.tolist() == sorted(set(np.asarray(values).tolist()))
    assert got.get_support().sum() == 30


@pytest.mark.parametrize("dtype", [object, "category", "string", "Int64"])
def test_missing_labels_are_named(dtype, blobs):
    X, y = blobs
    target = pd.Series(y if dtype == "Int64" else y.astype(str)).astype(dtype)
    target[7] = None
    with pytest.raises(ValueError, match="y contains NaN: row 7"):
        Uniform(30).fit(X, target)


def test_a_class_of_weight_zero_is_absent_for_the_classifier_too(blobs):
    X, y = blobs
    w = (y < 2).astype(float)
    for Sampler in (Margin, CRAIG):
        got = Sampler(SVC(), 20).fit(X, y, sample_weight=w)
        assert got.estimator_.classes_.tolist() == [0, 1]
        assert set(y[got.sample_indices_]) == {0, 1}
    with pytest.raises(ValueError, match="one class with samples of positive weight: 2"):
        Margin(coreset_size=4).fit(X, y, sample_weight=(y == 2).astype(float))


def test_one_value_a_class_inside_wrappers(blobs):
    X, y = make_blobs(80, centers=4, cluster_std=3, random_state=0)
    pairwise = SVC(decision_function_shape="ovo").fit(X, y)
    expected = Margin(SVC().fit(X, y), 8).fit(X, y)
    search = GridSearchCV(SVC(decision_function_shape="ovo"), {"C": [1.0]}, cv=2)
    for wrapped in (pairwise, FrozenEstimator(pairwise), search):
        got = Margin(wrapped, 8).fit(X, y)
        np.testing.assert_allclose(got.scores_, expected.scores_)
    out_of_fold = Margin(search, 8, cv=3).fit(X, y).scores_
    np.testing.assert_allclose(out_of_fold, Margin(SVC(), 8, cv=3).fit(X, y).scores_)


@pytest.mark.parametrize("Sampler", [FacilityLocation, GraphCut])
def test_no_pick_stands_for_nothing(Sampler, rng):
    near = rng.random((60, 60)) < 0.1
    near |= near.T
    np.fill_diagonal(near, False)
    for S in (near.astype(float), sparse.csr_array(near.astype(float))):
        got = Sampler(30, metric="precomputed").fit(S)
        assert (got.sample_weight_ > 0).all()


def test_a_failed_fit_leaves_the_last_one(blobs):
    X, y = blobs
    sampler = Margin(coreset_size=6).fit(X, y)
    before = sampler.score_samples(X)
    with pytest.raises(ValueError, match="requires y"):
        sampler.set_params(estimator=LinearSVC()).fit(X)
    np.testing.assert_array_equal(sampler.score_samples(X), before)


def test_more_errors_before_any_work(blobs):
    X, y = blobs
    first = int(np.flatnonzero(y == 0)[0])
    for Sampler in (KCenterGreedy, FacilityLocation):
        with pytest.raises(ValueError, match="classes of which coreset_size selects none"):
            Sampler({0: 0, 1: 3, 2: 3}, init=[first]).fit(X, y)
    with pytest.raises(ValueError, match="frozen before it was fitted"):
        Margin(FrozenEstimator(SVC()), 6).fit(X, y)
    with pytest.raises(ValueError, match="kernel_params"):
        Herding(6, kernel_params={"gamma": 1}).fit(X)
    with pytest.raises(ValueError, match="sums to infinity"):
        Uniform(6).fit(X, sample_weight=np.full(300, 1e308))
    with pytest.raises(ValueError, match="distances of at least 0"):
        KCenterGreedy(6, metric="precomputed").fit(-np.ones((9, 9)))
    with pytest.raises(TypeError, match="takes a dense matrix of distances"):
        KCenterGreedy(6, metric="precomputed").fit(sparse.csr_array(np.ones((9, 9))))
    model = CoresetClassifier(LogisticRegression(), RandomUnderSampler())
    with pytest.raises(ValueError, match=r"RandomUnderSampler\(\) does not support sample_weight"):
        model.fit(X, y, sample_weight=np.ones(300))
    model = CoresetClassifier(KNeighborsClassifier(), use_weights=np.True_)
    with pytest.raises(ValueError, match="use_weights=True"):
        model.fit(X, y)


# a fit that does not end -------------------------------------------------------------------


@each_sampler
def test_an_interrupted_fit_leaves_what_was_there(sampler, blobs, monkeypatch):
    X, y = blobs
    first, again = clone(sampler), fitted(sampler, X, y, coreset_size=20)
    before = dict(vars(again))

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(sampler), "_publish", interrupted)
    for each in (first, again):
        with pytest.raises(KeyboardInterrupt):
            each.fit(X[::2, :1], y[::2])
    assert vars(again).keys() == before.keys()
    assert all(vars(again)[name] is value for name, value in before.items())
    with pytest.raises(NotFittedError):
        first.get_support()


@each_sampler
def test_a_dict_is_no_table(sampler, blobs):
    X, y = blobs
    with pytest.raises((TypeError, ValueError)):
        clone(sampler).fit({f"x{j}": X[:, j] for j in range(3)}, y)
