"""CRAIG: samples such that each sample has a gradient near that of a selected sample."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from skcoreset._candidates import (
    check_n_candidates,
    draws_candidates,
    n_candidates_of,
    rows_at,
    stochastic_is_not_nested,
    why_candidates_differ,
)
from skcoreset._docstrings import fill_docstring
from skcoreset._gradient_based import BaseGradientCoreset, width_of
from skcoreset._initial import check_initial, check_initial_groups, initial_positions
from skcoreset._kernels.candidates import among_all, candidates_of
from skcoreset._kernels.distances import pairs
from skcoreset._kernels.facility_location import FacilityLocation
from skcoreset._kernels.greedy import greedy
from skcoreset._kernels.outer_products import OuterProducts
from skcoreset._kernels.similarities import near_similarities, precise_enough
from skcoreset.base import BaseCoreset, BaseModelCoreset, Picks

__all__ = ["CRAIG"]


@fill_docstring
class CRAIG(BaseGradientCoreset):
    r"""Select samples such that each sample has a gradient near that of a selected sample.

    A greedy optimizer selects, per class by default, a set S of samples that approximately
    minimizes

    .. math:: L(S) = \sum_i \min_{j \in S} \| g_i - g_j \| ,

    where :math:`g_i` is the gradient of the loss of sample i with respect to the parameters of
    the last layer of the classifier. The weight :math:`w_j` of a selected sample is the number of
    samples for which :math:`g_j` is the nearest of the gradients of the selected samples. With
    these weights, L(S) bounds the error of the total gradient,
    :math:`\| \sum_i g_i - \sum_{j \in S} w_j g_j \| \le L(S)` [1]_.

    Parameters
    ----------
    {estimator_or_regressor}

    {coreset_size}
        With None, the number of selected samples is determined by `epsilon`.

    gradient : {"last_layer", "logits", "features"}, default="last_layer"
        Representation of a sample. "last_layer" is the gradient of the loss with respect to the
        parameters of the last layer, that is, the outer product of a and [1, h], where a is the
        gradient with respect to the outputs of this layer and h are its inputs. "logits" is a
        alone, which is ``p - onehot(y)`` for the log-loss. "features" is the features that are
        passed to the classifier. For convex models, the distances of the features bound those of
        the gradients up to a constant, for all parameters of the classifier. The classifier is
        fitted also with "features".

    {optimizer}

    stochastic_epsilon : float, default=0.01
        The parameter `epsilon` of :class:`FacilityLocation`. Only for ``optimizer="stochastic"``.

    epsilon : float, default=None
        Only with ``coreset_size=None``: the selection ends as soon as L(S) is at most `epsilon`.
        Unless `stratify` is None, `epsilon` is divided among the classes in proportion to their
        numbers of samples, or their total `sample_weight`.

    {n_candidates_sampled}
        With `epsilon`, all samples are candidates.

    {init_samples}

    {stratify}

    random_state : int, RandomState instance or None, default=None
        Seed of the random candidates of a class of more than `n_candidates` samples, of the
        stochastic optimizer, and of each parameter ``random_state`` of an unfitted `estimator` that
        is None. Pass an int for reproducible results.

    Attributes
    ----------
    {sample_indices_greedy}

    {sample_weight_cells}
        The distance is that of the gradients.

    losses_ : ndarray of shape (n_coreset,)
        L(S) of the class after each selected sample was added. The values are non-increasing within
        each class.

    loss_ : float
        L(S) of the whole coreset: the sum of the final L(S) of the classes.

    {estimator_gradients}

    {sampling_strategy_}

    {classes_}

    {n_samples_in_}

    {n_features_in_}

    {feature_names_in_}

    {device_}

    See Also
    --------
    GradMatch : Fits the weights to the total gradient. It needs fewer samples, and its weights are
        not numbers of samples.
    FacilityLocation : Maximizes the same function of the features instead of the gradients.

    Notes
    -----
    The loss depends on the methods of the classifier. With ``predict_proba`` it is the log-loss.
    With ``decision_function`` only, it is the sum over the decision values f of the logistic loss
    ``log(1 + exp(-t f))``, where t is 1 for the class of the sample and -1 for the other classes.
    The derivatives of the logistic loss with respect to f are continuous, while those of the hinge
    loss are -1, 0 or 1, so that the gradients of many samples would be equal. The loss of a
    regressor is half the squared error, so that a is the prediction minus `y`, whatever loss the
    regressor minimizes.

    The inputs of the last layer are the last hidden layer of an ``MLPClassifier`` or
    ``MLPRegressor``, and the features that are passed to any other estimator (the features of `X`,
    or the output of the previous steps of a Pipeline). The decision values of a kernel ``SVC`` or
    ``NuSVC``, and the predictions of an ``SVR`` or ``NuSVR``, are linear in the kernel values of
    the sample with the support vectors, so these kernel values are the inputs of its last layer. If
    there are more than 1,000 support vectors, only 1,000 of them, at regular
    intervals, are used. For ``SVC`` and ``NuSVC`` of any kernel, there is one decision value for
    each pair of classes.

    The following accuracies are those of a kernel SVM, ``SVC(C=10)``, fitted on 5, 10 and 20 % of
    the samples with their weights (standardized features, mean of 6 splits). On digits they are
    .87, .91, .94 with :class:`Uniform`, .92, .95, .96 with CRAIG, and .92, .95, .97 with
    :class:`GradMatch`. On breast cancer they are .91, .91, .92 with `Uniform`, .89, .90, .96 with
    CRAIG, and .84, .93, .96 with `GradMatch`. With ``gradient="features"``, which uses no gradient,
    the accuracies of CRAIG are .92, .95, .97 on digits and .96, .95, .96 on breast cancer.

    The outer products are never computed: the inner product of two gradients is the product of two
    inner products, that of the gradients with respect to the outputs and that of the inputs of the
    last layer.

    {candidates_sampled}

    Time for each class of n_c samples, with d inputs of the last layer and C classes:
    n_c^2 (d + C) multiplications for the distances, plus the time of the greedy optimizer. Memory:
    O(n), and up to scikit-learn's `working_memory` for distances. All distances are stored if they
    fit in half of it. Otherwise only those that can still reduce L(S) are stored, and distances
    that do not fit are computed again when they are needed. For a kernel SVM, n times the number of
    support vectors, at most 1,000 n, is added to the memory. Distances are computed in float64,
    except for large float32 `X` whose distances keep their digits in float32.

    {constant_times_sample_weight}

    References
    ----------
    .. [1] Mirzasoleiman, B., Bilmes, J., Leskovec, J. "Coresets for data-efficient training of
       machine learning models." ICML 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skcoreset import CRAIG
    >>> X, y = load_iris(return_X_y=True)
    >>> sampler = CRAIG(coreset_size=6).fit(X, y)
    >>> y[sampler.sample_indices_]
    array([0, 1, 2, 0, 1, 2])
    >>> float(sampler.sample_weight_.sum())
    150.0
    """

    _parameter_constraints = {
        **BaseModelCoreset._parameter_constraints,
        "coreset_size": [*BaseCoreset._parameter_constraints["coreset_size"], None],
        "gradient": [StrOptions({"last_layer", "logits", "features"})],
        "optimizer": [StrOptions({"lazy", "stochastic", "naive"})],
        "stochastic_epsilon": [Interval(Real, 0, 1, closed="neither")],
        "epsilon": [Interval(Real, 0, None, closed="left"), None],
        "n_candidates": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), None],
        "init": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        coreset_size=0.1,
        *,
        gradient="last_layer",
        optimizer="lazy",
        stochastic_epsilon=0.01,
        epsilon=None,
        n_candidates="auto",
        init=None,
        stratify="proportional",
        random_state=None,
    ):
        self.estimator = estimator
        self.coreset_size = coreset_size
        self.gradient = gradient
        self.optimizer = optimizer
        self.stochastic_epsilon = stochastic_epsilon
        self.epsilon = epsilon
        self.n_candidates = n_candidates
        self.init = init
        self.stratify = stratify
        self.random_state = random_state

    @property
    def _stops_early(self):
        return None if self.epsilon is None else "the loss is at most epsilon"

    @property
    def _not_nested(self):
        return stochastic_is_not_nested(self)

    def _check_params(self, table):
        if (self.coreset_size is None) != (self.epsilon is not None):
            raise ValueError(
                f"coreset_size={self.coreset_size!r} and epsilon={self.epsilon!r} were given, but "
                "CRAIG requires exactly one of them. Set coreset_size=None to select as many "
                "samples as epsilon requires, or epsilon=None to select coreset_size samples."
            )
        if isinstance(self.n_candidates, Integral) and self.epsilon is not None:
            raise ValueError(
                f"n_candidates={self.n_candidates} is not supported with epsilon, for which all "
                "samples are candidates. Set n_candidates='auto'."
            )
        super()._check_params(table)
        check_initial(self.init, table.sample_weight, "None")

    def _check_groups(self, table, groups):
        check_initial_groups(self.init, groups)
        if self.epsilon is None:
            check_n_candidates(self.n_candidates, groups)

    def _is_random(self):
        draws = self.n_candidates is not None and self.epsilon is None
        return draws or self.optimizer == "stochastic"

    def _draws(self, groups):
        return self._is_random() and draws_candidates(self, groups)

    def _differs_from(self, size, n_selected, n):
        return why_candidates_differ(self, size, n_selected, n) if self.epsilon is None else None

    def _n_candidates(self, group):
        return n_candidates_of(self, group) if self.epsilon is None else group.n_samples

    def _device_work(self, factors, groups):
        width = 0 if factors is None else width_of(factors)
        return sum(
            n**2 * width + (group.n_samples * group.size * width if n < group.n_samples else 0)
            for group in groups
            for n in [self._n_candidates(group)]
        )

    def _gradients(self, factors, rows):
        if self.gradient == "features":
            return pairs(factors[0], rows=rows)
        return OuterProducts(*factors, rows=rows)

    def _pick(self, factors, group):
        gradients, weight = self._gradients(factors, group.rows), group.sample_weight
        start, at = initial_positions(self.init, group), None
        if self._n_candidates(group) < group.n_samples:
            every, seed = gradients, group.random_state.randint(2**31 - 1)
            size = self._n_candidates(group)
            at, weight, start = candidates_of(every.tables, weight, size, seed, start)
            gradients = self._gradients(factors, rows_at(group, at))
        gradients = precise_enough(gradients)
        cover, losses = FacilityLocation(near_similarities(gradients), weight), []

        def stop():
            losses.append(group.mean_weight * cover.loss())
            if self.epsilon is None or len(losses) < len(start):
                return False
            return losses[-1] <= self.epsilon * group.weight_fraction

        picks, _ = greedy(
            cover,
            group.size,
            start=start,
            optimizer=self.optimizer,
            epsilon=self.stochastic_epsilon,
            random_state=group.random_state,
            stop=stop,
            report=group.report,
        )
        if at is not None:
            among = among_all(every, gradients, at[picks], group.sample_weight)
            losses = group.mean_weight * among.losses
            return Picks(at[picks], among.cells(), {"losses_": losses}, prefix=among.prefix_cells)
        weight, prefix = (of(group.sample_weight) for of in (cover.cells, cover.prefix_cells))
        return Picks(picks, weight, per_pick={"losses_": np.array(losses)}, prefix=prefix)

    def _params_of_budget(self, coreset_size):
        return {"coreset_size": coreset_size, "epsilon": None}

    def _publish_parts(self, parts):
        super()._publish_parts(parts)
        self.loss_ = float(sum(part.picks.per_pick["losses_"][-1] for part in parts))
