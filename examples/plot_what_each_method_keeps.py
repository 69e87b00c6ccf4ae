"""
Which samples each method selects
=================================

The dataset has two features, three classes of 350, 180 and 70 samples with increasing variance, and
four outliers. Each method selects 30 of the 604 samples, with the class proportions of the dataset.
The area of a marker is proportional to the sample weight.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from skcoreset import (
    BADGE,
    CRAIG,
    EL2N,
    AreaUnderMargin,
    BlackBoxTeaching,
    ContrastiveActiveLearning,
    Coreset,
    CoverageCentric,
    D2Sampling,
    DataMap,
    DeepFool,
    Entropy,
    FacilityLocation,
    Forgetting,
    GradMatch,
    GraNd,
    GraphCut,
    Herding,
    ImportanceSampling,
    KCenterGreedy,
    LeastConfidence,
    Margin,
    Moderate,
    ProbCover,
    SelectionDisplay,
    TrainingDynamics,
    Uniform,
)

X, y = make_blobs(
    n_samples=[350, 180, 70],
    centers=[(-2.2, 0), (2.2, 0), (0, 3.4)],
    cluster_std=[0.8, 1.1, 1.4],
    random_state=0,
)
outliers = [(-6, 1.5), (-5.5, -3.5), (6, -3.5), (5, 6.5)]
X, y = np.vstack([X, outliers]), np.append(y, [0, 0, 1, 2])

classifier = LogisticRegression().fit(X, y)
boundary = np.meshgrid(np.linspace(-7, 7, 200), np.linspace(-4.5, 7.5, 200))
regions = classifier.predict(np.stack(boundary, axis=-1).reshape(-1, 2)).reshape(200, 200)
sizes = {"GradMatch": {0: 6, 1: 6, 2: 6}}  # with these, more samples do not improve the match


def plot(samplers):
    """Plot the selections, four in a line, with the decision boundary of a linear classifier."""
    n_lines = -(-len(samplers) // 4)
    _, axes = plt.subplots(
        n_lines, 4, figsize=(12, 2.9 * n_lines), layout="constrained", squeeze=False
    )
    for ax, (name, sampler) in zip(axes.flat, samplers.items(), strict=False):
        ax.contour(*boundary, regions, levels=[0.5, 1.5], colors="0.6", linewidths=0.8)
        sampler.set_params(coreset_size=sizes.get(name, 30)).fit(X, y)
        SelectionDisplay.from_sampler(sampler, X, y, ax=ax, legend=False)
        ax.set_title(name, fontsize="medium")
        ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
        ax.set(xlim=(-7, 7), ylim=(-4.5, 7.5), aspect="equal")
    for ax in axes.flat[len(samplers) :]:
        ax.set_axis_off()
    plt.show()


# %%
# Representation and coverage
# ---------------------------
# ``Coreset`` and ``Herding`` with a kernel follow the density of each class and select no outliers.
# ``Herding`` without a kernel approximates the mean of each class only; with two features, samples
# near the mean suffice. ``KCenterGreedy`` covers everything, outliers first, and gives them small
# weights. ``D2Sampling`` draws distant samples, instead of selecting the farthest one.
# ``FacilityLocation`` and ``GraphCut`` select typical samples, and ``ProbCover`` covers
# dense regions first. ``ImportanceSampling`` draws distant samples with a larger probability.

plot(
    {
        "Coreset": Coreset(random_state=0),
        "Uniform": Uniform(random_state=0),
        "Herding": Herding(),
        'Herding(kernel="rbf")': Herding(kernel="rbf"),
        "KCenterGreedy": KCenterGreedy(),
        "D2Sampling": D2Sampling(random_state=0),
        "FacilityLocation": FacilityLocation(),
        "GraphCut": GraphCut(),
        "ProbCover": ProbCover(n_clusters=3, random_state=0),
        "ImportanceSampling": ImportanceSampling(random_state=0),
        "Moderate": Moderate(),
    }
)

# %%
# Uncertainty and the decision boundary
# -------------------------------------
# These methods use the predictions of a classifier and select samples near its decision boundary,
# the gray lines. They are for samples to label. The entropy is the largest where the three classes
# meet. ``BADGE`` draws uncertain samples whose gradients differ from each other.

plot(
    {
        "LeastConfidence": LeastConfidence(classifier),
        "Entropy": Entropy(classifier),
        "Margin": Margin(classifier),
        "BADGE": BADGE(classifier, random_state=0),
        "DeepFool": DeepFool(classifier),
        "ContrastiveActiveLearning": ContrastiveActiveLearning(classifier),
    }
)

# %%
# Gradients and teaching
# ----------------------
# ``CRAIG`` and ``GradMatch`` match the gradient of the loss of all samples by weighted samples;
# ``GradMatch`` stops when more samples do not improve the match.
# ``BlackBoxTeaching`` selects samples from which the classifier learns the labels of the others.

plot(
    {
        "CRAIG": CRAIG(classifier),
        "GradMatch": GradMatch(classifier),
        "BlackBoxTeaching": BlackBoxTeaching(LogisticRegression(), random_state=0),
    }
)

# %%
# Training dynamics
# -----------------
# The training of a network is recorded once, for all of these methods. They select the hardest
# samples, the easiest ones, or a mixture.

network = MLPClassifier((20,), learning_rate_init=0.01)
dynamics = TrainingDynamics.from_estimator(network, X, y, n_epochs=60, random_state=0)
plot(
    {
        "Forgetting": Forgetting(dynamics=dynamics),
        "EL2N": EL2N(dynamics=dynamics),
        "GraNd": GraNd(dynamics=dynamics),
        "AreaUnderMargin": AreaUnderMargin(dynamics=dynamics),
        'AreaUnderMargin(keep="low")': AreaUnderMargin(dynamics=dynamics, keep="low"),
        'DataMap(region="ambiguous")': DataMap(dynamics=dynamics),
        "CoverageCentric": CoverageCentric(EL2N(dynamics=dynamics), random_state=0),
    }
)
