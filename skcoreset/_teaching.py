"""Teaching: samples from which a classifier learns the class labels of all samples."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, InvalidParameterError

from skcoreset import _models
from skcoreset._backend import take
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import seeded
from skcoreset._warnings import warn
from skcoreset.base import BaseCoreset, BaseModelCoreset

__all__ = ["BlackBoxTeaching"]


@fill_docstring
class BlackBoxTeaching(BaseModelCoreset):
    r"""Select the samples from which a classifier learns the class labels of all samples.

    The method uses only the predictions of the classifier, which is called the learner [1]_. Each
    sample x has a weight, which is :math:`w(x) = 1/m` initially, with m the number of samples, and
    a threshold, which is drawn once from an exponential distribution of rate :math:`\lambda`,

    .. math:: T_x \sim \mathrm{Exp}(\lambda), \qquad \lambda = \ln \frac{N}{\delta} .

    The teaching set S is the set of the samples that have been added so far. In each round, a clone
    of the learner is fitted on S. D is the set of the samples outside of S that this clone
    misclassifies. If the clone classifies all samples correctly, the method has converged.
    Otherwise, the weights of the samples in D are doubled until their sum :math:`w(D)` is at least
    1 and the weight of at least one of them exceeds its threshold; the samples of D whose weights
    exceed their thresholds are then added to S.

    Parameters
    ----------
    estimator : classifier, default=None
        The learner: a classifier with ``fit`` and ``predict``, or a Pipeline that ends in one. In
        each round a clone of it is fitted, even if `estimator` is fitted already; `estimator`
        itself does not change. A :class:`~sklearn.frozen.FrozenEstimator` cannot be used, because
        it cannot be fitted. If None, ``LogisticRegression(max_iter=1000)`` is used.

    coreset_size : int, float, dict or None, default=None
        The budget, that is, the number of samples to select. If None, the final teaching set is
        selected. An int is the number of samples. A float in (0, 1] is a fraction of all samples:
        ``max(1, round(fraction * n_samples))`` samples are selected. A dict
        ``{class: int or float}`` gives the number or the fraction of the samples of each class; the
        value of its key None applies to all other classes. A dict requires a `stratify` that is not
        None. With a budget, the method stops as soon as the teaching set contains the required
        number of samples of each class, and selects those that were added first. If the final
        teaching set contains fewer, it is completed by the samples with the smallest ratios
        ``T_x / w(x)``.

    delta : float, default=0.1
        The parameter :math:`\delta`, an upper bound of the probability that a classifier of an
        earlier round occurs again, see Notes.

    log_n_hypotheses : float, default=10.0
        The parameter :math:`\ln N`, where N is the number of different classifiers that fitting
        the learner can result in. N is unknown in practice, and its theoretical bounds are too
        large to be useful. With a larger value, more samples are added in each round; there are
        then fewer rounds, but more samples in total.

    max_rounds : int, default=100
        Maximum number of rounds.

    n_initial : int, default=1
        Number of samples of each class in the initial teaching set, or all samples of a class that
        has fewer. They are those with the smallest thresholds. Some learners need more than one
        sample of each class: ``KNeighborsClassifier(5)`` needs five samples in total, and a learner
        with internal cross-validation (a parameter search, a calibration) needs as many samples of
        each class as it has folds.

    {stratify}
        The rounds are common to all classes. With ``coreset_size=None``, the selected samples do
        not depend on `stratify`; it only determines whether their weights and their order are
        computed for each class or for all samples together.

    random_state : int, RandomState instance or None, default=None
        Seed of the thresholds, and of each parameter ``random_state`` of the learner that is None,
        which has the same value in each round. Pass an int for reproducible results.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_coreset,)
        Indices of the selected samples. Within each class, they are in the order in which they were
        added to the teaching set: by round, and by threshold within a round. The classes are
        interleaved, so that the class proportions of the first m selected samples are nearly the
        same for every m.

    {sample_weight_counts}

    converged_ : bool
        Whether the learner of the last round classifies all samples correctly.

    estimator_ : classifier
        The learner of the last round, fitted on the teaching set. With ``coreset_size=None``, the
        selected samples are this teaching set.

    n_rounds_ : int
        Number of rounds, that is, of fits of the learner.

    n_disagreements_ : ndarray of shape (`n_rounds_`,)
        Number of samples that the learner of each round misclassifies, samples of the teaching set
        included.

    n_doublings_ : int
        Number of times that the weights of D were doubled.

    round_joined_ : ndarray of shape (n_samples,)
        Number of the round (from 1) after which each sample was added to the teaching set; it is 0
        for the initial samples, and -1 for samples that were not added.

    teaching_weight_ : ndarray of shape (n_samples,)
        The final weights w(x); 0 for samples of weight 0.

    thresholds_ : ndarray of shape (n_samples,)
        The thresholds :math:`T_x`; infinite for samples of weight 0.

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    Warns
    -----
    UserWarning
        If ``coreset_size=None`` and the learner of the last round misclassifies samples. Either
        these are samples of the teaching set, or `max_rounds` is too small. With a budget, no
        warning is raised; see `converged_`.

    See Also
    --------
    Margin : Select the samples with the smallest margin of a classifier that was fitted on all
        samples.
    Uniform : Select random samples; no method that does not use predictions of the learner is
        better in the worst case.

    Notes
    -----
    A learner is consistent if it classifies all samples correctly on which it was fitted. Let the
    learner be consistent, and let there be t samples with the following property: any of the N
    classifiers that classifies these t samples correctly classifies all m samples correctly. If
    :math:`\lambda` is large enough:

    - Each doubling doubles the weight of at least one of the t samples, and never a weight of 1 or
      more. Hence there are at most :math:`t \log_2 2m` doublings. Each doubling adds less than 1 to
      the sum of all weights, which is therefore at most :math:`1 + t \log_2 2m`.
    - The probability that a sample has been added to S is at most :math:`\lambda w(x)`. Hence the
      expected number of samples that are added to the initial ones is at most
      :math:`\lambda (1 + t \log_2 2m)`.
    - Once the weights of the samples that a classifier misclassifies sum to 1, the probability that
      none of these samples has been added is at most :math:`e^{-\lambda} = \delta / N`. Hence, with
      probability :math:`1 - \delta`, no classifier of an earlier round occurs again.

    A sample with a threshold below 1/m is added the first time that it is in D.

    If :math:`\lambda` is too small, it can happen that :math:`w(D) \ge 1` and no weight in D
    exceeds its threshold. The algorithm of the paper would then not make progress. Here, doubling
    continues until a sample is added, as it would be with a larger :math:`\lambda`. The bounds do
    not hold in this case, but a consistent learner classifies all samples correctly after enough
    rounds, for any `log_n_hypotheses`.

    A learner that is not consistent also misclassifies samples of S. These are not in D, because
    they cannot be added again. The method stops when the learner misclassifies no samples outside
    of S; by then, most mislabeled samples have been added. If the labels are noisy, the predictions
    of a classifier that was fitted on them can be passed as `y` instead.

    With `sample_weight`, the initial weight :math:`w(x)` of a sample is its sample weight divided
    by the sum of all sample weights. The probability that a sample of sample weight 2 is added is
    the same as that of adding at least one of two equal samples of sample weight 1. The learner is
    fitted without sample weights, and need not support them.

    Time: that of `n_rounds_` fits of the learner on the teaching set, and of as many predictions of
    all n samples. Memory: that of the learner, plus O(n).

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
        "estimator": [_models.HasMethodsOnceFitted(["fit", "predict"]), None],
        "coreset_size": [*BaseCoreset._parameter_constraints["coreset_size"], None],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "log_n_hypotheses": [Interval(Real, 0, None, closed="left")],
        "max_rounds": [Interval(Integral, 1, None, closed="left")],
        "n_initial": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    _needs_labels = True
    _not_nested = None

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
        return clone(super()._classifier())  # an unfitted learner

    def _method(self, estimator):
        return "predict"

    def _check_params(self, table):
        learner = self._classifier()
        if isinstance(learner, FrozenEstimator) or _models.is_fitted(learner):
            raise ValueError(
                f"{learner!r} cannot be fitted, because it is frozen or does not need fitting, but "
                f"{type(self).__name__} fits clones of the estimator. Pass a classifier that can "
                "be fitted, such as the one inside a FrozenEstimator."
            )
        if is_regressor(learner):
            raise ValueError(
                f"{learner!r} is a regressor, but {type(self).__name__} requires a classifier."
            )
        # The learner is fitted without sample weights, and need not support them.
        super()._check_params(replace(table, weighted=False))

    def _represent(self, table, groups):
        """Run all rounds; return the order of addition of the samples, and which were added."""
        X, y = _models.classifier_input(table.X), table.classes[table.codes]
        present = table.sample_weight > 0
        # Not divided by the total: sums of doubled integers have no rounding errors. Sums of scaled
        # weights have.
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
        """The learner, fitted on the samples `taught`, and its predictions for all samples."""
        try:
            learner = _models.fit_with_weight(clone(untaught), take(X, taught), y[taught])
            return learner, _models.predicted_labels(learner, X)
        except InvalidParameterError:
            raise
        except ValueError as error:
            raise ValueError(
                f"{untaught!r} cannot be fitted on {len(taught)} samples, or cannot predict then: "
                f"{str(error).rstrip('. ')}. The first round has n_initial={self.n_initial} "
                "samples of each class. If the learner needs more, increase n_initial: internal "
                "cross-validation (cv) needs as many samples of each class as it has folds."
            ) from error

    def _pick(self, represented, group):
        place, joined = (group.rows_of(values) for values in represented)
        size = np.count_nonzero(joined) if self.coreset_size is None else group.size
        return np.argsort(place)[:size]

    def _first_rows(self, table, threshold):
        """The samples of each class with the smallest thresholds, ordered by threshold."""
        order = np.argsort(threshold, kind="stable")[: np.count_nonzero(table.sample_weight)]
        codes = table.codes[order]
        first = [np.flatnonzero(codes == code)[: self.n_initial] for code in np.unique(codes)]
        return order[np.sort(np.concatenate(first))]

    def _why_not(self, wrong, taught):
        """Why the learner of the last round misclassifies samples."""
        n_wrong, n_contrary = np.count_nonzero(wrong), np.count_nonzero(wrong & taught)
        text = (
            f"The learner misclassifies {n_wrong} of {len(wrong)} samples after "
            f"{self.n_rounds_} rounds"
        )
        if not n_contrary:
            return f"{text}. Increase max_rounds={self.max_rounds} or log_n_hypotheses."
        return (
            f"{text}, {n_contrary} of them although it was fitted on them. It cannot learn these "
            "labels: they are noisy, or the learner is too simple or too regularized. Use a "
            "learner that classifies its training samples correctly, or set coreset_size."
        )
