"""Importance sampling: random rows with unequal chances, and weights that make up for it."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset import _models
from skcoreset._backend import check_device, take, to_numpy
from skcoreset._kernels.centre import CentredRows
from skcoreset._kernels.sampling import (
    Sizes,
    draw_with_replacement,
    inclusion_probabilities,
    kmeans_sensitivity,
    leverage,
    lightweight_sensitivity,
    ranking,
)
from skcoreset._validation import check_numbers
from skcoreset.base import BaseCoreset, BaseModelCoreset, Picks

__all__ = ["ImportanceSampling"]

_OF_NUMBERS = {"lightweight", "kmeans", "leverage", "logistic"}
_OF_CLASSIFIER = {"loss", "gradient"}


class ImportanceSampling(BaseModelCoreset):
    r"""Random rows: the more a row matters, the likelier it is drawn and the less it then weighs.

    The sensitivity of a row [1]_ [2]_ bounds its share in a sum over all rows, such as a loss,
    whatever the parameters are. With :math:`s_i` the sensitivity of row i, k rows are drawn
    without replacement, so that row i is among them with probability

    .. math:: \pi_i = \min(1, c \, s_i), \qquad \sum_i \pi_i = k,

    and weighs :math:`1 / \pi_i`. Then :math:`\sum_{i \in S} f(x_i) / \pi_i` is without bias for
    :math:`\sum_i f(x_i)`, for every f. It is exact where f is proportional to s, and better
    than that of a uniform sample as far as s is large where f can be.

    Use it for sums that few rows dominate (far clusters, heavy tails), and where the coreset has
    to be good for parameters that are not known yet. Where all rows matter alike, it is `Uniform`.

    Parameters
    ----------
    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``. With ``replace=True`` the number of
        draws.

    sensitivity : str, array-like of shape (n_samples,) or callable, default="lightweight"
        What the chance of a row is proportional to:

        - "lightweight" (k-means) [3]_: :math:`\frac{1}{2n} + \frac{d(x, \mu)^2}
          {2 \sum_j d(x_j, \mu)^2}`, with :math:`\mu` the mean of all rows;
        - "kmeans" [4]_: :math:`\frac{\alpha d(x, B)^2}{c} + \frac{2 \alpha}{|B_x| c}
          \sum_{j \in B_x} d(x_j, B)^2 + \frac{4n}{|B_x|}`, where B are `n_clusters` rows drawn by
          :math:`D^2` sampling, :math:`B_x` the cell of x, c the mean of :math:`d(x, B)^2`, and
          :math:`\alpha = 16 (\log_2 k + 2)`;
        - "leverage" (least squares): :math:`\ell_i = (Q Q^T)_{ii}`, with Q an orthonormal basis of
          the columns;
        - "logistic" (logistic regression) [5]_: :math:`\sqrt{\ell_i} + 1/n`; of a row of weight w,
          with W the sum of all weights, :math:`\sqrt{\ell_i / w} + 1/W`;
        - "loss": the log-loss of the row under the classifier, with probabilities cut off at
          :math:`2^{-52}`;
        - "gradient": the norm of its gradient in the last layer of the classifier, see
          :class:`CRAIG`;
        - an array, or a callable that is given ``(X, y)`` and returns one.

    n_clusters : int, default=8
        Of "kmeans": for how many clusters the coreset is made.

    estimator : classifier, default=None
        Of "loss" and "gradient": a classifier, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``. Not asked by the others.

    replace : bool, default=False
        False keeps exactly k distinct rows, and rows with :math:`c \, s_i \ge 1` are always among
        them. True makes k independent draws, as in the papers: row i with :math:`q_i = s_i /
        \sum_j s_j`, each draw with weight :math:`1 / (k q_i)`, and the draws of one row add up. So
        fewer rows than k are kept, as many as were drawn.

    normalize : bool, default=True
        Whether the weights are scaled to add up to n_samples (with stratification to the rows of
        each class). False keeps them without bias: they add up to that on average only.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without classes (`y` absent or continuous) it is None. Sensitivities
        are those within the whole table, and what the papers prove is for None.

    random_state : int, RandomState instance or None, default=None
        Seed of the draw, of "kmeans", and of whatever is random in an unfitted `estimator` and has
        no seed of its own.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion. A class's picks are a
        prefix of those for a larger coreset by the same seed: the first m of them are themselves a
        sample of m rows with the inclusion probabilities for m.

    sample_weight_ : ndarray of shape (n_coreset,)
        What each row kept stands for: the weight it came with by its inclusion probability (by its
        expected number of draws, times the number of its draws). Sums to n_samples (or to the
        weight given) if `normalize`.

    sensitivity_ : ndarray of shape (n_samples,)
        Sensitivity of each row, of one copy of it where rows have weights; 0 for rows of weight 0.

    inclusion_probability_ : ndarray of shape (n_coreset,)
        Probability with which each row kept is in the coreset.

    multiplicity_ : ndarray of int of shape (n_coreset,)
        How often each row kept was drawn; ones without replacement.

    estimator_ : classifier
        The classifier that was asked; only for "loss" and "gradient".

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` has any.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the data was. The draw, "kmeans", and what a classifier says are worked out on the
        host.

    See Also
    --------
    Uniform : All rows with the same chance.
    GradMatch : Weights that are fitted.

    Notes
    -----
    A row of `sample_weight` w counts as w rows: sensitivities are those of the table with repeated
    rows, also where they are given, and the chance of the row is proportional to w times its
    sensitivity. The bound of "logistic" has a square root, which does not add up over repeats: it
    is that of the paper for a row of weight w. What all weights are multiplied by does not matter,
    but to a classifier that is fitted with them.

    A row of sensitivity 0 is never drawn, so nothing stands for it: it is an error if fewer rows
    than wanted have a positive one. "loss" and "gradient" of a classifier that is sure of a row
    are next to 0, and if such a row is drawn it has a huge weight. To keep weights below 2n/k, mix
    with a uniform part, as "lightweight" does: ``s / s.sum() + 1 / n``.

    The draw is the elimination procedure of Tillé [6]_, which has exactly these inclusion
    probabilities for every number of rows at once. For the draw sensitivities are taken to 32
    binary digits, so that those that are equal up to rounding are equal. They may be hundreds of
    orders of magnitude apart, and so may weights.

    Distances are computed from differences in float64, whatever the type of X, so a column that is
    far from zero or a row that is far out takes no digits from the others. Leverages lose as many
    digits as the condition number of the columns (each scaled to a largest value of 1) has. A
    combination of float32 columns that is in no row larger than their rounding counts as zero, so
    the rank can be lower there than that of the same numbers in float64.

    Columns count as they are for "lightweight" and "kmeans": scale them if their units differ.
    "leverage" and "logistic" do not depend on units; X has no column of ones for an intercept
    unless you put one in.

    Time: "lightweight" n d, "kmeans" n d `n_clusters`, "leverage" and "logistic" n d^2, the others
    what the classifier takes; the draw n log n, with a plain loop of up to n steps, less than a
    second for a million rows. Memory: about twenty vectors of n; "leverage" and "logistic" d^2
    more; sparse X is made dense only in blocks. Gradients are never multiplied out.

    References
    ----------
    .. [1] Langberg, M., Schulman, L. J. "Universal epsilon-approximators for integrals." SODA
       2010.
    .. [2] Feldman, D., Langberg, M. "A unified framework for approximating and clustering data."
       STOC 2011.
    .. [3] Bachem, O., Lucic, M., Krause, A. "Scalable k-means clustering via lightweight
       coresets." KDD 2018.
    .. [4] Bachem, O., Lucic, M., Krause, A. "Practical coreset constructions for machine
       learning." arXiv:1703.06476 (2017).
    .. [5] Munteanu, A., Schwiegelshohn, C., Sohler, C., Woodruff, D. P. "On coresets for logistic
       regression." NeurIPS 2018.
    .. [6] Tillé, Y. "An elimination procedure for unequal probability sampling without
       replacement." Biometrika 83 (1996).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import ImportanceSampling
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = ImportanceSampling(coreset_size=15, random_state=0).fit(X, y)
    >>> sampler.sampling_strategy_
    {0: 5, 1: 5, 2: 5}
    >>> sampler.sample_weight_.sum().round(6)
    np.float64(150.0)
    >>> sampler.sensitivity_.sum().round(6)
    np.float64(1.0)
    """

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "sensitivity": [StrOptions(_OF_NUMBERS | _OF_CLASSIFIER), callable, "array-like"],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "replace": ["boolean"],
        "normalize": ["boolean"],
        "random_state": ["random_state"],
    }

    _needs_labels = True

    def __init__(
        self,
        coreset_size=0.1,
        *,
        sensitivity="lightweight",
        n_clusters=8,
        estimator=None,
        replace=False,
        normalize=True,
        stratify="proportional",
        random_state=None,
    ):
        self.coreset_size = coreset_size
        self.sensitivity = sensitivity
        self.n_clusters = n_clusters
        self.estimator = estimator
        self.replace = replace
        self.normalize = normalize
        self.stratify = stratify
        self.random_state = random_state

    @property
    def _needs(self):
        return "proba" if self._is("loss") else "any"

    def _host_only(self):
        if self._is("kmeans"):
            return "sensitivity='kmeans' is computed by the host only"

    def _is(self, *names):
        return isinstance(self.sensitivity, str) and self.sensitivity in names

    def _uses_classes(self):
        return self._is(*_OF_CLASSIFIER)

    def _non_numeric_hint(self):
        if self._is(*_OF_CLASSIFIER):
            return super()._non_numeric_hint()
        return "sensitivity='loss' and 'gradient' ask a classifier, which can be a Pipeline."

    def _check_X(self, X):
        return check_numbers(self, X) if self._is(*_OF_NUMBERS) else super()._check_X(X)

    def _check_params(self, table):
        if self._is(*_OF_CLASSIFIER):
            super()._check_params(table)
        if self._is(*_OF_NUMBERS):
            check_device(table.X, self._host_only())
        present = np.count_nonzero(table.sample_weight)
        if self._is("kmeans") and self.n_clusters > present:
            raise ValueError(
                f"n_clusters={self.n_clusters} is larger than the number of rows of positive "
                f"weight: there are {present}."
            )
        if not isinstance(self.sensitivity, str) and not callable(self.sensitivity):
            check_sensitivity(self.sensitivity, table.sample_weight)

    def _represent(self, table, groups):
        if not self._is(*_OF_CLASSIFIER):
            self.__dict__.pop("estimator_", None)
        if isinstance(self.sensitivity, str):
            present = table.sample_weight > 0
            X = table.X if present.all() else take(table.X, np.flatnonzero(present))
            values = np.zeros(len(present))
            values[present] = self._by_name(table, X, present)
        else:
            given = callable(self.sensitivity)
            values = self.sensitivity(table.X, table.y) if given else self.sensitivity
        values = check_sensitivity(values, table.sample_weight)
        self.sensitivity_ = np.where(table.sample_weight > 0, values, 0.0)
        return self.sensitivity_

    def _by_name(self, table, X, present):
        """Sensitivities of the rows `X`, those of the table that are `present`."""
        if self._is(*_OF_NUMBERS):
            # In the unit of the weights, a power of 4, which is that of the answer too.
            weight = table.sample_weight[present]
            power = np.frexp(weight.max())[1] // 2 * 2
            values = self._of_numbers(X, np.ldexp(weight, -power))
            if self.sensitivity == "kmeans":
                return values
            with np.errstate(over="ignore"):
                values = np.ldexp(values, -power)
            if not np.isfinite(values).all():
                raise ValueError(
                    f"sample_weight adds up to {weight.sum()}: sensitivities, which are those of a "
                    "row of weight 1, are too large for float64 then. Multiply all weights by the "
                    "same large number."
                )
            return values
        self._fit_estimator(table)
        y = table.classes[table.codes[present]]
        return (_log_loss if self.sensitivity == "loss" else _gradient_norm)(self.estimator_, X, y)

    def _of_numbers(self, X, weight):
        n, d = X.shape
        if self.sensitivity == "lightweight":
            return self._on_device(lambda p: lightweight_sensitivity(p(X, 2 * n * d), weight), X)
        if self.sensitivity == "kmeans":
            random_state = check_random_state(self.random_state)
            return kmeans_sensitivity(to_numpy(X), weight, self.n_clusters, random_state)
        values = self._on_device(lambda p: leverage(p(X, 3 * n * d**2), weight), X)
        return (
            values
            if self.sensitivity == "leverage"
            else np.sqrt(values / weight) + 1 / weight.sum()
        )

    def _pick(self, sensitivity, group):
        own = group.sample_weight
        sensitivity = group.rows_of(sensitivity)
        drawable = np.flatnonzero(sensitivity)
        self._check_drawable(len(drawable), sensitivity, group)
        # The sensitivity is that of a sample of weight 1: the product does not depend on the unit.
        size, sizes = group.size, Sizes(sensitivity[drawable], group.mean_weight * own[drawable])
        if self.replace:
            picks, counts = draw_with_replacement(sizes, size, group.random_state)
            q = sizes.relative[picks] / sizes.relative.sum()
            expected = size * q
            inclusion = 1 - (1 - q) ** size
        else:
            picks = ranking(sizes, group.random_state)[:size]
            counts = np.ones(size, dtype=np.intp)
            expected = inclusion = inclusion_probabilities(sizes, size)[picks]
        picks = drawable[picks]
        return Picks(
            picks,
            weight=own[picks] * counts / expected,
            per_pick={"inclusion_probability_": inclusion, "multiplicity_": counts},
            scale="group" if self.normalize else None,
        )

    def _check_drawable(self, n_drawable, sensitivity, group):
        least = 1 if self.replace else group.size
        if n_drawable >= least:
            return
        at = int(np.argmin(sensitivity))
        row = at if group.rows is None else int(group.rows[at])
        raise ValueError(
            f"{least} rows{group.of_the_class} are to be drawn, and {n_drawable} have a "
            f"sensitivity above 0: that of row {row} is 0. Ask for at most {n_drawable} rows, or "
            "give sensitivities that are all positive, such as these plus a positive number, as an "
            "array or a callable."
        )

    def __sklearn_tags__(self):
        if self._is(*_OF_CLASSIFIER):
            return super().__sklearn_tags__()
        return BaseCoreset.__sklearn_tags__(self)


def check_sensitivity(values, sample_weight):
    """`values` as float64, or an error unless they are one number of at least 0 for each row."""
    values = check_array(
        to_numpy(values), ensure_2d=False, dtype=np.float64, input_name="sensitivity"
    )
    if values.shape != sample_weight.shape:
        raise ValueError(
            f"sensitivity has shape {values.shape}; one value a row is {sample_weight.shape}."
        )
    if values.min() < 0:
        at = int(values.argmin())
        raise ValueError(f"sensitivity[{at}] = {values[at]} is negative; it must be >= 0.")
    if not values[sample_weight > 0].any():
        raise ValueError("sensitivity is zero for every row; at least one must be positive.")
    return values


def _log_loss(estimator, X, y):
    proba = _models.outputs(estimator, X, "predict_proba")
    own = y[:, None] == np.asarray(estimator.classes_)
    p = np.maximum(proba[own], np.finfo(np.float64).eps)
    # By the sum of the others, as -log(p) would be 0 for all rows the classifier is sure of.
    others = np.where(own, 0.0, proba).sum(axis=1)
    return np.where(p < 0.5, -np.log(p), -np.log1p(-np.minimum(others, 0.5)))


def _gradient_norm(estimator, X, y):
    a, h, bias = _models.gradient_factors(estimator, X, y)
    # In units of their own, as squares of what the classifier is nearly sure of would be 0.
    a = to_numpy(a)
    unit = np.abs(a).max(axis=1)
    norm = unit * np.linalg.norm(a / np.where(unit > 0, unit, 1.0)[:, None], axis=1)
    if h is None:
        return norm
    seen = CentredRows(h)
    return norm * np.hypot(float(bias), seen.unit * seen.lengths())
