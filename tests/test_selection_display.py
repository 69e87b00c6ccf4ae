"""SelectionDisplay and DataMapDisplay: the figures hold what the sampler selected."""

import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from scipy import sparse
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.preprocessing import StandardScaler

from skcoreset import (
    EL2N,
    AreaUnderMargin,
    CoresetClassifier,
    CoverageCentric,
    DataMap,
    DataMapDisplay,
    Forgetting,
    KCenterGreedy,
    SelectionDisplay,
    TrainingDynamics,
    Uniform,
)


@pytest.fixture(autouse=True)
def pyplot():
    mpl.use("agg")
    yield plt
    plt.close("all")


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def places(collection):
    return np.asarray(collection.get_offsets())


def overlap(display):
    """Whether texts of the figure overlap, or are cut off at its edge."""
    display.figure_.canvas.draw()
    renderer = display.figure_.canvas.get_renderer()
    ax = display.ax_
    artists = [ax.title, ax.xaxis.label, ax.yaxis.label]
    artists += [one for one in (getattr(display, "legend_", None),) if one is not None]
    boxes = [one.get_window_extent(renderer) for one in artists]
    width, height = display.figure_.get_size_inches() * display.figure_.dpi
    inside = all(
        box.x0 >= -2 and box.y0 >= -2 and box.x1 <= width + 2 and box.y1 <= height + 2
        for box in boxes
    )
    apart = not any(
        one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[at + 1 :]
    )
    return not (inside and apart)


# SelectionDisplay -------------------------------------------------------------------------------


def test_two_features_are_plotted_as_they_are(iris):
    X, y = iris[0][:, :2], iris[1]
    sampler = KCenterGreedy(12).fit(X, y)
    display = SelectionDisplay.from_sampler(sampler, X, y)
    assert np.array_equal(places(display.samples_), X)
    order = np.argsort(-sampler.sample_weight_, kind="stable")
    assert np.array_equal(places(display.selected_), X[sampler.sample_indices_[order]])
    areas = display.selected_.get_sizes()
    weight = sampler.sample_weight_[order]
    assert areas / areas[0] == pytest.approx(weight / weight[0])
    assert display.ax_.get_xlabel() == "feature 0"
    assert display.ax_.get_title() == "KCenterGreedy: 12 of 150 samples"
    assert display.figure_ is display.ax_.figure


def test_colors_are_those_of_the_classes(iris):
    X, y = iris
    names = np.array(["a", "b", "c"])[y]
    sampler = Uniform(9, random_state=0).fit(X, names)
    display = SelectionDisplay.from_sampler(sampler, X, names)
    expected = np.array([to_rgba(f"C{c}") for c in y])
    assert display.samples_.get_facecolors()[:, :3] == pytest.approx(expected[:, :3])
    selected = expected[sampler.sample_indices_]
    assert display.selected_.get_facecolors()[:, :3] == pytest.approx(selected[:, :3])
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == ["a", "b", "c", "selected"]
    assert display.colorbar_ is None


def test_pca_of_the_scaled_features(iris):
    X, y = iris
    display = SelectionDisplay.from_sampler(Uniform(9).fit(X, y), X, y, features=StandardScaler())
    pca = PCA(2).fit(StandardScaler().fit_transform(X))
    expected = pca.transform(StandardScaler().fit_transform(X))
    assert np.abs(places(display.samples_)) == pytest.approx(np.abs(expected))
    share = pca.explained_variance_ratio_[0]
    assert display.ax_.get_xlabel() == f"component 1 ({share:.0%} of variance)"


def test_other_projections(iris):
    X, y = iris
    sampler = Uniform(9, random_state=0).fit(X, y)
    projection = TruncatedSVD(3)
    first, second = (
        SelectionDisplay.from_sampler(sampler, X, y, projection=projection) for _ in range(2)
    )
    assert np.array_equal(first.points, second.points)
    assert first.points.shape == (150, 2)
    assert first.ax_.get_xlabel() == "TruncatedSVD 1"
    assert not hasattr(projection, "components_")
    with pytest.raises(ValueError, match=r"shape \(150, 1\) for 150 samples"):
        SelectionDisplay.from_sampler(sampler, X, y, projection=PCA(1))


