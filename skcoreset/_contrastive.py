"""Contrast: rows that a classifier sees otherwise than the rows around them."""

from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _num_samples, check_is_fitted

from skcoreset import _models
from skcoreset._backend import canonical, check_device, is_foreign, on_device, take, to_numpy
from skcoreset._docstrings import fill_docstring
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.neighbors import nearest_neighbors
from skcoreset._metrics import METRICS, metric_on_host, search_work
from skcoreset._validation import check_numbers, check_table
from skcoreset.base import BaseModelCoreset, BaseScoreCoreset

__all__ = ["ContrastiveActiveLearning"]

SMALLEST = 2.0**-52  # smaller probabilities count as this one in logarithms
DECIMALS = 12  # what comes after is rounding error, which must not break ties


class ContrastiveActiveLearning(BaseScoreCoreset, BaseModelCoreset):
    r"""Rows whose nearest neighbours the classifier sees otherwise (CAL).

    .. math:: s(x) = \frac{1}{k} \sum_{x_i \in N_k(x)}
        \mathrm{KL} \big( p(\cdot | x_i) \, \| \, p(\cdot | x) \big)
        = \frac{1}{k} \sum_{x_i \in N_k(x)} \sum_c p_c(x_i) \ln \frac{p_c(x_i)}{p_c(x)} ,

    where :math:`N_k(x)` are the k nearest other rows, of whatever class, and p the predicted
    probabilities. The largest scores are kept first: rows near to others in the feature space
    that get different predictions, on either side of the decision boundary. It is 0 where all
    neighbours agree with the row, however unsure all of them are.

    Parameters
    ----------
    estimator : classifier, default=None
        A classifier with ``predict_proba``, or a Pipeline that ends in one. Fitted (or in a
        :class:`~sklearn.frozen.FrozenEstimator`) it is used as it is, unfitted a clone is fitted
        on the data. None is ``LogisticRegression(max_iter=1000)``.

    coreset_size : int, float or dict, default=0.1
        How many rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at
        least 1), or a number for each class ``{class: int}``.

    n_neighbors : int, default=10
        k, at most the number of other samples (of the samples of `X_ref`, if it is given).

    metric : str or callable, default="euclidean"
        A metric of :func:`sklearn.metrics.pairwise_distances`.

    features : {"input", "model"}, default="input"
        Where neighbours are near to each other: in the columns, which must be numbers then; or
        in what the classifier makes of them, that is the last hidden layer of an
        :class:`~sklearn.neural_network.MLPClassifier` and otherwise what reaches the last step
        of a Pipeline.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class: its share (largest remainder, at least one), equal numbers, or
        whatever comes (None). Without `y` it is None. It has no effect on the neighbours.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept, in order of selection, classes interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep their proportion.

    scores_ : ndarray of shape (n_samples,)
        Mean divergence in nats, from 0 (all neighbours agree) to about 36, rounded to 12
        decimals.

    neighbors_ : ndarray of shape (n_samples, n_neighbors)
        The neighbours of each row, ascending: rows of the table, or of `X_ref`.

    estimator_ : classifier
        The classifier that was asked.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes; only where `y` is given.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    See Also
    --------
    Margin : Rows near the decision boundary, at far less cost.
    KCenterGreedy : Rows that are far from each other, whatever a classifier says.

    Notes
    -----
    The columns count as they are: scale them if their units differ. A probability below 2**-52
    counts as that in the logarithms, so that no score is infinite. Distances that are equal up
    to rounding are ties and go to the lowest row; a duplicate of a row is another row, and so a
    neighbour. Euclidean distances that decide are computed from differences in float64, whatever
    the type of X, so neighbours are right in tables that are far from zero, too. A metric that
    gives a distance that is not finite is an error that names two rows. Rows of weight 0 have a
    score but are nobody's neighbour.

    There is no `cv`: clones that have seen different rows differ in what they say, and that would
    count as contrast. For predictions on rows that were not learned by heart give a classifier
    that was fitted on others.

    Time: asking the classifier, the search for neighbours, n^2 d in matrix products (by a tree,
    in about n log n, for Euclidean distances in up to 6 columns), and n k C for the divergences.
    Memory: n (k + C), and blocks within scikit-learn's `working_memory`; with `X_ref` and in
    `score_samples`, a copy of both tables. The fitted object holds on to the rows among which
    neighbours are looked for.

    References
    ----------
    .. [1] Margatina, K., Vernikos, G., Barrault, L., Aletras, N. "Active learning by acquiring
       contrastive examples." EMNLP 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skcoreset import ContrastiveActiveLearning
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = LogisticRegression(max_iter=1000).fit(X, y)
    >>> sampler = ContrastiveActiveLearning(classifier, coreset_size=3, stratify=None).fit(X, y)
    >>> y[sampler.sample_indices_]
    array([2, 2, 1])
    >>> sampler.score_samples(X[:1]).round(3)
    array([0.001])
    """

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "metric": [StrOptions(METRICS), callable],
        "features": [StrOptions({"input", "model"})],
    }

    _needs = "proba"

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        n_neighbors=10,
        metric="euclidean",
        features="input",
        stratify="proportional",
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.features = features
        self.stratify = stratify

    @fill_docstring
    def fit(self, X, y=None, sample_weight=None, X_ref=None):
        """Select the coreset.

        Parameters
        ----------
        {X}

        {y_optional}

        {sample_weight}

        {X_ref}

        Returns
        -------
        self : object
            The fitted sampler.
        """
        self._fitted(X, y, sample_weight, X_ref=X_ref)
        return self

    @fill_docstring
    def fit_resample(self, X, y=None, sample_weight=None, X_ref=None):
        """Select the coreset and return its samples, in order of selection.

        Parameters
        ----------
        {X}

        {y_optional}

        {sample_weight}

        {X_ref}

        Returns
        -------
        {resampled}
        """
        return self._fitted(X, y, sample_weight, X_ref=X_ref)._resampled(X, y)

    def _check_numbers(self, X):
        return check_numbers(self, X) if self.features == "input" else None

    def _check_auxiliary(self, table, X_ref):
        if X_ref is None:
            return {}
        try:
            return {"X_ref": check_table(self, X_ref, reset=False), "numbers": self._numbers(X_ref)}
        except ValueError as error:
            raise ValueError(f"X_ref: {error}") from error

    def _numbers(self, X):
        return check_numbers(self, X, reset=False) if self.features == "input" else None

    def _check_params(self, table):
        check_device(table.X, metric_on_host(self.metric))
        super()._check_params(table)
        if table.auxiliary:
            others, of = _num_samples(table.auxiliary["X_ref"]), "X_ref has samples"
        else:
            others = np.count_nonzero(table.sample_weight) - 1
            of = f"a sample has as other samples{table.of_positive_weight}"
        if self.n_neighbors > others:
            raise ValueError(
                f"n_neighbors={self.n_neighbors} is more than {of}: {others}. Give at most that."
            )

    def _non_numeric_hint(self):
        if self.features == "model":
            return super()._non_numeric_hint()
        return "features='model' compares rows by what a Pipeline given as estimator makes of them."

    def _scores(self, table):
        self._fit_estimator(table)
        space, proba = self._seen(table.X, table.numbers)
        if table.auxiliary:
            around = self._seen(table.auxiliary["X_ref"], table.auxiliary["numbers"])
            neighbors = self._on_device(self._search_around(space, around[0]), table.X)
            scores = _mean_divergence(around[1], neighbors, proba)
        else:
            present = np.flatnonzero(table.sample_weight)
            search = self._search(space, among=present)
            neighbors = self._on_device(search, table.X)
            scores = _mean_divergence(proba, neighbors, proba)
            around = space, proba
            if len(present) < len(proba):
                around = take(space, present), proba[present]
        self.neighbors_ = neighbors
        self._around = to_numpy(around[0]), around[1]
        return scores

    def score_samples(self, X, y=None):
        """Score rows by the classifier and the neighbours that were fitted; larger: more contrast.

        Neighbours are looked for among the rows of `fit`, or those of its `X_ref`. All of them
        count as other rows: a row of `fit` finds itself here, and has its score among the others
        in `scores_`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows, such as a pool that is not labelled.

        y : None
            Not used.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Score of each row.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        check_device(X, metric_on_host(self.metric))
        space, proba = self._seen(X, self._numbers(X))
        around, theirs = self._around
        neighbors, _ = on_device(self._search_around(space, around), beside=X)
        return _mean_divergence(theirs, neighbors, proba)

    def _seen(self, X, numbers):
        """(features, probabilities) of the rows of `X`; `numbers` are its own, if these count."""
        estimator = self.estimator_
        space = _model_features(estimator, X) if numbers is None else numbers
        return canonical(space), _models.outputs(estimator, X, self._method(estimator))

    def _search(self, space, of=slice(None), among=slice(None), numbers=None):
        """The search for the neighbours of the rows `of` of `space`, as `on_device` takes it.

        `numbers` are those of the rows in their own tables, for errors.
        """

        def search(place):
            n_of, n_among = (len(np.arange(space.shape[0])[rows]) for rows in (of, among))
            work = search_work(n_of, n_among, space.shape[1], self.metric)
            host_only = metric_on_host(self.metric)
            table = space if host_only else _in_range(space)
            near = pairs(place(table, work, host_only), self.metric)
            near.numbers = numbers
            return nearest_neighbors(near, self.n_neighbors, of, among)[0]

        return search

    def _search_around(self, space, around):
        """The same among other rows, by their positions there."""
        n, numbers = around.shape[0], [*range(around.shape[0]), *range(space.shape[0])]
        stacked = _stacked(to_numpy(around), to_numpy(space))
        return self._search(stacked, slice(n, None), slice(n), numbers)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.features == "input":
            tags.input_tags.allow_nan = False
            tags.input_tags.string = False
            tags.input_tags.categorical = False
        return tags


def _model_features(estimator, X):
    seen, _ = _models.last_layer_input(estimator, X)
    return _models.features(estimator, X) if seen is None else seen


def _in_range(X):
    """`X`, times a power of two where squares of its numbers would overflow or vanish in float64.

    Neighbours by Euclidean distance, or by angle, are the same.
    """
    values = X.data if sparse.issparse(X) else X
    if is_foreign(X) or not values.size:
        return X
    largest = max(-float(values.min()), float(values.max()))
    if largest == 0 or 2.0**-300 < largest < 2.0**300:
        return X
    return X * 2.0 ** -max(-1000, int(np.frexp(largest)[1]))


def _stacked(above, below):
    if sparse.issparse(above) or sparse.issparse(below):
        return sparse.vstack([sparse.csr_array(above), sparse.csr_array(below)], format="csr")
    return np.concatenate([above, below])


def _mean_divergence(theirs, neighbors, proba):
    """``mean_i KL(theirs[neighbors[:, i]] || proba)``, (n,).

    As ``mean_i sum_c p_i log p_i - sum_c (mean_i p_i) log p``, which looks at each neighbour once.
    """
    log_proba = np.log(np.maximum(proba, SMALLEST))
    log_theirs = log_proba if theirs is proba else np.log(np.maximum(theirs, SMALLEST))
    n, n_neighbors = neighbors.shape
    starts = np.arange(0, n * n_neighbors + 1, n_neighbors)
    share = np.full(n * n_neighbors, 1 / n_neighbors)
    mean = sparse.csr_array((share, neighbors.ravel(), starts), shape=(n, len(theirs)))
    own = np.vecdot(theirs, log_theirs)
    out = mean @ own - np.vecdot(mean @ theirs, log_proba)
    return np.maximum(out, 0).round(DECIMALS)  # rounding may fall below 0
