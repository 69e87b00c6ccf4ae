"""Teaching: rows from which a learner learns the labels of all rows."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, InvalidParameterError

from skcoreset import _models
from skcoreset._backend import take
from skcoreset._estimator import seeded
from skcoreset._warnings import warn
from skcoreset.base import BaseCoreset, BaseModelCoreset

__all__ = ["BlackBoxTeaching"]


class BlackBoxTeaching(BaseModelCoreset):
    r"""Rows from which a learner finds out the labels of all rows.

    A teacher who knows nothing of the learner but its answers. Each row has a weight,
    :math:`w(x) = 1/m` at first, and a threshold that is drawn once,

    .. math:: T_x \sim \mathrm{Exp}(\lambda), \qquad \lambda = \ln \frac{N}{\delta} .

    In each round the learner is trained on the rows taught so far, S, and D are the other rows of
    the whole table that it gets wrong. If it is right everywhere it is done. Otherwise the weights
    of D are doubled until :math:`w(D) \ge 1`, and the rows of D whose weight exceeds their
    threshold join S. Should there be none, doubling goes on until there is one.

    Parameters
    ----------
    estimator : classifier, default=None
        The learner: any classifier with ``fit`` and ``predict``, or a Pipeline that ends in one.
        To teach is to train, so in each round a clone of it is fitted, even if it was fitted
        before; it is itself left alone. A :class:`~sklearn.frozen.FrozenEstimator` cannot be
        taught. None is ``LogisticRegression(max_iter=1000)``.

    coreset_size : int, float, dict or None, default=None
        None: as many rows as it takes until the learner is right everywhere. Otherwise the number
        of rows to keep: a number of rows, a fraction in (0, 1] (``round(fraction * n)``, at least
        1), or a number for each class ``{class: int}``. The loop then stops once it has found so
        many, and the first of them are kept; if it ends with fewer, the rows that are nearest to
        joining fill it up (the smallest ``T_x / w(x)``).

    delta : float, default=0.1
        :math:`\delta`, the probability with which the bounds under Notes may fail.

    log_n_hypotheses : float, default=10.0
        :math:`\ln N`, with N the number of classifiers that the learner can be. Nobody knows it,
        and what theory says of it is too large to be of use. It sets the pace: larger means more
        rows in each round, so fewer rounds, and more rows in all.

    max_rounds : int, default=100
        How often the learner is trained at most.

    n_initial : int, default=1
        Of each class the learner needs a row at first. These are the rows with the `n_initial`
        smallest thresholds of their class (all, if the class has fewer). Some learners need more
        than one: ``KNeighborsClassifier(5)`` five rows in all, one with cross-validation inside
        (a parameter search, a calibration) as many of each class as it has folds.

    stratify : {"proportional", "balanced"} or None, default="proportional"
        Rows of each class where there is a `coreset_size`: its share (largest remainder, at least
        one), equal numbers, or whatever comes (None). The loop is one for all classes. With
        ``coreset_size=None`` it says only whether rows are weighted and interleaved by class.

    random_state : int, RandomState instance or None, default=None
        Seed of the thresholds, and of whatever is random in the learner and has no seed of its
        own; it is the same in each round.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Rows kept. Those of a class are in order of joining: by round, and by threshold within a
        round. The classes are interleaved in proportion.

    sample_weight_ : ndarray of shape (n_coreset,)
        The weight of its class by the number of its rows kept; sums to n_samples. Rows that came
        with weights keep their proportion.

    converged_ : bool
        Whether the last learner was right on all rows.

    estimator_ : classifier
        The last learner. With ``coreset_size=None`` it was trained on the rows kept, else on all
        rows that had joined.

    n_rounds_ : int
        How often the learner was trained.

    n_disagreements_ : ndarray of shape (`n_rounds_`,)
        Number of rows that the learner of each round got wrong.

    n_doublings_ : int
        How often the weights of the rows in D were doubled.

    round_joined_ : ndarray of shape (n_samples,)
        Round in which each row joined, so that the learner of the next was trained on it: 0 for
        the first rows, -1 for those that did not join.

    teaching_weight_ : ndarray of shape (n_samples,)
        w(x) at the end; 0 for rows of weight 0.

    thresholds_ : ndarray of shape (n_samples,)
        :math:`T_x`; infinite for rows of weight 0.

    sampling_strategy_ : dict
        Number of rows kept of each class.

    classes_ : ndarray of shape (n_classes,)
        The classes.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns; only where they are all strings.

    device_ : str
        Where the work was done.

    Warns
    -----
    UserWarning
        With ``coreset_size=None``, if the learner is not right everywhere in the end: it is wrong
        even on rows that it was trained on, or `max_rounds` were too few. With a size, the size
        is what was asked for; `converged_` says how far it came.

    See Also
    --------
    Margin : The rows that a classifier trained on all rows is least sure of.
    Uniform : Random rows: no teacher who does not ask the learner can do better.

    Notes
    -----
    Let the learner be consistent, that is, right on the rows it was trained on, and let there be t
    rows that leave it no choice but to be right on all m. As long as :math:`\lambda` is large
    enough:

    - Each doubling doubles one of the t rows, and none that weighs 1 or more. So there are at most
      :math:`t \log_2 2m` doublings. Each adds less than 1, so all weights sum to
      :math:`1 + t \log_2 2m` at most.
    - A row has joined with a probability of at most :math:`\lambda w(x)`. So besides the first
      ones :math:`\lambda (1 + t \log_2 2m)` rows join at most, in expectation.
    - That no row has joined of those that a classifier is wrong about, once they weigh 1, has a
      probability of at most :math:`e^{-\lambda} = \delta / N`. So with probability
      :math:`1 - \delta` none comes back that was found wrong.

    A row whose threshold is below 1/m joins the first time that it is in D.

    Where :math:`\lambda` is too small none of D may join although :math:`w(D) \ge 1`. The loop of
    the paper would stand still. Here doubling goes on until a row joins, which is what a larger
    :math:`\lambda` would have done; the bounds then hold no more, but a consistent learner is
    right everywhere in the end, whatever `log_n_hypotheses` is.

    A learner that is not consistent is wrong on rows of S too. These cannot be taught again, so
    they do not belong to D. The loop ends when it is wrong on no others; by then most mislabelled
    rows have joined. To teach what a classifier has made of noisy labels, give its predictions as
    `y`.

    A row of weight a starts with a times the weight of one of weight 1, and has one threshold: it
    joins with the chance that the first of a equal rows has. The learner is trained on rows, not on
    weights, so it need not take any.

    Time: `n_rounds_` times fitting the learner on the rows so far and asking it for all n.
    Memory: that of the learner, and O(n).

    References
    ----------
    .. [1] Dasgupta, S., Hsu, D., Poulis, S., Zhu, X. "Teaching a black-box learner." ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skcoreset import BlackBoxTeaching
    >>> X = np.arange(1000)[:, None]
    >>> y = (X[:, 0] >= 300).astype(int)
    >>> sampler = BlackBoxTeaching(DecisionTreeClassifier(max_depth=1), random_state=0)
    >>> X_small, y_small = sampler.fit_resample(X, y)
    >>> len(X_small), sampler.converged_
    (37, True)
    """

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "estimator": [_models.WillHaveMethods(["fit", "predict"]), None],
        "coreset_size": [*BaseCoreset._parameter_constraints["coreset_size"], None],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "log_n_hypotheses": [Interval(Real, 0, None, closed="left")],
        "max_rounds": [Interval(Integral, 1, None, closed="left")],
        "n_initial": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _needs_labels = True

    @property
    def _stops_early(self):
        return "the learner has no more errors" if self.coreset_size is None else None

    def __init__(
        self,
        estimator=None,
        coreset_size=None,
        *,
        delta=0.1,
        log_n_hypotheses=10.0,
        max_rounds=100,
        n_initial=1,
        stratify="proportional",
        random_state=None,
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.delta = delta
        self.log_n_hypotheses = log_n_hypotheses
        self.max_rounds = max_rounds
        self.n_initial = n_initial
        self.stratify = stratify
        self.random_state = random_state

    def _classifier(self):
        return clone(super()._classifier())  # a learner that knows nothing yet

    def _method(self, estimator):
        return "predict"

    def _check_params(self, table):
        learner = self._classifier()
        if isinstance(learner, FrozenEstimator) or _models.is_fitted(learner):
            raise ValueError(
                f"{learner!r} cannot be trained: it is frozen, or needs no fitting. Teaching "
                "trains clones of the estimator; give the classifier itself, fitted or not."
            )
        if is_regressor(learner):
            raise ValueError(f"{learner!r} is a regressor; {type(self).__name__} teaches labels.")
        # The learner is taught rows, not weights, so it need not take any.
        super()._check_params(replace(table, weighted=False))

    def _represent(self, table, groups):
        """Teach; return the place of each row in the order of joining, and who joined."""
        X, y = _models.host(table.X), table.classes[table.codes]
        present = table.sample_weight > 0
        # Not divided by the total: doubled integers add up without rounding. Those that were
        # multiplied by something do not.
        weight, total = table.sample_weight.copy(), table.sample_weight.sum()
        all_of_it = total * (1 - 2.0**-40)
        rate = self.log_n_hypotheses - np.log(self.delta)
        threshold = np.full(len(y), np.inf)
        random_state = check_random_state(self.random_state)
        threshold[present] = random_state.exponential(1 / rate, np.count_nonzero(present))
        untaught = seeded(self._classifier(), random_state)

        taught = self._first_rows(table, threshold)
        joined = np.full(len(y), -1)
        joined[taught] = 0
        disagreements, n_doublings = [], 0
        while True:
            learner, said = self._teach(untaught, X, y, taught)
            wrong = present & (said != y)
            disagreements.append(np.count_nonzero(wrong))
            table.progress(len(disagreements) / self.max_rounds)
            teach = np.flatnonzero(wrong & (joined < 0))
            if not len(teach) or len(disagreements) == self.max_rounds:
                break
            n_joined = [np.count_nonzero(group.rows_of(joined) >= 0) for group in groups]
            if all(n >= group.size for n, group in zip(n_joined, groups, strict=True)):
                break
            while True:
                new = teach[weight[teach] / total > threshold[teach]]
                if weight[teach].sum() >= all_of_it and len(new):
                    break
                weight[teach] *= 2
                n_doublings += 1
            joined[new] = len(disagreements)
            taught = np.concatenate([taught, new[np.argsort(threshold[new], kind="stable")]])

        self.estimator_ = learner
        self.converged_ = not wrong.any()
        self.n_rounds_, self.n_doublings_ = len(disagreements), n_doublings
        self.n_disagreements_ = np.array(disagreements)
        self.round_joined_, self.thresholds_ = joined, threshold
        self.teaching_weight_ = weight / total
        if self.coreset_size is None and not self.converged_:
            warn(self._why_not(wrong, joined >= 0))
        left = np.flatnonzero(present & (joined < 0))
        left = left[np.argsort(threshold[left] / weight[left], kind="stable")]
        place = np.full(len(y), len(y))
        place[np.concatenate([taught, left])] = np.arange(len(taught) + len(left))
        return place, joined >= 0

    def _teach(self, untaught, X, y, taught):
        """The learner, trained on the rows taught, and what it predicts of all rows."""
        try:
            learner = _models.fit_with_weight(clone(untaught), take(X, taught), y[taught])
        except InvalidParameterError:
            raise
        except ValueError as error:
            raise ValueError(
                f"{untaught!r} cannot learn from {len(taught)} rows: {str(error).rstrip('. ')}. "
                f"Teaching starts with n_initial={self.n_initial} rows of each class. If the "
                "learner needs more, raise n_initial: cross-validation inside it (cv) needs as "
                "many rows of each class as it has folds."
            ) from error
        return learner, _models.predicted(learner, X)

    def _pick(self, represented, group):
        place, joined = (group.rows_of(values) for values in represented)
        size = np.count_nonzero(joined) if self.coreset_size is None else group.size
        return np.argsort(place)[:size]

    def _first_rows(self, table, threshold):
        """Of each class the rows of the smallest thresholds, ordered by threshold."""
        order = np.argsort(threshold, kind="stable")[: np.count_nonzero(table.sample_weight)]
        codes = table.codes[order]
        first = [np.flatnonzero(codes == code)[: self.n_initial] for code in np.unique(codes)]
        return order[np.sort(np.concatenate(first))]

    def _why_not(self, wrong, taught):
        """Why the learner is not right everywhere in the end."""
        n_wrong, n_contrary = np.count_nonzero(wrong), np.count_nonzero(wrong & taught)
        text = (
            f"The learner is still wrong on {n_wrong} of {len(wrong)} rows after "
            f"{self.n_rounds_} rounds"
        )
        if not n_contrary:
            return f"{text}. Raise max_rounds={self.max_rounds}, or log_n_hypotheses."
        return (
            f"{text}, on {n_contrary} of them although it was trained on them. It cannot learn "
            "these labels: they are noisy, or it is too simple or too regularised for them. Give a "
            "learner that is right on the rows it is trained on, or a coreset_size."
        )
