"""Paragraphs that several docstrings need, each written once.

A docstring holds the name of such a paragraph in braces, alone on its line; `fill_docstring` puts
the paragraph there, with the indentation of that line. Braces anywhere else, as in formulas, stay.
"""

import re
import textwrap

__all__ = ["PARAGRAPHS", "fill_docstring"]

_PLACEHOLDER = re.compile(r"^([ \t]*)\{(\w+)\}[ \t]*$", flags=re.MULTILINE)


def fill_docstring(documented):
    """Replace the names of shared paragraphs in the docstring of a class or function.

    Parameters
    ----------
    documented : class or function

    Returns
    -------
    documented : class or function
        The same object; its ``__doc__`` is complete.
    """
    if documented.__doc__ is not None:  # None under ``python -OO``
        documented.__doc__ = _PLACEHOLDER.sub(_paragraph, documented.__doc__)
    return documented


def _paragraph(match):
    indent, name = match.groups()
    return textwrap.indent(PARAGRAPHS[name], indent)


def _written(text):
    return textwrap.dedent(text).strip("\n")


PARAGRAPHS = {
    # Parameters of samplers ------------------------------------------------------------------
    "estimator": """
        estimator : classifier, default=None
            The classifier, or a Pipeline that ends in one. A fitted classifier (or one in a
            :class:`~sklearn.frozen.FrozenEstimator`) is used as it is; of an unfitted one, a clone
            is fitted on the data. None is ``LogisticRegression(max_iter=1000)``.
        """,
    "estimator_probabilities": """
        estimator : classifier, default=None
            The classifier, which needs ``predict_proba``, or a Pipeline that ends in one. A fitted
            classifier (or one in a :class:`~sklearn.frozen.FrozenEstimator`) is used as it is; of
            an unfitted one, a clone is fitted on the data. None is
            ``LogisticRegression(max_iter=1000)``.
        """,
    "estimator_watched": """
        estimator : classifier, default=None
            A classifier whose training can be recorded, or a Pipeline that ends in one: see
            :meth:`TrainingDynamics.from_estimator`. A clone is trained. A fitted boosting
            classifier is used as it is; any other fitted classifier raises an error, because its
            training is over. None is ``SGDClassifier(loss="log_loss", fit_intercept=False)`` after
            ``PolynomialFeatures(degree=1)``, which adds a constant feature in place of the
            intercept, so that dense and sparse data give the same result; it needs scaled features.
        """,
    "coreset_size": """
        coreset_size : int, float or dict, default=0.1
            The budget: how many samples are selected. An int is the number of samples; a float in
            (0, 1] is the fraction of all samples, ``max(1, round(fraction * n_samples))``. A dict
            ``{class: int or float}`` sets the number of samples, or the fraction, of each class;
            its key None holds for all classes that are not named.
        """,
    "stratify": """
        stratify : {"proportional", "balanced"} or None, default="proportional"
            How the budget is divided among the classes. "proportional" keeps class proportions
            (largest remainder, at least one sample per class); "balanced" gives equal counts, as
            far as the classes are large enough; None ignores classes. It has no effect where there
            are no classes, that is where `y` is None or continuous.
        """,
    "stratify_labels": """
        stratify : {"proportional", "balanced"} or None, default="proportional"
            How the budget is divided among the classes. "proportional" keeps class proportions
            (largest remainder, at least one sample per class); "balanced" gives equal counts, as
            far as the classes are large enough; None ignores classes.
        """,
    "cv": """
        cv : int, cross-validation generator or iterable, default=None
            None scores the samples with a classifier that was fitted on them. Otherwise each
            sample is scored by a clone that was fitted on other folds, as in
            :func:`~sklearn.model_selection.cross_val_predict`. Only for an unfitted estimator.
        """,
    "dynamics": """
        dynamics : TrainingDynamics, default=None
            The record of a training on these samples, used instead of training `estimator`. It
            holds all samples, or only those whose sample weight is positive.
        """,
    "n_epochs": """
        n_epochs : int, default=10
            Number of epochs, that is passes over the samples; for boosting and forests, the number
            of stages that are recorded, evenly spaced over the training.
        """,
    "n_epochs_early": """
        n_epochs : int, default=10
            Number of epochs, that is passes over the samples; for boosting and forests, the number
            of first stages that are recorded.
        """,
    "n_repeats": """
        n_repeats : int, default=1
            Number of trainings, each with other random seeds. The statistics are averages over
            them, except for the number of forgetting events, which is their sum.
        """,
    "batch_size": """
        batch_size : int, default=64
            Number of samples per ``partial_fit``.
        """,
    "random_state_training": """
        random_state : int, RandomState instance or None, default=None
            Seed of the order of the samples in each epoch, and of every ``random_state`` of the
            classifier that is None.
        """,
    "optimizer": """
        optimizer : {"lazy", "stochastic", "naive"}, default="lazy"
            Greedy optimizer. "lazy" and "naive" select the same samples; "lazy" evaluates far
            fewer gains. "stochastic" evaluates a random subset of the candidates in each step,
            and selects other samples.
        """,
    "stochastic_epsilon": """
            Only for ``optimizer="stochastic"``, which evaluates ``n / k * ln(1 / epsilon)``
            candidates per step and reaches ``1 - 1/e - epsilon`` of the optimum in expectation.
        """,
    "random_state_stochastic": """
        random_state : int, RandomState instance or None, default=None
            Seed of the stochastic optimizer.
        """,
    "metric_similarity": """
        metric : str or callable, default="euclidean"
            A metric of :func:`sklearn.metrics.pairwise_distances`, except "mahalanobis",
            "seuclidean" and "nan_euclidean". Sparse `X` requires "euclidean", "cosine",
            "manhattan" or a callable. The similarity of two samples is the largest distance
            within their class minus their distance. With "precomputed",
            `X` holds the similarities: non-negative, symmetric, of shape (n_samples, n_samples),
            dense or sparse.
        """,
    "n_neighbors_similarity": """
        n_neighbors : int, default=None
            Number of nearest neighbors, within the class, in the similarity graph (all other
            samples of a class that has fewer); a pair is in the graph if either sample is a
            neighbor of the other. The similarity is the largest distance in the graph minus the
            distance of the pair; pairs that are not in the graph have similarity 0. None uses all
            pairs.
        """,
    "init_samples": """
        init : array-like of int, default=None
            Indices of samples that are selected already. They count towards the budget.
        """,
    "use_weights": """
        use_weights : "auto" or bool, default="auto"
            Whether `estimator` is fitted with the weights of the coreset. "auto" passes them if
            the `fit` method of `estimator` supports `sample_weight`; otherwise the estimator is
            fitted without weights, with a warning if the weights are not all equal. True raises
            an error if the weights cannot be passed. False never passes them.
        """,
    # Fitted attributes of samplers -----------------------------------------------------------
    "sample_indices_": """
        sample_indices_ : ndarray of shape (n_coreset,)
            Indices of the selected samples, in order of selection. The classes are interleaved in
            proportion, so that every prefix is nearly stratified.
        """,
    "sample_indices_prefix": """
        sample_indices_ : ndarray of shape (n_coreset,)
            Indices of the selected samples, in order of selection. The classes are interleaved in
            proportion, so that every prefix is nearly stratified. Within a class, a larger budget
            only adds samples at the end.
        """,
    "sample_weight_counts": """
        sample_weight_ : ndarray of shape (n_coreset,)
            Weight of each selected sample: the number of samples of its class divided by the
            number that was selected of it, ``n_c / k_c``. With `sample_weight`, the weights of the
            selected samples keep their proportions and sum to the total weight of the class.
        """,
    "sample_weight_cells": """
        sample_weight_ : ndarray of shape (n_coreset,)
            Weight of each selected sample: the number (or the total `sample_weight`) of the
            samples of its class that are nearest to it. The weights sum to n_samples, or to the
            total `sample_weight`.
        """,
    "gains_": """
        gains_ : ndarray of shape (n_coreset,)
            Increase of the set function of the class by each selected sample. With the optimizers
            "lazy" and "naive" it is non-increasing within a class, except for the samples of
            `init`.
        """,
    "sampling_strategy_": """
        sampling_strategy_ : dict
            Number of selected samples of each class; ``{None: n_coreset}`` without classes.
        """,
    "estimator_fitted": """
        estimator_ : classifier
            The fitted classifier whose predictions were used; with `cv`, the one that was fitted
            on all samples.
        """,
    "estimator_used": """
        estimator_ : classifier
            The fitted classifier whose predictions were used.
        """,
    "dynamics_": """
        dynamics_ : TrainingDynamics
            The record of the training on the samples whose sample weight is positive, or the given
            `dynamics`. It can be passed to other methods as `dynamics`.
        """,
    "estimator_trained": """
        estimator_ : classifier
            The trained classifier; only without `dynamics`.
        """,
    "estimator_gradients": """
        estimator_ : classifier
            The fitted classifier whose gradients were used.
        """,
    "classes_": """
        classes_ : ndarray of shape (n_classes,)
            The class labels; only where `y` has classes.
        """,
    "n_features_in_": """
        n_features_in_ : int
            Number of features seen during :term:`fit`.
        """,
    "feature_names_in_": """
        feature_names_in_ : ndarray of shape (`n_features_in_`,)
            Names of the features seen during :term:`fit`; only where `X` has feature names that
            are all strings.
        """,
    "device_": """
        device_ : str
            Device of the computation, "cpu" or "cuda:<n>".
        """,
    "sample_indices_greedy": """
        sample_indices_ : ndarray of shape (n_coreset,)
            Indices of the selected samples, in order of selection. The classes are interleaved in
            proportion, so that every prefix is nearly stratified. With the optimizers "lazy" and
            "naive", a larger budget only adds samples at the end of each class.
        """,
    "sample_weight_similar": """
        sample_weight_ : ndarray of shape (n_coreset,)
            Weight of each selected sample: the number (or the total `sample_weight`) of the
            samples of its class whose most similar selected sample it is. With `n_neighbors`, or
            with a sparse `X` of similarities, the samples that have similarity 0 to all selected
            samples are divided among these in proportion. The weights sum to n_samples, or to the
            total `sample_weight`.
        """,
    "sampler_": """
        sampler_ : sampler
            The fitted sampler; ``sampler_.sample_indices_`` are the indices of the selected
            samples in the data given to :term:`fit`.
        """,
    # Methods ---------------------------------------------------------------------------------
    "X": """
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The samples.
        """,
    "y_optional": """
        y : array-like of shape (n_samples,), default=None
            The targets.
        """,
    "sample_weight": """
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights. Samples of weight 0 are ignored: they are never selected, and do not
            count for the budget.
        """,
    "X_ref": """
        X_ref : {array-like, sparse matrix, dataframe} of shape (n_ref, n_features), default=None
            Samples among which the nearest neighbors are searched instead of `X`, as in the paper:
            the labeled samples, where `X` is a :term:`pool` of unlabeled samples. They are never
            selected. All of them are candidates, so that a sample that is also in `X` is a
            neighbor of itself.
        """,
    "resampled": """
        X_resampled : same type as `X`, of shape (n_coreset, n_features)
            The selected samples. Their weights are in `sample_weight_`.

        y_resampled : same type as `y`, of shape (n_coreset,)
            The targets of the selected samples; None if `y` is None.
        """,
    # Notes -----------------------------------------------------------------------------------
    "unscaled_features": """
        The features are used as they are. Scale them beforehand if their units differ, for example
        with :class:`~sklearn.preprocessing.StandardScaler`.
        """,
    "scale_of_sample_weight": """
        Multiplying `sample_weight` by a constant does not change the selected samples.
        """,
    "similarity_precision": """
        Similarities are computed in float64, also for float32 `X`. With ``metric="cosine"``, a
        sample whose features are all 0 has distance 0 to itself and distance 1 to all other
        samples.
        """,
    "constant_times_sample_weight": """
        Multiplying `sample_weight` by a constant does not change the selected samples if the
        classifier is already fitted. An unfitted classifier is fitted with `sample_weight` as
        given, and for most classifiers the scale of the weights changes the fit.
        """,
    "X_scored": """
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The samples to score, such as an unlabeled :term:`pool`.
        """,
    "y_ignored": """
        y : Ignored
            Not used. The parameter exists for consistency of the interface.
        """,
    "scores": """
        scores : ndarray of shape (n_samples,)
            Score of each sample.
        """,
    # Sections ----------------------------------------------------------------------------------
    "cost_training": """
        The time is that of the training, plus that of one prediction for each sample in each epoch.
        The memory is O(n), plus a copy of the data if the estimator is a Pipeline that transforms
        them, as the default estimator does.
        """,
    "reference_data_diet": """
        .. [1] Paul, M., Ganguli, S., Dziugaite, G. K. "Deep learning on a data diet: finding
           important examples early in training." NeurIPS 2021.
        """,
    "X_val": """
        X_val : {array-like, sparse matrix, dataframe} of shape (n_val, n_features), default=None
            Validation samples whose gradient is matched instead of that of `X`. The target of
            each class is the mean gradient of its validation samples, times the total weight of
            the class in `X`.
        """,
    "y_val": """
        y_val : array-like of shape (n_val,), default=None
            The class labels of `X_val`. `X_val` and `y_val` are given together.
        """,
    "X_transformed": """
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The samples to transform.
        """,
    "X_predicted": """
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The samples to predict.
        """,
    # Notes and references --------------------------------------------------------------------
    "cost_of_prediction": """
        Time: that of fitting the classifier and of predicting all samples, then O(n C) for n
        samples and C classes. Memory: O(n C) for the predictions.
        """,
    "near_the_boundary": """
        The selected samples lie near the decision boundary. In active learning these are the
        samples whose labels are most informative. They do not represent the distribution of the
        data: a classifier that is trained on a small selection alone is often less accurate than
        one that is trained on random samples, and mislabeled samples are selected first. The
        weights restore the size of each class, but not the distribution within it.
        """,
    "settles_2009": """
        .. [1] Settles, B. "Active learning literature survey." University of Wisconsin-Madison,
           Computer Sciences Technical Report 1648 (2009).
        """,
}
PARAGRAPHS = {name: _written(text) for name, text in PARAGRAPHS.items()}