def test_continuous_target():
    X, y = load_diabetes(return_X_y=True)
    sampler = Uniform(20, random_state=0).fit(X)
    display = SelectionDisplay.from_sampler(sampler, X, y)
    assert np.array_equal(display.samples_.get_array(), y)
    assert np.array_equal(display.selected_.get_array(), y[sampler.sample_indices_])
    assert display.samples_.get_clim() == display.selected_.get_clim() == (y.min(), y.max())
    assert display.colorbar_.ax.get_ylabel() == "target"
    with pytest.raises(ValueError, match="y has 2 outputs"):
        SelectionDisplay.from_sampler(sampler, X, np.column_stack([y, y]))


def test_no_target(iris):
    X, _ = iris
    display = SelectionDisplay.from_sampler(Uniform(9).fit(X), X)
    assert [text.get_text() for text in display.legend_.get_texts()] == ["selected"]
    assert len(np.unique(display.samples_.get_facecolors(), axis=0)) == 1


@pytest.mark.parametrize("n_classes", [1, 10, 15, 30])
def test_each_class_has_a_color(n_classes):
    y = np.arange(300) % n_classes
    X = np.random.default_rng(0).standard_normal((300, 3))
    display = SelectionDisplay.from_sampler(Uniform(60).fit(X, y), X, y)
    colors = np.unique(display.samples_.get_facecolors(), axis=0)
    assert len(colors) == n_classes
    assert len(display.legend_.get_texts()) == (n_classes + 1 if n_classes <= 20 else 1)


def test_unequal_weights_are_in_the_legend(iris):
    X, y = iris
    sampler = KCenterGreedy(12).fit(X, y)
    display = SelectionDisplay.from_sampler(sampler, X, y)
    low, high = sampler.sample_weight_.min(), sampler.sample_weight_.max()
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts[-2:] == [f"weight {low:.3g}", f"weight {high:.3g}"]


def test_areas_are_limited():
    X = np.random.default_rng(0).standard_normal((500, 2))
    X[:29] *= 1000  # all of the others are represented by one sample
    sampler = KCenterGreedy(30).fit(X)
    assert sampler.sample_weight_.max() > 450
    display = SelectionDisplay.from_sampler(sampler, X)
    areas = display.selected_.get_sizes()
    assert areas.max() <= 300 * (1 + 1e-9)
    assert areas.max() / areas.min() == pytest.approx(
        sampler.sample_weight_.max() / sampler.sample_weight_.min()
    )


def test_max_samples(iris):
    X, y = iris
    sampler = Uniform(12, random_state=0).fit(X, y)
    display = SelectionDisplay.from_sampler(sampler, X[:, :2], y, max_samples=30)
    assert display.points.shape == (42, 2)
    assert np.array_equal(display.points[display.selected], X[sampler.sample_indices_, :2])
    assert display.ax_.get_title() == "Uniform: 12 of 150 samples"


def test_tables_as_they_are(iris):
    X, y = iris
    sampler = Uniform(9, random_state=0).fit(X, y)
    frame = pd.DataFrame(X[:, :2], columns=["length", "width"])
    display = SelectionDisplay.from_sampler(sampler, frame, y)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")
    frame["kind"] = np.array(["x", "y", None])[y]
    frame.loc[3, "length"] = np.nan
    display = SelectionDisplay.from_sampler(sampler, frame, y)
    assert np.isfinite(display.points).all()
    dense = SelectionDisplay.from_sampler(sampler, X, y, features=None)
    thin = SelectionDisplay.from_sampler(sampler, sparse.csr_array(X), y, features=None)
    assert np.abs(thin.points) == pytest.approx(np.abs(dense.points))
    one = SelectionDisplay.from_sampler(sampler, X[:, :1], y)
    assert np.array_equal(one.points[:, 1], y)


