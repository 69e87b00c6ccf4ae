"""
Recipe: columns of numbers and strings
======================================

A table with numbers, strings and missing values goes through the transformers of a Pipeline to a
support vector machine. Which part of the samples suffices? The table is generated, so that the
example needs no download.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from skcoreset import (
    Coreset,
    CoresetClassifier,
    CoresetCurveDisplay,
    FacilityLocation,
    coreset_curve,
)

rng = np.random.default_rng(0)
n = 3000
X = pd.DataFrame(
    {
        "age": rng.integers(18, 90, n).astype(float),
        "income": rng.lognormal(10, 0.6, n).round(),
        "visits": rng.poisson(4, n),
        "city": rng.choice(["Lima", "Oslo", "Rome", "Seoul"], n, p=[0.5, 0.3, 0.15, 0.05]),
        "plan": rng.choice(["basic", "family", "premium"], n),
    }
)
chance = np.sin(X["age"] / 12) + np.log(X["income"] / 22000) * (X["plan"] != "basic")
y = np.where(
    chance + 0.1 * X["visits"] + (X["city"] == "Oslo") + rng.normal(0, 0.4, n) > 0.8, "yes", "no"
)
X.loc[rng.random(n) < 0.1, "income"] = np.nan

numbers = make_pipeline(SimpleImputer(), StandardScaler())
transformer = make_column_transformer(
    (numbers, make_column_selector(dtype_include="number")),
    (OneHotEncoder(), ["city", "plan"]),
)

# %%
# In a Pipeline, the samplers select from the transformed samples. Therefore methods that require
# numeric features of comparable scales, such as ``FacilityLocation``, can be used, too.

results = coreset_curve(
    make_pipeline(transformer, SVC()),
    X,
    y,
    samplers=[Coreset(), FacilityLocation()],
    coreset_sizes=[0.01, 0.02, 0.05, 0.1, 0.2],
    cv=3,
    random_state=0,
)
display = CoresetCurveDisplay.from_results(results)
plt.show()

# %%
# Both methods have a higher accuracy than random samples at each size. ``FacilityLocation`` is the
# best for the three smaller sizes. With 10 % and 20 %, the two methods hardly differ.
#
# The model with the coreset is a Pipeline again. ``Coreset`` alone takes the table as it is, and
# returns the selected samples as a dataframe.

model = make_pipeline(transformer, CoresetClassifier(SVC(), Coreset(0.1, random_state=0))).fit(X, y)
X_small, y_small = Coreset(5, random_state=0).fit_resample(X, y)
print(X_small.assign(y=y_small))
