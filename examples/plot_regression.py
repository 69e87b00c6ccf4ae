"""
Regression: which samples, and how many?
========================================

Nearly all methods that need no class labels select training samples for regression, too. This
example compares three of them with random samples, for a support vector regressor, and shows what
they select.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_friedman1
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from skcoreset import (
    CRAIG,
    Coreset,
    CoresetCurveDisplay,
    CoresetReport,
    Herding,
    SelectionDisplay,
    coreset_curve,
)

# %%
# The curve
# ---------
# ``coreset_curve`` selects coresets of several sizes from each training set of a cross-validation,
# fits the regressor on them and computes the score on the test set. ``Uniform`` is always among
# the samplers. ``stratify="quantile"`` divides the samples into five groups by the values of the
# target, and selects the same number of samples of each group.
#
# CRAIG matches the gradients of another model, a linear one. Its samples are good for a linear
# model. For this regressor they are no better than random samples.

X, y = make_friedman1(2000, noise=1, random_state=0)
model = make_pipeline(StandardScaler(), SVR(C=10))
samplers = {
    "Coreset": Coreset(random_state=0),
    "Herding, quantile": Herding(kernel="rbf", stratify="quantile"),
    "CRAIG(Ridge())": CRAIG(Ridge()),
}
results = coreset_curve(
    model,
    X,
    y,
    samplers=samplers,
    coreset_sizes=(0.02, 0.05, 0.1, 0.2),
    cv=3,
    scoring="r2",
    random_state=0,
)
CoresetCurveDisplay.from_results(results)
plt.show()

# %%
# What is selected
# ----------------
# The colors of this plot are the values of the target, which depends most on the features 0 and 3
# of the ten. A display can show other features than those from which the samples were selected.

sampler = Coreset(100, random_state=0).fit(X, y)
display = SelectionDisplay.from_sampler(sampler, X[:, [0, 3]], y)
display.ax_.set(xlabel="feature 0", ylabel="feature 3")
plt.show()

# %%
# The report compares the selected samples with random ones, also the quantiles of the target.

print(CoresetReport(sampler, X, y))
