"""
Recipe: rare classes
====================

Each of the ten digits has fewer samples than the one before: the first has 178, the last has 6.
With ``stratify="balanced"`` a sampler selects as many samples of each class as there are. The
weights undo this, because each selected sample then counts as often as it represents others.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skcoreset import Coreset, CoresetCurveDisplay, Uniform, coreset_curve

X, y = load_digits(return_X_y=True)
n_left = np.geomspace(178, 6, 10).astype(int)
left = np.concatenate([np.flatnonzero(y == label)[: n_left[label]] for label in range(10)])
X, y = X[left], y[left]
print("samples of each class:", np.bincount(y))

# %%
# The score is the balanced accuracy, the mean of the accuracies of all classes.

fig, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
for ax, use_weights in zip(axes, [False, True], strict=True):
    results = coreset_curve(
        make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=1000)),
        X,
        y,
        samplers={
            "Coreset, proportional": Coreset(),
            "Coreset, balanced": Coreset(stratify="balanced"),
            "Uniform, balanced": Uniform(stratify="balanced"),
        },
        coreset_sizes=[0.05, 0.1, 0.2, 0.4],
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
        scoring="balanced_accuracy",
        use_weights=use_weights,
        random_state=0,
    )
    CoresetCurveDisplay.from_results(results, ax=ax)
    ax.set_title("with weights" if use_weights else "without weights")
plt.show()

# %%
# Without weights, balanced coresets of 10 % are as good as all samples. ``Coreset`` is clearly
# better than random samples of each class only with 5 %. With weights, the balanced accuracy is
# much lower, as the rare classes count little again. Therefore leave the weights out if you balance
# the classes: ``CoresetClassifier(..., use_weights=False)``, or ``fit_resample``, which returns no
# weights.
