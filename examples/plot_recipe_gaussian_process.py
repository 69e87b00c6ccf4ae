"""
Recipe: a Gaussian process on fewer samples
===========================================

The time of the fit of a Gaussian process grows with the cube of the number of samples. This example
compares the scores and the times of a fit on coresets with those on all samples.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_friedman1
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcoreset import Coreset, CoresetCurveDisplay, coreset_curve

X, y = make_friedman1(1600, n_features=6, noise=1, random_state=0)
process = GaussianProcessRegressor(RBF(3.0) + WhiteKernel(0.1), normalize_y=True)

results = coreset_curve(
    make_pipeline(StandardScaler(), process),
    X,
    y,
    samplers=Coreset(),
    coreset_sizes=[0.1, 0.2, 0.4],
    n_uniform=3,
    cv=2,
    random_state=0,
)
fig, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
CoresetCurveDisplay.from_results(results, ax=axes[0])
CoresetCurveDisplay.from_results(results, ax=axes[1], x="time")
plt.show()

# %%
# For each size, the score with ``Coreset`` is higher than with random samples. The right plot tells
# another story: if only seconds count, take more random samples, because the selection by
# ``Coreset`` takes longer than these fits. Use ``Coreset`` if the number of samples counts: because
# the process is fitted many times, because the predictions have to be fast, or because each target
# is expensive.
