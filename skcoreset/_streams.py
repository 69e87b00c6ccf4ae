"""Selection from a stream of batches: `partial_fit` and `finalize`.

Two kinds of methods can do this, see `StreamMixin`:

* A coreset of a union of weighted coresets is a coreset of all samples (`_is_composable`). The
  samples are collected in chunks of fixed size, whatever the batches. Each full chunk is reduced to
  half of its samples, and two reduced chunks of the same level are united and reduced to one of the
  next level (merge and reduce), so that there is at most one of each level.
* The samples with the largest keys are selected (`_stream_keys`), such as scores or random numbers.
  Only those with the largest keys of each class are stored.

The state is an ordinary object, which is pickled with the sampler.
"""

from copy import copy, deepcopy
from dataclasses import dataclass, replace
from numbers import Integral, Number

import numpy as np
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples

from skcoreset._backend import is_partitioned, stacked, take
from skcoreset._budget import Candidates, divide, of_the_group, plain
from skcoreset._docstrings import fill_docstring
from skcoreset._estimator import replace_when_fitted
from skcoreset._partitions import (
    check_same_kinds,
    label_kind,
    labels_of,
    publish_union,
    reduced,
    seen,
    select_from_union,
)
from skcoreset._validation import check_table

__all__ = ["StreamMixin"]

# A reduced chunk has so many times the budget, and at least so many samples.
FACTOR, FEWEST = 8, 4000


@dataclass(frozen=True)
class _Samples:
    """Some of the samples that were seen, and their numbers in the stream, ascending."""

    X: object
    y: object
    weight: np.ndarray
    rows: np.ndarray
    keys: np.ndarray | None = None

    def at(self, positions):
        """Those at some positions."""
        y = None if self.y is None else take(self.y, positions)
        keys = None if self.keys is None else self.keys[positions]
        return _Samples(
            take(self.X, positions), y, self.weight[positions], self.rows[positions], keys
        )


def _united(some):
    X, y, weight, rows, keys = zip(*(vars(one).values() for one in some), strict=True)
    return _Samples(
        stacked(X),
        None if y[0] is None else stacked(y),
        np.concatenate(weight),
        np.concatenate(rows),
        None if keys[0] is None else np.concatenate(keys),
    )


