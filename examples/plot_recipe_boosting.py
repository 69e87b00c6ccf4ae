"""
Recipe: gradient boosting on the columns as they are
====================================================

:class:`~sklearn.ensemble.HistGradientBoostingClassifier` takes categories and missing values as
they are. ``Coreset`` takes them, too, and returns a table of the same types. The table is
generated, so that the example needs no download.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from skcoreset import Coreset, CoresetCurveDisplay, coreset_curve

rng = np.random.default_rng(0)
n = 6000
X = pd.DataFrame(rng.normal(size=(n, 4)), columns=["a", "b", "c", "d"])
X["kind"] = pd.Categorical(rng.choice(list("pqrst"), n, p=[0.4, 0.3, 0.15, 0.1, 0.05]))
slope = X["kind"].map(dict(zip("pqrst", [2, -2, 1, -1, 0], strict=True))).astype(float)
y = (slope * X["a"] + X["b"] * X["c"] + rng.normal(0, 0.5, n) > 0).astype(int)
X.loc[rng.random(n) < 0.1, "a"] = np.nan
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

X_small, y_small = Coreset(0.05, random_state=0).fit_resample(X_train, y_train)
print(X_small.dtypes)

# %%
# Boosting with the weights of a coreset is often worse than without. The weights of ``Coreset`` are
# nearly equal, so that they can be left out.

booster = HistGradientBoostingClassifier(max_iter=40, random_state=0)
results = coreset_curve(
    booster,
    X,
    y,
    samplers=Coreset(),
    coreset_sizes=[0.02, 0.05, 0.1, 0.2],
    n_uniform=3,
    cv=3,
    scoring=["accuracy", "neg_log_loss"],
    use_weights=False,
    random_state=0,
)
display = CoresetCurveDisplay.from_results(results)
plt.show()

# %%
print(f"seconds to select 20 %:          {results.select_times[0, -1].mean():.1f}")
print(f"seconds to fit on all samples:   {results.full_fit_times.mean():.1f}")

# %%
# With 2 %, the trees cannot be fitted well by any method. From 5 % on, ``Coreset`` is better than
# random samples in both scores. But the fit on all samples takes less time than the selection, and
# its scores are the best: for a single booster, use all samples.
