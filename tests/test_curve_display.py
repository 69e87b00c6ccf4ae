"""CoresetCurveDisplay: what is drawn, on which axes, and the values behind it."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LearningCurveDisplay

from skcoreset import CoresetCurveDisplay, Herding, KCenterGreedy, coreset_curve

SIZES = [0.05, 0.1, 0.5]
GIVEN = {
    "samplers": [Herding(), KCenterGreedy()],
    "coreset_sizes": SIZES,
    "n_uniform": 2,
    "cv": 3,
    "random_state": 0,
    "return_train_score": True,
}


@pytest.fixture(scope="module")
def results(blobs):
    return coreset_curve(LogisticRegression(), *blobs, **GIVEN)


@pytest.fixture(scope="module")
def several(blobs):
    scoring = ["accuracy", "neg_log_loss"]
    return coreset_curve(LogisticRegression(), *blobs, **GIVEN, scoring=scoring)


@pytest.fixture(autouse=True)
def no_window():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def statistics(results, draws="test_draws"):
    """Mean and standard deviation of each sampler and size, over splits and draws."""
    for name in results.sampler_names:
        values = [results[draws][name][:, k].ravel() for k in range(len(SIZES))]
        yield np.mean(values, axis=1), np.std(values, axis=1)


def band(artist):
    """(lowest, highest) of a band at each place on the axis of x."""
    corners = artist.get_paths()[0].vertices
    places = np.unique(corners[:, 0])
    columns = [corners[corners[:, 0] == x, 1] for x in places]
    return np.array([(column.min(), column.max()) for column in columns]).T


def test_lines_bands_and_the_line_of_all_samples(results):
    display = CoresetCurveDisplay.from_results(results)
    assert len(display.lines_) == len(display.fill_between_) == 3
    rows = [10, 20, 100]
    for line, filled, (mean, std) in zip(
        display.lines_, display.fill_between_, statistics(results), strict=True
    ):
        np.testing.assert_allclose(line.get_xdata(), rows)
        np.testing.assert_allclose(line.get_ydata(), mean)
        np.testing.assert_allclose(band(filled), [mean - std, mean + std])
        assert to_rgba(line.get_color())[:3] == tuple(filled.get_facecolor()[0][:3])
    assert display.errorbar_ is None
    level = results.full_test_scores.mean()
    np.testing.assert_allclose(display.full_line_.get_ydata(), [level, level])
    assert display.ax_.get_xlabel() == "Number of samples in the coreset"
    assert display.ax_.get_ylabel() == "Accuracy"
    assert display.figure_ is display.ax_.figure
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["Herding", "KCenterGreedy", "Uniform (2 draws)", "All samples (200)"]
    assert len({to_rgba(line.get_color()) for line in display.lines_}) == 3
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["10", "20", "100"]


def test_error_bars_and_none(results):
    display = CoresetCurveDisplay(results).plot(std_display_style="errorbar")
    assert display.lines_ is None
    assert display.fill_between_ is None
    for bars, (mean, std) in zip(display.errorbar_, statistics(results), strict=True):
        np.testing.assert_allclose(bars.lines[0].get_ydata(), mean)
        (segments,) = (lines.get_segments() for lines in bars.lines[2])
        np.testing.assert_allclose([s[:, 1] for s in segments], np.c_[mean - std, mean + std])
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels[-1] == "All samples (200)"
    display.plot(std_display_style=None)
    assert len(display.lines_) == 3
    assert display.fill_between_ is None
    assert display.errorbar_ is None


@pytest.mark.parametrize(
    ("x", "expected"),
    [("rows", [10, 20, 100]), ("fraction", [0.05, 0.1, 0.5]), ("time", None)],
)
def test_axis_of_x(x, expected, results):
    display = CoresetCurveDisplay.from_results(results, x=x)
    for s, line in enumerate(display.lines_):
        if x == "time":
            expected = (results.select_times + results.fit_times)[s].mean(axis=1)
        np.testing.assert_allclose(line.get_xdata(), expected)
    # All samples are a star at their time.
    stars = [line for line in display.ax_.lines if line.get_marker() == "*"]
    assert len(stars) == (x == "time")
    if x == "time":
        np.testing.assert_allclose(stars[0].get_xdata(), results.full_fit_times.mean())
    if x == "fraction":
        ticks = [text.get_text() for text in display.ax_.get_xticklabels()]
        assert ticks == ["5 %", "10 %", "50 %"]


@pytest.mark.parametrize("sizes", [[10, 20, 40], [10, 20, 75], [10, 20, 69], [10, 20]])
def test_the_scale_is_that_of_learning_curve_display(sizes, results):
    kept = slice(0, len(sizes))
    part = type(results)(**results)
    part.coreset_sizes = np.array(sizes)
    part.n_rows = np.tile(np.array(sizes)[:, None], (3, 1, 3))
    part.test_draws = {name: draws[:, kept] for name, draws in results.test_draws.items()}
    display = CoresetCurveDisplay.from_results(part)
    scores = results.test_scores[0, kept]
    theirs = LearningCurveDisplay(
        train_sizes=np.array(sizes), train_scores=scores, test_scores=scores
    )
    assert display.ax_.get_xscale() == theirs.plot().ax_.get_xscale()


def test_a_single_size(results):
    part = type(results)(**results)
    part.coreset_sizes, part.n_rows = results.coreset_sizes[:1], results.n_rows[:, :1]
    part.test_draws = {name: draws[:, :1] for name, draws in results.test_draws.items()}
    display = CoresetCurveDisplay.from_results(part)
    assert display.ax_.get_xscale() == "linear"
    assert len(display.lines_) == 3


def test_labels_that_would_overlap_are_left_to_matplotlib(results):
    part = type(results)(**results)
    part.n_rows = np.tile(np.array([100, 101, 200])[:, None], (3, 1, 3))
    ticks = CoresetCurveDisplay.from_results(part).ax_.get_xticks()
    assert 101 not in ticks


def test_train_scores(results):
    display = CoresetCurveDisplay(results).plot(score_type="both")
    assert len(display.lines_) == 6
    means = [mean for key in ("train_draws", "test_draws") for mean, _ in statistics(results, key)]
    for line, mean in zip(display.lines_, means, strict=True):
        np.testing.assert_allclose(line.get_ydata(), mean)
    assert display.lines_[0].get_label() == "Herding, train"
    assert display.lines_[3].get_label() == "Herding, test"
    assert display.lines_[0].get_linestyle() != display.lines_[3].get_linestyle()
    display.plot(score_type="train")
    assert display.full_line_.get_ydata()[0] == results.full_train_scores.mean()


def test_negated_scores(several):
    display = CoresetCurveDisplay(several).plot(negate_score=True)
    mean = several.test_scores["neg_log_loss"][0].mean(axis=1)
    line = display.lines_["neg_log_loss"][0]
    np.testing.assert_allclose(line.get_ydata(), -mean)
    low, high = band(display.fill_between_["neg_log_loss"][0])
    np.testing.assert_allclose((low + high) / 2, -mean)
    level = -several.full_test_scores["neg_log_loss"].mean()
    assert display.full_line_["neg_log_loss"].get_ydata()[0] == level
    names = [ax.get_ylabel() for ax in display.ax_]
    assert names == ["Negative accuracy", "Log loss"]
    names = [ax.get_ylabel() for ax in display.plot().ax_]
    assert names == ["Accuracy", "Negative log loss"]
    names = [ax.get_ylabel() for ax in display.plot(score_name="Mine").ax_]
    assert names == ["Mine", "Mine"]


def test_panels_of_several_scorers(several):
    display = CoresetCurveDisplay.from_results(several)
    assert list(display.lines_) == ["accuracy", "neg_log_loss"]
    assert display.figure_.axes == list(display.ax_)
    assert [len(lines) for lines in display.lines_.values()] == [3, 3]
    _, axes = plt.subplots(2, 1)
    display.plot(axes)
    assert list(display.ax_) == list(axes)
    with pytest.raises(ValueError, match=r"ax has 1 axes, but the results have 2 scorers"):
        display.plot(axes[0])


def test_axes_and_styles_of_the_user(results):
    _, ax = plt.subplots()
    display = CoresetCurveDisplay(results).plot(
        ax,
        line_kw={"linewidth": 7, "color": "red"},
        fill_between_kw={"alpha": 0.7},
        full_kw={"color": "green", "label": "mine"},
    )
    assert display.ax_ is ax
    assert {line.get_linewidth() for line in display.lines_} == {7}
    assert display.fill_between_[0].get_alpha() == 0.7
    assert display.full_line_.get_color() == "green"
    assert display.full_line_.get_label() == "mine"
    display.plot(std_display_style="errorbar", errorbar_kw={"capsize": 9}, plot_full=False)
    assert display.full_line_ is None
    assert display.errorbar_[0].lines[1][0].get_markersize() == 18


def test_results_without_all_samples(blobs):
    given = GIVEN | {"return_train_score": False}
    part = coreset_curve(LogisticRegression(), *blobs, **given, full=False)
    display = CoresetCurveDisplay.from_results(part)
    assert display.full_line_ is None
    assert set(display.frame()["sampler"]) == {"Herding", "KCenterGreedy", "Uniform"}
    with pytest.raises(ValueError, match=r"requires training scores(?s:.*)return_train_score"):
        display.plot(score_type="both")


def test_from_estimator(blobs, results):
    given = GIVEN | {"return_train_score": False}
    for x, score_type in (("fraction", "test"), ("rows", "both")):
        display = CoresetCurveDisplay.from_estimator(
            LogisticRegression(), *blobs, **given, x=x, score_type=score_type
        )
        expected = CoresetCurveDisplay.from_results(results, x=x, score_type=score_type)
        for line, other in zip(display.lines_, expected.lines_, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), other.get_xydata())
        np.testing.assert_array_equal(display.results.test_scores, results.test_scores)


@pytest.mark.parametrize("given", [{"x": "size"}, {"std_display_style": "bar"}, {"score_type": 3}])
def test_errors_before_any_work(given, blobs):
    name, value = next(iter(given.items()))
    for plot in (
        lambda: CoresetCurveDisplay.from_estimator(None, *blobs, **given),
        lambda: CoresetCurveDisplay(None).plot(**given),
    ):
        with pytest.raises(ValueError, match=rf"{name}={value!r} is not one of"):
            plot()


def test_frame(several):
    frame = CoresetCurveDisplay(several).frame()
    assert len(frame) == 3 * 3 + 1
    row = frame.query("sampler == 'Uniform' and coreset_size == 0.1").iloc[0]
    draws = several.test_draws["neg_log_loss"]["Uniform"][:, 1]
    assert row["test_neg_log_loss"] == pytest.approx(draws.mean())
    assert row["test_neg_log_loss_std"] == pytest.approx(draws.std())
    assert row["rows"] == 20
    assert row["fraction"] == pytest.approx(0.1)
    seconds = (several.select_times + several.fit_times)[2, 1].mean()
    assert row["time"] == pytest.approx(seconds)
    row = frame.iloc[-1]
    assert row["sampler"] == "All samples"
    assert row["train_accuracy"] == pytest.approx(several.full_train_scores["accuracy"].mean())
    assert row["time"] == pytest.approx(several.full_fit_times.mean())


def test_without_matplotlib(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"CoresetCurveDisplay.plot requires matplotlib"):
        CoresetCurveDisplay(results).plot()
