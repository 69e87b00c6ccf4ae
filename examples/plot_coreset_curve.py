"""
Choose a method and a size
==========================

Which method selects the samples, and how many? This example compares three methods with random
draws and with all samples, by cross-validation of a support vector machine on the digits dataset.
Then it searches the smallest coreset whose score is close to the score with all samples.
"""

from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from skcoreset import (
    Coreset,
    CoresetCurveDisplay,
    CoresetSearchCV,
    KCenterGreedy,
    Margin,
    coreset_curve,
    smallest_coreset,
)

X, y = load_digits(return_X_y=True)
model = make_pipeline(MinMaxScaler(), SVC(C=10))

# %%
# Score against size
# ------------------
# In each of the five training folds, each method selects coresets of five sizes, and a support
# vector machine is fitted on each of them. Random draws (``Uniform``) are always among the methods.
# They are repeated five times in each fold. The bands are standard deviations over the folds and,
# for ``Uniform``, over the draws.

results = coreset_curve(
    model,
    X,
    y,
    samplers=[Coreset(), KCenterGreedy(), Margin()],
    coreset_sizes=[0.02, 0.05, 0.1, 0.2, 0.3],
    random_state=0,
)
display = CoresetCurveDisplay.from_results(results)

# %%
# ``Coreset`` and ``KCenterGreedy`` have a higher score than random draws at each size. ``Coreset``
# is the best method for the three smaller sizes. ``Margin`` selects samples for which the
# prediction is uncertain. They are worth labeling, but few of them are a bad training set: random
# draws are better up to 10 %. With 30 %, ``Margin`` has the highest score.
#
# Score against time
# ------------------
# The same scores, against the seconds of the selection and of the fit. The star is the fit on all
# samples. With 1,438 samples this fit takes less time than most selections. A coreset saves time if
# the fit takes long, or if it is repeated, for example in a parameter search.

display = CoresetCurveDisplay.from_results(results, x="time")

# %%
# The smallest coreset
# --------------------
# The smallest coreset whose mean score is at most 0.02 lower than the mean score with all samples:

found = smallest_coreset(results, tolerance=0.02)
print(
    f"{found.sampler_name} with {found.n_rows:.0f} samples: {found.score:.3f}, "
    f"all samples: {found.full_score:.3f}"
)

# %%
# If the method is given, ``CoresetSearchCV`` searches the size. It starts with 1 % of the samples
# and doubles the size until the score is close enough. Then it fits the model on a coreset of this
# size. It is used like any classifier.

search = CoresetSearchCV(model, KCenterGreedy(), tolerance=0.02).fit(X, y)
for size, score in zip(
    search.cv_results_["coreset_size"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{size:4d} samples: {score:.3f}")
print(f"accepted: {search.min_score_:.3f} or more")
