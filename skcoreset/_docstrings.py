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
            The classifier, or a Pipeline that ends in one. A fitted classifier, or one in a
            :class:`~sklearn.frozen.FrozenEstimator`, is used without being fitted again. If the
            classifier is not fitted, a clone of it is fitted on `X` and `y`. If None,
            ``LogisticRegression(max_iter=1000)`` is used.
        """,
    "estimator_or_regressor": """
        estimator : classifier or regressor, default=None
            The model, or a Pipeline that ends in one. A fitted model, or one in a
            :class:`~sklearn.frozen.FrozenEstimator`, is used without being fitted again. If the
            model is not fitted, a clone of it is fitted on `X` and `y`. With a regressor, `y` is
            continuous, even if all of its values are whole numbers. If None,
            ``LogisticRegression(max_iter=1000)`` is used.
        """,
    "estimator_probabilities": """
        estimator : classifier, default=None
            A classifier with the method ``predict_proba``, or a Pipeline that ends in one. A fitted
            classifier, or one in a :class:`~sklearn.frozen.FrozenEstimator`, is used without being
            fitted again. If the classifier is not fitted, a clone of it is fitted on `X` and `y`.
            If None, ``LogisticRegression(max_iter=1000)`` is used.
        """,
    "estimator_watched": """
        estimator : classifier, default=None
            A classifier whose training can be recorded, or a Pipeline that ends in one;
            :meth:`TrainingDynamics.from_estimator` lists these classifiers. A clone of the
            classifier is trained. A fitted boosting classifier is used without being fitted again;
            any other fitted classifier raises an error, because its training can no longer be
            recorded. If None, ``SGDClassifier(loss="log_loss", fit_intercept=False)`` is trained
            on the features and on a constant feature in place of the intercept, which is added by
            ``PolynomialFeatures(degree=1)``. Dense and sparse data then give the same result. The
            features should be scaled for this classifier.
        """,
    "coreset_size": """
        coreset_size : int, float or dict, default=0.1
            The :term:`budget`, that is, the number of samples to select. An int is this number. A
            float in (0, 1] is a fraction of all samples: ``max(1, round(fraction * n_samples))``
            samples are selected. A dict ``{class: int or float}`` gives the number or the fraction
            of the samples of each class; the value of its key None applies to all other classes. A
            dict requires class labels `y`, and a `stratify` that is not None.
        """,
    "stratify": """
        stratify : {"proportional", "balanced", "quantile"} or None, default="proportional"
            How the budget is divided among the classes. "proportional" keeps class proportions
            (largest remainder, at least one sample per class); "balanced" gives equal counts, as
            far as the classes are large enough; None ignores the classes, as if all samples were
            of one class. Unless it is None, the budget must be at least the number of classes. If
            `y` is None or continuous, there are no classes, and the result is that of None.
            "quantile" is for a continuous `y`: five intervals with nearly the same number of
            samples (or total weight) take the place of classes, fewer if the budget is smaller.
            Whole numbers are values then. Methods that need class labels do not accept it.
        """,
    "cv": """
        cv : int, cross-validation generator or iterable, default=None
            Cross-validation splitting strategy of the predictions. If None, each sample is
            predicted by a classifier that was fitted on all samples, including this one. Otherwise,
            each sample is predicted by a clone that was fitted on the other folds, as in
            :func:`~sklearn.model_selection.cross_val_predict`; `estimator` must not be fitted then.
        """,
    "dynamics": """
        dynamics : TrainingDynamics, default=None
            The record of a training on the samples of `X`. If it is given, `estimator` is not
            trained. The record contains all samples of `X`, or only those whose sample weight is
            positive.
        """,
    "n_epochs": """
        n_epochs : int, default=10
            Number of epochs, that is, of passes over the samples. For boosting and forests, it is
            the number of stages (iterations, or trees) that are recorded; they are evenly spaced
            over the training.
        """,
    "n_epochs_early": """
        n_epochs : int, default=10
            Number of epochs, that is, of passes over the samples. For boosting and forests, the
            first `n_epochs` stages (iterations, or trees) are recorded.
        """,
    "n_repeats": """
        n_repeats : int, default=1
            Number of trainings, each with other random seeds. The statistics are averages over
            the trainings, except for the number of forgetting events, which is the sum over the
            trainings.
        """,
    "batch_size": """
        batch_size : int, default=64
            Number of samples in each call of ``partial_fit``. It has no effect on classifiers that
            are trained without ``partial_fit``.
        """,
    "random_state_draws": """
        random_state : int, RandomState instance or None, default=None
            Seed of the draws. Pass an int for reproducible results.
    """,
    "random_state_training": """
        random_state : int, RandomState instance or None, default=None
            Seed of the order of the samples in each epoch, and of each parameter ``random_state``
            of the classifier that is None. Pass an int for reproducible results.
        """,
    "optimizer": """
        optimizer : {"lazy", "stochastic", "naive"}, default="lazy"
            Greedy optimizer. Each step selects the sample with the largest gain, which is the
            improvement of the objective by this sample. "naive" evaluates the gains of all samples
            in each step. "lazy" selects the same samples, but evaluates far fewer gains.
            "stochastic" evaluates the gains of a random subset of the samples in each step, so
            that the selected samples depend on `random_state`.
        """,
    "stochastic_epsilon": """
            Only for ``optimizer="stochastic"``. To select k of n samples, the gains of
            ``n / k * ln(1 / epsilon)`` samples are evaluated in each step. If the function is
            monotone and submodular, its expected value is at least ``1 - 1/e - epsilon`` times the
            optimum.
        """,
    "random_state_stochastic": """
        random_state : int, RandomState instance or None, default=None
            Seed of the random candidates of a class of more than `n_candidates` samples, and of the
            stochastic optimizer. Pass an int for reproducible results.
        """,
    "metric_similarity": """
        metric : str or callable, default="euclidean"
            A metric of :func:`sklearn.metrics.pairwise_distances`, except "mahalanobis",
            "seuclidean" and "nan_euclidean". Sparse `X` requires "euclidean", "cosine",
            "manhattan" or a callable. The similarity of two samples of a class is the largest
            distance of any two samples of the class, minus the distance of the two. With "rbf", it
            is :math:`\\exp(-\\gamma \\|x - z\\|_2^2)`. With "precomputed", `X` is the matrix of the
            similarities: non-negative, symmetric, of shape (n_samples, n_samples), dense or sparse.
        """,
    "gamma_similarity": """
        gamma : float, default=None
            The positive factor :math:`\\gamma` of ``metric="rbf"``; any other metric requires
            None. If None, it is 1 divided by the sum of the variances of the features, over all
            samples, weighted by `sample_weight`. For standardized features, this is
            ``1 / n_features``.
        """,
    "n_neighbors_similarity": """
        n_neighbors : int, default=None
            Number of nearest neighbors of each sample, within its class, in the similarity graph.
            It is reduced to the number of other samples of the class if that is smaller. A pair of
            samples is in the graph if either sample is a neighbor of the other. The similarity of
            the pair is the largest distance in the graph minus the distance of the pair, or with
            ``metric="rbf"`` the value of the kernel; pairs that are not in the graph have
            similarity 0. If None, the similarities of all pairs are used.
        """,
    "n_candidates_sampled": """
        n_candidates : int, "auto" or None, default="auto"
            Number of candidates per class. If a class has more samples, the selected ones are taken
            from a random sample of this size, which also takes the place of all samples in the
            objective; see Notes. "auto" is 20,000, or ten times the number of samples to select if
            this is more. None means all samples, with the exact objective.
        """,
    "init_samples": """
        init : array-like of int, default=None
            Indices of the samples that are selected first. They are part of the coreset and count
            towards the budget. An empty array has the same effect as None.
        """,
    "exclude": """
        exclude : array-like of int, default=None
            Indices of samples that are never selected, such as samples whose labels are known
            already. Unlike samples of weight 0, they are used in all computations: the classifier
            is fitted on them, and they have scores. They are not counted where `coreset_size` is a
            fraction, in class proportions, and in `sample_weight_`, whose sum is the number (or the
            total `sample_weight`) of the other samples. An empty array has the same effect as None.
        """,
    "use_weights": """
        use_weights : "auto" or bool, default="auto"
            Whether `estimator` is fitted with the weights of the coreset. "auto" passes them if
            the `fit` method of `estimator` supports `sample_weight`, unless all weights are 1.
            Otherwise the estimator is fitted without weights, with a warning if the weights
            differ: if more than 5 % of their sum would have to be moved from some samples to
            others to make them equal, or, if `sample_weight` is given, if they differ at all.
            True passes the weights also if all are 1, and raises an error if they cannot be
            passed. False never passes them.
        """,
    "weight_scale": """
        weight_scale : {"mean", "total"}, default="mean"
            Scale of the weights that are passed to `estimator`. "mean" divides the weights of the
            coreset by their mean, so that they average 1: `estimator` is regularized as without
            weights. "total" passes ``sampler_.sample_weight_`` as it is: with most samplers, these
            weights sum to the number (or the total `sample_weight`) of all samples. For n samples
            and a coreset of k, this is like "mean" with C multiplied by n / k in
            :class:`~sklearn.svm.SVC` and :class:`~sklearn.linear_model.LogisticRegression`. Include
            both values in a parameter search, see :doc:`/user_guide/weights`.
        """,
    # Parameters of curves ---------------------------------------------------------------------
    "curve_samplers": """
        samplers : sampler, list of samplers or dict of samplers, default=None
            The samplers to compare, which are cloned. They must have the parameter `coreset_size`,
            which is set to each of `coreset_sizes`. The keys of a dict are the names of the
            samplers in the result; otherwise the names are those of the classes. If None,
            `Coreset()` is used. ``Uniform()`` is added if there is no :class:`Uniform` among them
            and `n_uniform` is not 0.

        coreset_sizes : array-like of shape (n_sizes,), default=(0.01, 0.02, 0.05, 0.1, 0.2)
            The sizes of the coresets: floats in (0, 1], which are fractions of the training fold,
            or ints, which are numbers of samples. They are sorted.

        groups : array-like of shape (n_samples,), default=None
            Group labels of the samples, which are passed to the splitter. With metadata routing,
            pass them in `params` instead.
        """,
    "cv_of_scores": """
        cv : int, cross-validation generator or iterable, default=None
            Cross-validation splitting strategy, as in
            :func:`~sklearn.model_selection.cross_validate`. If None, 5 folds are used, which are
            stratified if the estimator is a classifier. All sizes use the same splits.
        """,
    "curve_parameters": """
        scoring : str, callable, list, tuple or dict, default=None
            One or several scorers, as in :func:`~sklearn.model_selection.cross_validate`. If None,
            the method `score` of the estimator is used.

        use_weights : "auto" or bool, default="auto"
            Whether the weights of the coresets are passed to the estimator, see
            :class:`CoresetClassifier`.

        weight_scale : {"mean", "total"}, default="mean"
            Scale of these weights, see :class:`CoresetClassifier`.

        full : bool, default=True
            Whether the estimator is also fitted on all samples of each training fold.

        return_train_score : bool, default=False
            Whether to compute the scores on the samples on which the estimators were fitted, that
            is, on the coresets.

        return_indices : bool, default=False
            Whether to return the indices of the splits and of the coresets.

        n_uniform : int, default=5
            Number of draws of each :class:`Uniform` in each training fold. The score of a single
            random draw varies; the result contains the score of each draw and the mean. If 0, no
            :class:`Uniform` is added, and each one in `samplers` is drawn once.

        n_jobs : int, default=None
            Number of jobs that run in parallel, over the splits and the samplers. None means 1
            unless in a ``joblib.parallel_backend`` context. -1 means using all processors.
            Times are comparable only if there are enough processors for the jobs and their threads.

        pre_dispatch : int or str, default="all"
            Number of jobs that are dispatched in advance, see ``joblib.Parallel``.

        verbose : int, default=0
            The verbosity. Values above 1 print one line per fitted estimator.

        error_score : "raise" or numeric, default=np.nan
            The score if the selection, the fit or the scorer fails. If a numeric value is given, a
            warning states which of them failed. This happens, for example, if a size is smaller
            than the number of classes. If "raise", the error is raised.

        params : dict, default=None
            Parameters of the `fit` method of `estimator`. Without metadata routing, `sample_weight`
            is accepted (for a Pipeline ``<step>__sample_weight``, and all parameters of the
            transformers), and no parameters are passed to the scorer. With metadata routing, the
            parameters are passed to the estimator, the scorer and the splitter as requested. Sample
            weights of the last step are passed to the samplers, too.

        random_state : int, RandomState instance or None, default=None
            Seed of the draws of :class:`Uniform`, and of each parameter `random_state` of the
            samplers that is None. Pass an int for reproducible results. The splits and the
            estimator have their own `random_state`.
        """,
    "curve_results": """
        results : :class:`~sklearn.utils.Bunch`
            The result of :func:`coreset_curve`.
        """,
    "plot_parameters": """
        ax : matplotlib Axes or array of Axes, default=None
            The axes; one for each scorer. If None, a new figure is created.

        x : {"rows", "fraction", "time"}, default="rows"
            The horizontal axis: the number of selected samples, this number divided by the number
            of training samples, or the seconds of the selection and of fitting the estimator. All
            of them are means over the splits.

        negate_score : bool, default=False
            Whether to negate the scores. This is useful for the errors whose names begin with
            ``neg_`` in scikit-learn.

        score_name : str, default=None
            The label of the vertical axis. If None, it is derived from the name of the scorer.

        score_type : {"test", "train", "both"}, default="test"
            Which scores are plotted.

        std_display_style : {"fill_between", "errorbar"} or None, default="fill_between"
            How the standard deviation of the scores over splits and draws is displayed. If None,
            it is not displayed.

        plot_full : bool, default=True
            Whether to plot a horizontal line at the mean score with all samples, if the results
            contain it. With ``x="time"``, a star on this line marks the time of its fit.

        line_kw : dict, default=None
            Keyword arguments of ``Axes.plot`` of matplotlib for the mean scores.

        fill_between_kw : dict, default=None
            Keyword arguments of ``Axes.fill_between`` of matplotlib for the bands.

        errorbar_kw : dict, default=None
            Keyword arguments of ``Axes.errorbar`` of matplotlib.

        full_kw : dict, default=None
            Keyword arguments of ``Axes.axhline`` of matplotlib for the score with all
            samples.
        """,
    "tolerance": """
        tolerance : "one_standard_error" or float, default="one_standard_error"
            How much lower than the mean score with all samples the mean score with the coreset may
            be. "one_standard_error" is the standard deviation (with F - 1 degrees of freedom) of
            the scores with all samples over the F splits, divided by ``sqrt(F)``. A float is in
            units of the score.
        """,
    # Fitted attributes of samplers -----------------------------------------------------------
    "sample_indices_": """
        sample_indices_ : ndarray of shape (n_coreset,)
            Indices of the selected samples, in order of selection. The classes are interleaved, so
            that the class proportions of the first m selected samples are nearly the same for
            every m.
        """,
    "sample_indices_prefix": """
        sample_indices_ : ndarray of shape (n_coreset,)
            Indices of the selected samples, in order of selection. The classes are interleaved, so
            that the class proportions of the first m selected samples are nearly the same for
            every m. Within each class, a larger budget selects the same samples first.
        """,
    "sample_weight_counts": """
        sample_weight_ : ndarray of shape (n_coreset,)
            Weight of each selected sample: the number of samples of its class divided by the
            number of selected samples of its class, ``n_c / k_c``. With `sample_weight`, the
            weights are proportional to `sample_weight` within each class, and sum to the total
            `sample_weight` of the class. If `coreset_size` is 0 for some classes, the weights of
            the other classes are multiplied by a factor, so that all weights sum to n_samples, or
            to the total `sample_weight`.
        """,
    "sample_weight_equal": """
        sample_weight_ : ndarray of shape (n_coreset,)
            Weight of each selected sample: the number (or the total `sample_weight`) of the samples
            of its class divided by the number of selected samples of its class. The weights are
            equal within a class, also with `sample_weight`, because the method matches the
            unweighted mean of the selected samples. They sum to n_samples, or to the total
            `sample_weight`.
        """,
    "sample_weight_cells": """
        sample_weight_ : ndarray of shape (n_coreset,)
            Weight of each selected sample. Each sample is assigned to the nearest selected sample
            of its class; the weight is the number (or the total `sample_weight`) of the samples
            that are assigned to the selected sample. The weights sum to n_samples, or to the total
            `sample_weight`.
        """,
    "gains_": """
        gains_ : ndarray of shape (n_coreset,)
            Gain of each selected sample: the increase of the set function of its class when the
            sample was added. With the optimizers "lazy" and "naive", the gains are non-increasing
            within each class, except for the samples of `init`.
        """,
    "gamma_": """
        gamma_ : float
            The value of `gamma` that was used. Defined only with ``metric="rbf"``.
        """,
    "sampling_strategy_": """
        sampling_strategy_ : dict
            Number of selected samples of each class, ``{class: number}``. It is
            ``{None: n_coreset}`` if `y` has no classes.
        """,
    "estimator_fitted": """
        estimator_ : classifier
            The fitted classifier whose predictions were used. With `cv`, clones of `estimator`
            predicted the samples of `X`, and this classifier, which is used by `score_samples`, was
            fitted on all samples.
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
            The trained classifier (of the last training). Defined only if `dynamics` is None.
        """,
    "estimator_gradients": """
        estimator_ : classifier
            The fitted classifier whose gradients were used.
        """,
    "classes_": """
        classes_ : ndarray of shape (n_classes,)
            The class labels. Defined only if `y` has classes.
        """,
    "n_samples_in_": """
        n_samples_in_ : int
            Number of samples seen during :term:`fit`, including those of weight 0.
        """,
    "n_features_in_": """
        n_features_in_ : int
            Number of features seen during :term:`fit`.
        """,
    "feature_names_in_": """
        feature_names_in_ : ndarray of shape (`n_features_in_`,)
            Names of the features seen during :term:`fit`. Defined only if `X` has feature names
            that are all strings.
        """,
    "device_": """
        device_ : str
            Device of the computation, "cpu" or "cuda:<n>".
        """,
    "sample_indices_greedy": """
        sample_indices_ : ndarray of shape (n_coreset,)
            Indices of the selected samples, in order of selection. The classes are interleaved, so
            that the class proportions of the first m selected samples are nearly the same for
            every m. With the optimizers "lazy" and "naive", a larger budget selects the same
            samples first within each class.
        """,
    "sample_weight_similar": """
        sample_weight_ : ndarray of shape (n_coreset,)
            Weight of each selected sample. Each sample is assigned to the most similar selected
            sample of its class; the weight is the number (or the total `sample_weight`) of the
            samples that are assigned to the selected sample. With `n_neighbors`, or with a sparse
            `X` of similarities, samples that have similarity 0 to all selected samples are not
            assigned, and the weights of each class are multiplied by a factor instead. The weights
            sum to n_samples, or to the total `sample_weight`.
        """,
    "sampler_": """
        sampler_ : sampler
            The fitted sampler; ``sampler_.sample_indices_`` are the indices of the selected
            samples in the data given to :term:`fit`.
        """,
    # Methods ---------------------------------------------------------------------------------
    "X": """
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The samples. Dask collections are also accepted, see :ref:`large_data`.
        """,
    "X_of_sampler": """
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The samples. :ref:`large_data` lists the methods that also accept Dask collections.
        """,
    "X_in_memory": """
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The samples, in memory.
        """,
    "y_optional": """
        y : array-like of shape (n_samples,), default=None
            The targets.
        """,
    "sample_weight": """
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights. Samples of weight 0 are ignored: they are never selected, and are not
            counted where `coreset_size` is a fraction.
        """,
    "y_to_predict": """
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets that the estimator predicts.
        """,
    "predictions": """
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted targets.
        """,
    "class_probabilities": """
        p : ndarray of shape (n_samples, n_classes)
            The class probabilities of the samples. The order of the classes corresponds to that in
            :term:`classes_`.
        """,
    "decision_values": """
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The decision function of the samples, as the fitted classifier returns it.
        """,
    "y_and_weight_of_fit": """
        y : array-like of shape (n_samples,), default=None
            The targets that were passed to `fit`, with `X`.

        sample_weight : array-like of shape (n_samples,), default=None
            The sample weights that were passed to `fit`, with `X`.
        """,
    "X_target": """
        X_target : {array-like, sparse matrix, dataframe} of shape (n_target, n_features)
            Target samples, or None, the default. The selected samples are those of `X` that are
            similar to the target samples, instead of to all samples of `X`. Target samples are
            never selected, and have no weights and no classes.
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
        The features are not scaled. If their units differ, scale them beforehand, for example with
        :class:`~sklearn.preprocessing.StandardScaler`.
        """,
    "scale_of_sample_weight": """
        Multiplying `sample_weight` by a constant does not change the selected samples.
        """,
    "candidates_sampled": r"""
        A class of more than `n_candidates` samples is treated as follows. `n_candidates` samples
        are drawn in proportion to their sample weights (priority sampling); the draw depends on
        the values of the samples and on `random_state`, not on their order. The greedy algorithm
        selects from the drawn samples, and maximizes the objective that is summed over the drawn
        samples only. The weights of the coreset, and the value of the objective after each selected
        sample, are then computed from all samples of the class, in one pass. For a set of samples
        that does not depend on the draw, with m candidates of equal weight, the mean over the
        candidates and the mean over all samples of a quantity between 0 and M differ by more than
        :math:`M \sqrt{\ln(2 / p) / (2 m)}` with a probability of at most p (Hoeffding's
        inequality): for m = 20,000 and p = 0.05, by more than 1 % of M. The selected set depends
        on the draw, and the bound does not hold for it; the user guide has measured values. A
        smaller budget selects a prefix if `n_candidates` is the same: an int, or "auto" with at
        most 2,000 selected samples per class.
        """,
    "similarity_precision": """
        Similarities are computed in float64, except for large float32 `X` whose distances keep
        their digits in float32; the gains are then exact to about 1e-6. With ``metric="cosine"``, a
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
        Time: that of the training, plus that of one prediction for each sample in each epoch.
        Memory: O(n) for n samples, plus a transformed copy of `X` if the estimator is a Pipeline,
        as the default estimator is.
        """,
    "reference_data_diet": """
        .. [1] Paul, M., Ganguli, S., Dziugaite, G. K. "Deep learning on a data diet: finding
           important examples early in training." NeurIPS 2021.
        """,
    "X_val": """
        X_val : {array-like, sparse matrix, dataframe} of shape (n_val, n_features), default=None
            Validation samples whose gradients are matched instead of those of `X`: b is the mean
            gradient of the validation samples (of the class), multiplied by the total weight of
            the samples of `X` (of the class).
        """,
    "y_val": """
        y_val : array-like of shape (n_val,), default=None
            The class labels of `X_val`. `X_val` and `y_val` are given together.
        """,
    "y_labels": """
        y : array-like of shape (n_samples,)
            The class labels.
        """,
    "X_val_required": """
        X_val : {array-like, sparse matrix, dataframe} of shape (n_val, n_features)
            The validation samples, which are not samples of `X`.
        """,
    "y_val_required": """
        y_val : array-like of shape (n_val,)
            The class labels of `X_val`: correct ones, of classes that `y` contains.
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
        Time: that of fitting the classifier and of predicting all samples, plus O(n C) for n
        samples and C classes. Memory: O(n C) for the predictions.
        """,
    "near_the_boundary": """
        The selected samples lie near the decision boundary. In active learning these are the
        samples whose labels are most informative. They do not represent the distribution of the
        data: a classifier that is fitted on a small coreset of them is often less accurate than one
        that is fitted on random samples, and mislabeled samples are often selected first. The
        weights correct for the class proportions, but not for the distribution within each class.
        """,
    "labels_in_rounds": """
        If samples are labeled in rounds, label at most about a tenth of the final number of samples
        in each round, because the samples with the largest scores of one classifier are similar to
        each other. After 300 labels of the digits dataset, the accuracy of a logistic regression
        is 0.96 with 10 or 30 samples in each round of `Margin`, 0.92 with a single round, and 0.94
        with random samples.
        """,
    "settles_2009": """
        .. [1] Settles, B. "Active learning literature survey." University of Wisconsin-Madison,
           Computer Sciences Technical Report 1648 (2009).
        """,
    # Displays ----------------------------------------------------------------------------------
    "ax": """
        ax : matplotlib Axes, default=None
            Axes of the plot. If None, a new figure is created.
        """,
    "axes_of_plot": """
        ax_ : matplotlib Axes
            Axes of the plot.

        figure_ : matplotlib Figure
            Figure of the plot.

        samples_ : matplotlib PathCollection
            The markers of all samples.
        """,
    "name_with_number": """
        name : str, default=None
            Title of the plot. If None, it contains the name of the sampler and the number of
            selected samples.
        """,
    "samples_and_selected_kw": """
        samples_kw, selected_kw : dict, default=None
            Keyword arguments of :meth:`matplotlib.axes.Axes.scatter` for all samples and for the
            selected samples.
        """,
    "legend": """
        legend : bool, default=True
            Whether there is a legend, and a colorbar for a continuous target. More than 20 classes
            are not listed in the legend.

        legend_kw : dict, default=None
            Keyword arguments of :meth:`matplotlib.axes.Axes.legend`.
        """,
    "regions": """
        regions : bool, default=True
            Whether the regions of easy, ambiguous and hard samples are named in the plot.
        """,
    "display_plotted": """
        display : object
            The display, with the attributes of the plot.
        """,
}
PARAGRAPHS = {name: _written(text) for name, text in PARAGRAPHS.items()}