def test_texts():
    texts = ["a b", "b c", "c d", "a d", "e f", "a a"]
    sampler = Uniform(2, random_state=0).fit(texts)
    with pytest.raises(ValueError, match="TfidfVectorizer"):
        SelectionDisplay.from_sampler(sampler, texts)
    words = TfidfVectorizer(token_pattern=r"\w")
    assert SelectionDisplay.from_sampler(sampler, texts, features=words).points.shape == (6, 2)


def test_axes_and_keywords(iris):
    X, y = iris
    sampler = Uniform(9, random_state=0).fit(X, y)
    _, axes = plt.subplots(1, 2)
    display = SelectionDisplay.from_sampler(
        sampler,
        X,
        y,
        ax=axes[1],
        legend=False,
        name="mine",
        samples_kw={"s": 3, "alpha": 1},
        selected_kw={"edgecolors": "red"},
    )
    assert display.ax_ is axes[1]
    assert display.ax_.get_title() == "mine"
    assert display.legend_ is None
    assert display.samples_.get_sizes().tolist() == [3]
    assert display.selected_.get_edgecolors()[0] == pytest.approx(to_rgba("red"))
    again = display.plot(ax=axes[0], legend_kw={"title": "classes"})
    assert again is display
    assert display.ax_ is axes[0]
    assert display.legend_.get_title().get_text() == "classes"


def test_constructor_needs_only_points():
    display = SelectionDisplay(points=np.arange(8.0).reshape(4, 2), selected=[1]).plot()
    assert places(display.selected_).tolist() == [[2, 3]]
    assert display.ax_.get_title() == ""


def test_a_model_that_selected_its_samples(iris):
    X, y = iris
    model = CoresetClassifier(LogisticRegression(max_iter=500), KCenterGreedy(12)).fit(X, y)
    display = SelectionDisplay.from_sampler(model, X, y)
    assert display.ax_.get_title() == "KCenterGreedy: 12 of 150 samples"


def test_errors(iris):
    X, y = iris
    with pytest.raises(ValueError, match="has no sample_indices_"):
        SelectionDisplay.from_sampler(Uniform(9), X, y)
    with pytest.raises(ValueError, match="was fitted on 150 samples, but X has 100"):
        SelectionDisplay.from_sampler(Uniform(9).fit(X, y), X[:100], y[:100])


def test_a_title_breaks_between_words_and_fits_narrow_axes():
    name = "TransformedContrastiveActiveLearning + one-sided selection: 30 of 604 samples"
    figure, axes = plt.subplots(1, 4, figsize=(8, 3), layout="constrained")
    sizes = {}
    for ax, title in zip(axes, [name, "KCenterGreedy: 3 of 8 samples", "", None], strict=True):
        points = np.arange(16.0).reshape(8, 2)
        SelectionDisplay(points=points, selected=[1], name=title).plot(ax, legend=False)
        figure.canvas.draw()
        assert ax.get_title().split() == (title or "").split()
        assert ax.title.get_window_extent().width <= ax.get_window_extent().width
        sizes[title] = ax.title.get_fontsize()
    assert sizes[name] < sizes["KCenterGreedy: 3 of 8 samples"]


@pytest.mark.parametrize("width", [3, 6.4])
def test_texts_of_the_figure_do_not_overlap(width):
    X, y = load_digits(return_X_y=True)
    X, y = X[:400], y[:400]
    _, ax = plt.subplots(figsize=(width, 3.4), layout="constrained")
    display = SelectionDisplay.from_sampler(KCenterGreedy(50).fit(X, y), X, y, ax=ax)
    assert not overlap(display)


# DataMapDisplay ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dynamics(iris):
    X, y = iris
    model = SGDClassifier(loss="log_loss")
    return TrainingDynamics.from_estimator(model, X, y, n_epochs=5, random_state=0)