class _Stream:
    """What is stored of the batches so far."""

    def __init__(self, sampler):
        self.sampler = sampler
        self.fitted = None  # the same with models that are fitted on the first chunk
        self.rng = np.random.RandomState(_seed(sampler))
        self.n_batches = self.n_samples = 0
        self.first = None  # the first batch, as `seen` describes it
        self.weighted = self.has_y = False
        self.containers = None  # the types of X and y
        self.waiting = []  # samples that fill no chunk yet
        self.levels = {}  # reduced chunks
        self.complete = []  # chunks that are not reduced further
        self.totals = {}  # number and weight of the samples of each class, or of all (key None)

    def with_batch(self, X, y, weight, found):
        """The stream with one more batch, of which `found` is what `seen` found.

        This one does not change, so that it is still valid if the work is interrupted.
        """
        new = copy(self)
        for name in ("waiting", "levels", "complete", "totals"):
            setattr(new, name, copy(getattr(self, name)))
        new.rng = deepcopy(self.rng)
        new.n_batches += 1
        new._add(X, y, weight, found)
        return new

    def _add(self, X, y, weight, found):
        n = _num_samples(X)
        weight = np.ones(n) if weight is None else found.weight
        rows = self.n_samples + np.arange(n)
        self.n_samples += n
        if found.labels is None and self.first.labels is not None:
            # The values are whole numbers in the batches so far, but a continuous target.
            self.first = replace(self.first, labels=None)
            self.totals = {None: tuple(map(sum, zip(*self.totals.values(), strict=True)))}
        keys = self.sampler._stream_keys(X, self.rng)
        batch = _Samples(X, y, weight, rows, keys).at(np.flatnonzero(weight))
        labels, codes = [None], np.zeros(n, dtype=int)
        if self.first.labels is not None:
            labels, codes = [plain(label) for label in found.labels[0]], found.labels[1]
        for code, label in enumerate(labels):
            own = weight[codes == code]
            count, total = self.totals.get(label, (0, 0.0))
            self.totals[label] = count + np.count_nonzero(own), total + own.sum()
        self.waiting.append(batch)
        if keys is not None:
            if self._fraction() is not None:
                return
            self.waiting = [self._largest_keys(_united(self.waiting))]
            return
        size = 2 * self._size()
        while sum(len(one.rows) for one in self.waiting) >= size:
            every = _united(self.waiting)
            self.waiting = [every.at(np.arange(size, len(every.rows)))]
            self._add_chunk(every.at(np.arange(size)), 0)

    def _size(self):
        """Number of samples of a reduced chunk."""
        if self._fraction() is not None:
            return FEWEST
        return max(FACTOR * sum(self._budgets().values()), FEWEST)

    def _fraction(self):
        """The largest fraction of the samples of a class that is selected; None if it is not known.

        It is that of `coreset_size`, if this is a float or has one.
        """
        size = self.sampler.coreset_size
        sizes = list(size.values()) if isinstance(size, dict) else [size]
        fractions = [one for one in sizes if not isinstance(one, Integral)]
        if not fractions:
            return None
        return 1.0 if self.sampler.stratify == "balanced" else max(fractions)

    def _may_reduce(self, level):
        """Whether a reduced chunk of this level still has enough samples for a fraction of all."""
        fraction = self._fraction()
        return fraction is None or 2.0 ** -(level + 1) >= FACTOR * fraction

    def _budgets(self):
        """The budget by class; that of all classes has the key None."""
        size = self.sampler.coreset_size
        return {None: size} if isinstance(size, Integral) else size

    def _add_chunk(self, chunk, level):
        if not self._may_reduce(level):
            self.complete.append(chunk)
            return
        if self.fitted is None:
            self.fitted = self.sampler._for_stream(chunk.X, chunk.y, chunk.weight)
        chunk = self._reduced(chunk)
        if level not in self.levels:
            self.levels[level] = chunk
            return
        self._add_chunk(_united([self.levels.pop(level), chunk]), level + 1)

    def _reduced(self, chunk):
        """Half of the samples, with the weights of all."""
        sampler, half = self.fitted, -(-len(chunk.rows) // 2)
        budget = half
        if self.first.labels is not None and sampler._stratification() is not None:
            labels, codes = labels_of(chunk.y)
            counts = np.bincount(codes, minlength=len(labels))
            least = {label: FACTOR * size for label, size in self._of_classes(len(labels)).items()}
            budget = {
                plain(label): int(max(-(-n // 2), min(n, least.get(plain(label), least[None]))))
                for label, n in zip(labels, counts, strict=True)
                if n
            }
        if sampler._most_candidates() is not None:
            # More may be selected of a chunk. With half of it limited to the candidates, a chunk
            # would be reduced to random samples.
            sampler = copy(sampler)
            sampler.n_candidates = None
        seed = self.rng.randint(2**31 - 1)
        found = reduced(chunk.X, chunk.y, chunk.weight, budget, None, seed, sampler, {})
        weight = chunk.weight[found.rows] if sampler._weights_are_own else found.weight
        return _Samples(found.X, found.y, weight, chunk.rows[found.rows])

    def _of_classes(self, n_classes):
        """The least budget of each class if it does not depend on the class proportions."""
        size = self.sampler.coreset_size
        if isinstance(size, dict):
            return {None: 0, **size}
        return {None: size // n_classes if self.sampler.stratify == "balanced" else 0}

    def _largest_keys(self, some):
        """As many samples of each class as the budget may require, those with the largest keys."""
        budgets, order = self._budgets(), np.lexsort((some.rows, -some.keys))
        if not len(order):
            return some
        if self.first.labels is None or self.sampler._stratification() is None:
            kept = order[: budgets[None]]
        else:
            labels, codes = labels_of(some.y)
            found = [
                order[codes[order] == code][: budgets.get(plain(label), budgets.get(None, 0))]
                for code, label in enumerate(labels)
            ]
            kept = np.concatenate(found)
        return some.at(np.sort(kept))

    def union(self):
        """All samples that are stored, in the order of the stream, and their weights."""
        every = _united([*self.complete, *self.levels.values(), *self.waiting])
        every = every.at(np.argsort(every.rows))
        if every.keys is None and not self.sampler._weights_are_own:
            return every
        weight, labels = every.weight.copy(), [None]
        of = np.zeros(len(weight), dtype=int)
        if self.first.labels is not None:
            labels, of = labels_of(every.y)
        if self.sampler._stratification() is None:
            weight *= sum(total for _, total in self.totals.values()) / weight.sum()
        else:
            for code, label in enumerate(labels):
                own = of == code
                if own.any():
                    weight[own] *= self.totals[plain(label)][1] / weight[own].sum()
        return replace(every, weight=weight)

    def candidates(self):
        classes = counts = weights = None
        if self.first.labels is not None:
            classes = np.array(sorted(self.totals))
            totals = [self.totals[label] for label in sorted(self.totals)]
            counts, weights = (np.array(values) for values in zip(*totals, strict=True))
        n, weight = (sum(values) for values in zip(*self.totals.values(), strict=True))
        return Candidates(classes, counts, weights, n, float(weight), self.n_samples)


def _seed(sampler):
    state = getattr(sampler, "random_state", 0)
    if isinstance(state, np.random.RandomState):
        return state.randint(2**31 - 1)
    return state


def _container(values):
    """The type of a container; those of NumPy can be concatenated."""
    return np.ndarray if isinstance(values, np.ndarray) else type(values)


def _streams(sampler):
    if sampler._is_composable or sampler._has_stream_keys:
        return True
    name = type(sampler).__name__
    if type(sampler)._has_stream_keys is not False:
        raise AttributeError(
            f"{name} selects from batches by the scores of a classifier that is already fitted. "
            "Give a fitted classifier as estimator."
        )
    raise AttributeError(
        f"{name} cannot select from batches, because it needs all samples at once. Select a larger "
        f"coreset from the batches by Coreset or Uniform first, and apply {name} to it."
    )


class StreamMixin:
    """The part of `BaseCoreset` that selects from batches."""

    _has_stream_keys = False  # whether `_stream_keys` returns keys
    _of_samples = ()  # attributes that hold numbers of samples, which `finalize` does not set
    _stream = None

    def _stream_keys(self, X, rng):
        """A key of each sample of a batch; the samples with the largest are selected. Or None."""

    def _for_stream(self, X, y, weight):
        """This sampler with its models fitted on the samples of the first chunk."""
        return copy(self)

    @available_if(_streams)
    @fill_docstring
    def partial_fit(self, X, y=None, sample_weight=None):
        """Add a batch of samples to the selection.

        Parameters
        ----------
        {X_in_memory}

        {y_optional}

        {sample_weight}

        Returns
        -------
        self : object
            This sampler. Its fitted attributes do not change before `finalize`.

        Notes
        -----
        Methods that select by a score or at random store the samples that may still be selected,
        and the selection is the same as of all samples at once (of `Uniform`, equally
        distributed). For the other methods, the samples are collected in chunks of 16 times the
        budget, but at least 8,000. The method reduces each chunk to half of its samples with
        weights, and again each two reduced chunks to one. So the memory and the number of passes
        of a sample through the method grow with the logarithm of the number of samples. If
        `coreset_size` is a fraction, the memory grows in proportion to the number of samples, and
        of the methods that select by a score or at random, all samples are stored. The result does
        not depend on the sizes of the batches. Models and transformers that are not fitted
        are fitted on the first chunk. See :ref:`large_data`.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skcoreset import Herding
        >>> X, y = load_iris(return_X_y=True)
        >>> sampler = Herding(6)
        >>> for start in range(0, 150, 50):
        ...     sampler = sampler.partial_fit(X[start : start + 50], y[start : start + 50])
        >>> X_small, y_small = sampler.finalize()
        >>> y_small.tolist()
        [0, 1, 2, 0, 1, 2]
        """
        if is_partitioned(X):
            raise TypeError(
                f"{type(self).__name__}.partial_fit takes batches in memory. Pass a Dask "
                "collection to fit_resample."
            )
        self._check_stream()
        stream = self._stream
        if stream is None:
            stream = _Stream(copy(self))
        labeled = self._encode(np.array([0, 1]))[0] is not None
        found = seen(X, y, sample_weight, copy(self), labeled, False)
        if found.error is not None:
            raise found.error
        if not found.n:
            return self
        if stream.first is not None:
            self._check_same_kind(stream, found, X, y, sample_weight)
        else:
            stream.first, stream.has_y = found, y is not None
            stream.containers = _container(X), _container(y)
            stream.weighted = sample_weight is not None
            vars(self).update(found.features)
        self._stream = stream.with_batch(X, y, sample_weight, found)
        return self

    @available_if(_streams)
    def finalize(self):
        """Select the coreset from the batches that were passed to `partial_fit`.

        More batches may follow, and `finalize` may be called again. `coreset_size` may be changed
        before, to any size for which enough samples of each class are stored; how many are stored
        follows from `coreset_size` at the first batch. Other parameters must not be changed.

        Returns
        -------
        X_resampled : same type as X, of shape (n_coreset, n_features)
            The selected samples.

        y_resampled : same type as y, of shape (n_coreset,)
            Their targets; None if `y` was None. `sample_indices_` are the numbers of the samples in
            the stream, and `sample_weight_` their weights. Attributes with one value for each
            sample, such as `scores_` and `trust_`, are not set, because most of the samples are not
            stored any more. ``score_samples(X_resampled)`` returns the scores of the selected
            samples.
        """
        if self._stream is None:
            raise ValueError(
                f"This {type(self).__name__} has no samples. Pass batches to partial_fit first."
            )
        self._check_stream()
        stream = self._stream
        if not sum(count for count, _ in stream.totals.values()):
            raise ValueError(
                "sample_weight is zero for every sample of the batches; at least one must be "
                "positive."
            )
        every = stream.union()
        second, candidates = copy(stream.fitted or stream.sampler), stream.candidates()
        # The proportions are those of all samples, not of their weights in the union.
        sizes = divide(self.coreset_size, self._stratification(), candidates)
        if self.coreset_size != stream.sampler.coreset_size:
            self._check_stored(stream, every, sizes, candidates.classes)
        everything = len(every.rows) == sum(count for count, _ in stream.totals.values())
        weight = None if everything and not stream.weighted else every.weight
        select_from_union(second, sizes, candidates.classes, every.X, every.y, weight)
        with replace_when_fitted(self) as fitted:
            publish_union(fitted, second, every.rows, candidates)
        order = np.argsort(every.rows)
        at = order[np.searchsorted(every.rows[order], self.sample_indices_)]
        return take(every.X, at), None if every.y is None else take(every.y, at)

    def _check_stream(self):
        """Raise if the parameters do not fit a stream."""
        name = type(self).__name__
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), name
        )
        if self.coreset_size is None:
            raise ValueError(
                f"coreset_size=None lets {name} find the size, which needs all samples at once. "
                "Give a coreset_size to partial_fit."
            )
        for parameter in ("init", "exclude"):
            value = getattr(self, parameter, None)
            if value is not None and not isinstance(value, str):
                raise ValueError(
                    f"{parameter}={value!r} holds indices of samples, which partial_fit does not "
                    f"support. Set {parameter}=None, or pass all samples to fit."
                )
        if getattr(self, "metric", None) == "precomputed":
            raise ValueError(
                "metric='precomputed' requires the matrix of all samples, which partial_fit does "
                "not have. Give the features and another metric."
            )
        if self._stratification() == "quantile":
            raise ValueError(
                "stratify='quantile' requires all values of y at once. Give stratify=None to "
                f"{name}.partial_fit."
            )

        self._check_unchanged()

    def _check_unchanged(self):
        """Raise if a parameter differs from that at the first batch."""
        if self._stream is None:
            return
        for name, now in self.get_params(deep=False).items():
            before = getattr(self._stream.sampler, name)
            same = now is before or (isinstance(now, str | Number) and now == before)
            if not same and name != "coreset_size":
                raise ValueError(
                    f"{name}={now!r}, but it was {before!r} at the first batch of this "
                    f"{type(self).__name__}. In a stream only coreset_size may be changed. Set it "
                    "back, or begin with a clone of this sampler."
                )

    def _check_stored(self, stream, every, sizes, classes):
        """Raise if fewer samples are stored than a new budget selects."""
        stored, wanted = {None: len(every.rows)}, {None: sizes}
        if not isinstance(sizes, Integral):
            labels, codes = labels_of(every.y)
            stored = {plain(label): 0 for label in classes}
            stored.update(zip(map(plain, labels), np.bincount(codes).tolist(), strict=True))
            wanted = dict(zip(stored, sizes, strict=True))
        for label, size in wanted.items():
            if size > stored[label]:
                most = stored[None] if label is None else stored
                raise ValueError(
                    f"coreset_size={self.coreset_size!r} selects {size} samples"
                    f"{of_the_group(label)}, but {stored[label]} are stored, because it was "
                    f"{stream.sampler.coreset_size!r} at the first batch. It can be at most {most}."
                )

    def _check_same_kind(self, stream, found, X, y, sample_weight):
        """Raise if a batch differs in kind from the first."""
        first, number = stream.first, stream.n_batches
        if (y is None) == stream.has_y:
            raise ValueError(
                f"Batch {number} has {'no y' if y is None else 'a y'}, unlike the batches before "
                "it. Give y for all batches or for none."
            )
        given = zip(("X", "y"), stream.containers, map(_container, (X, y)), strict=True)
        for of, before, now in given:
            if before is not now:
                raise TypeError(
                    f"{of} of batch {number} is a {now.__name__}, but a {before.__name__} in the "
                    "batches before it. Give containers of the same type."
                )
        check_table(self, X, reset=False)
        check_same_kinds([("the first batch", first.kinds), (f"batch {number}", found.kinds)])
        kinds = [
            "number" if one.labels is None else label_kind(one.labels[0]) for one in (first, found)
        ]
        if stream.has_y and kinds[0] != kinds[1]:
            raise TypeError(
                f"y of batch {number} has labels of the type {kinds[1]}, but the batches before it "
                f"of the type {kinds[0]}. All labels must be of one type."
            )
        needs_classes = self._uses_classes() or isinstance(stream.sampler.coreset_size, dict)
        if found.labels is None and first.labels is not None and needs_classes:
            raise ValueError(
                f"y of batch {number} is continuous, but {type(self).__name__} has used the whole "
                "numbers in the batches before it as class labels."
                + " Set target_type='continuous'."
                * hasattr(self, "target_type")
            )
        if (sample_weight is None) == stream.weighted:
            raise ValueError(
                f"Batch {number} has {'no' if sample_weight is None else 'a'} sample_weight, "
                "unlike the batches before it. Give sample_weight for all batches or for none."
            )
