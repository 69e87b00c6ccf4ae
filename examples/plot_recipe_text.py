"""
Recipe: texts
=============

The texts are the descriptions of parameters and attributes in the docstrings of scikit-learn. The
class label is the module that a text belongs to. The features are a sparse TF-IDF matrix.
"""

import re

import matplotlib.pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils import all_estimators

from skcoreset import Coreset, CoresetCurveDisplay, FacilityLocation, coreset_curve

modules = ["cluster", "decomposition", "ensemble", "linear_model", "neighbors", "preprocessing"]
label_of = {}  # each text once; those that several modules share are left out
for _, estimator in all_estimators():
    label = estimator.__module__.split(".")[1]
    for paragraph in re.split(r"\n\s*\n", estimator.__doc__ or ""):
        text = " ".join(paragraph.split())
        if label in modules and len(text) > 60 and ">>>" not in text:
            label_of.setdefault(text, set()).add(label)
texts = [text for text, labels in label_of.items() if len(labels) == 1]
y = [label for labels in label_of.values() if len(labels) == 1 for label in labels]
print(f"{len(texts)} texts, for example:\n{texts[0]}")

# %%
# The vectorizer is a step of the Pipeline, and the samplers select from its sparse output.
# ``metric="cosine"`` is a common choice for texts.

results = coreset_curve(
    make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2), SVC(kernel="linear")),
    texts,
    y,
    samplers=[Coreset(), FacilityLocation(metric="cosine")],
    coreset_sizes=[0.02, 0.05, 0.1, 0.2, 0.4],
    cv=3,
    random_state=0,
)
display = CoresetCurveDisplay.from_results(results)
plt.show()

# %%
# With 5 to 20 %, both methods have a higher accuracy than random samples, and with 40 % only
# ``Coreset`` does. With 2 %, all methods are equally bad: four texts of each class are too few. The
# accuracy still rises at the largest size, so that more samples are worth their time.