def test_data_map_of_a_sampler(iris, dynamics):
    X, y = iris
    sampler = DataMap(dynamics=dynamics, coreset_size=12).fit(X, y)
    display = DataMapDisplay.from_sampler(sampler)
    expected = np.column_stack([sampler.variability_, sampler.confidence_])
    assert np.array_equal(places(display.samples_), expected)
    assert np.array_equal(places(display.selected_), expected[sampler.sample_indices_])
    assert np.array_equal(display.samples_.get_array(), sampler.correctness_)
    assert display.samples_.get_clim() == display.selected_.get_clim() == (0, 1)
    assert display.ax_.get_title() == "DataMap: 12 of 150 samples"
    assert [text.get_text() for text in display.texts_] == ["easy", "hard", "ambiguous"]


@pytest.mark.parametrize("method", [AreaUnderMargin, Forgetting, EL2N])
def test_other_samplers_with_a_record(iris, dynamics, method):
    X, y = iris
    sampler = method(dynamics=dynamics, coreset_size=12).fit(X, y)
    display = DataMapDisplay.from_sampler(sampler, regions=False)
    assert np.array_equal(display.confidence, dynamics.confidence_)
    assert np.array_equal(display.selected, sampler.sample_indices_)
    assert display.texts_ == []


@pytest.mark.parametrize("method", [DataMap, AreaUnderMargin])
def test_samples_of_weight_zero_are_left_out(iris, method):
    X, y = iris
    weight = np.tile([0, 1, 2.0], 50)
    sampler = method(coreset_size=12, n_epochs=3, random_state=0).fit(X, y, weight)
    display = DataMapDisplay.from_sampler(sampler)
    assert np.array_equal(np.isnan(display.confidence), weight == 0)
    assert np.isfinite(places(display.selected_)).all()
    display.figure_.canvas.draw()


def test_data_map_of_a_record(dynamics):
    display = DataMapDisplay.from_dynamics(dynamics)
    assert display.selected_ is None
    assert np.array_equal(places(display.samples_)[:, 1], dynamics.confidence_)
    display = DataMapDisplay.from_dynamics(dynamics, selected=[3, 5], name="mine")
    assert np.array_equal(places(display.selected_)[:, 1], dynamics.confidence_[[3, 5]])
    assert display.ax_.get_title() == "mine"
    assert not overlap(display)


def test_a_record_without_probabilities(iris):
    X, y = iris
    sampler = AreaUnderMargin(SGDClassifier(), 12, random_state=0).fit(X, y)
    with pytest.raises((AttributeError, TypeError, ValueError), match="probabilities"):
        DataMapDisplay.from_sampler(sampler)


def test_a_sampler_without_a_record(iris):
    X, y = iris
    with pytest.raises(ValueError, match="has no dynamics_"):
        DataMapDisplay.from_sampler(Uniform(9).fit(X, y))
    with pytest.raises(ValueError, match="has no dynamics_"):
        DataMapDisplay.from_sampler(DataMap())


def test_matplotlib_is_required_only_to_plot(iris, monkeypatch):
    X, y = iris
    sampler = Uniform(9).fit(X, y)
    display = SelectionDisplay(points=X[:, :2], selected=[0])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for plot in (display.plot, lambda: SelectionDisplay.from_sampler(sampler, X, y)):
        with pytest.raises(ImportError, match=r"SelectionDisplay\.\w+ requires matplotlib"):
            plot()


def test_coverage_centric_shows_its_own_selection(iris):
    """Its fitted `sampler_`, whose scores it uses, has selected other samples."""
    X, y = iris
    scores = EL2N(SGDClassifier(loss="log_loss", random_state=0))
    sampler = CoverageCentric(scores, 12, random_state=0).fit(X, y)
    display = SelectionDisplay.from_sampler(sampler, X, y)
    np.testing.assert_array_equal(np.sort(display.selected), np.sort(sampler.sample_indices_))
