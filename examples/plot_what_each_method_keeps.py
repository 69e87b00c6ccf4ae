"""
Which samples each method selects
=================================

The dataset has two features, three classes of 350, 180 and 70 samples with increasing variance, and
four outliers. Each method selects 30 of the 604 samples, with the class proportions of the dataset.
The area of a marker is proportional to the sample weight. The gray lines are the decision boundary
of a linear classifier.
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
    RPCholesky,
    SelectionDisplay,
    TrainingDynamics,
    UncertaintyHerding,
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
network = MLPClassifier((20,), learning_rate_init=0.01, max_iter=1000, random_state=0)
dynamics = TrainingDynamics.from_estimator(network, X, y, n_epochs=60, random_state=0)
network.fit(X, y)

families = {
    "Distribution": {
        "Coreset": Coreset(random_state=0),
        "Uniform": Uniform(random_state=0),
        "Herding": Herding(),
        'Herding\nkernel="rbf"': Herding(kernel="rbf"),
        "Moderate": Moderate(),
        "ImportanceSampling": ImportanceSampling(random_state=0),
    },
    "Coverage": {
        "KCenterGreedy": KCenterGreedy(),
        "D2Sampling": D2Sampling(random_state=0),
        "RPCholesky": RPCholesky(random_state=0),
        "FacilityLocation": FacilityLocation(),
        "GraphCut": GraphCut(),
        "ProbCover": ProbCover(n_clusters=3, random_state=0),
    },
    "Uncertainty": {
        "LeastConfidence": LeastConfidence(classifier),
        "Entropy": Entropy(classifier),
        "Margin": Margin(classifier),
        "BADGE": BADGE(classifier, random_state=0),
        "UncertaintyHerding": UncertaintyHerding(classifier),
        "DeepFool": DeepFool(classifier),
        "Contrastive\nActiveLearning": ContrastiveActiveLearning(classifier),
    },
    "Gradients and teaching": {
        "CRAIG": CRAIG(network),
        "GradMatch": GradMatch(network),
        "BlackBoxTeaching": BlackBoxTeaching(LogisticRegression(), random_state=0),
    },
    "Training dynamics": {
        "Forgetting": Forgetting(dynamics=dynamics),
        "EL2N": EL2N(dynamics=dynamics),
        "GraNd": GraNd(dynamics=dynamics),
        "AreaUnderMargin": AreaUnderMargin(dynamics=dynamics),
        'AreaUnderMargin\nkeep="low"': AreaUnderMargin(dynamics=dynamics, keep="low"),
        'DataMap\nregion="ambiguous"': DataMap(dynamics=dynamics),
        "CoverageCentric": CoverageCentric(EL2N(dynamics=dynamics), random_state=0),
    },
}
for samplers in families.values():
    for sampler in samplers.values():
        sampler.set_params(coreset_size=30).fit(X, y)

boundary = np.meshgrid(np.linspace(-7, 7, 200), np.linspace(-4.5, 7.5, 200))
regions = classifier.predict(np.stack(boundary, axis=-1).reshape(-1, 2)).reshape(200, 200)


def plot(figure, samplers, n_columns):
    """Plot the selections of some methods, in lines of n_columns panels."""
    axes = figure.subplots(-(-len(samplers) // n_columns), n_columns, squeeze=False).flat
    for (name, sampler), ax in zip(samplers.items(), axes, strict=False):
        ax.contour(*boundary, regions, levels=[0.5, 1.5], colors="0.6", linewidths=0.8)
        SelectionDisplay.from_sampler(sampler, X, y, ax=ax, legend=False)
        ax.set_title(name, fontsize="medium")
        ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
        ax.set(xlim=(-7, 7), ylim=(-4.5, 7.5), aspect="equal")
    for ax in axes:  # those that are left
        ax.set_axis_off()


def plot_family(name):
    samplers = families[name]
    size = 12, 2.9 * -(-len(samplers) // 4)
    plot(plt.figure(figsize=size, layout="constrained"), samplers, n_columns=4)
    plt.show()


# %%
# All methods, by family:

n_lines = [-(-len(samplers) // 7) for samplers in families.values()]
figure = plt.figure(figsize=(14, 2.3 * sum(n_lines)), layout="constrained")
parts = figure.subfigures(len(families), 1, height_ratios=n_lines)
for part, (name, samplers) in zip(parts, families.items(), strict=True):
    part.suptitle(name, x=0.004, ha="left", weight="bold")
    plot(part, samplers, n_columns=7)
plt.show()

# %%
# Distribution
# ------------
# ``Coreset`` and ``Herding`` with a kernel follow the density of each class and select no outliers.
# ``Herding`` without a kernel approximates the mean of each class only; with two features, samples
# near the mean suffice. The samples of ``Moderate`` are at the median distance from the mean.
# ``ImportanceSampling`` draws distant samples with a larger probability, and gives them smaller
# weights.

plot_family("Distribution")

# %%
# Coverage
# --------
# ``KCenterGreedy`` covers everything, outliers first, and gives them small weights. ``D2Sampling``
# draws distant samples at random instead of selecting the farthest one. ``RPCholesky`` draws
# samples that are far from the span of the selected ones, in the feature space of a kernel.
# ``FacilityLocation`` and ``GraphCut`` select typical samples, and ``ProbCover`` covers dense
# regions first.

plot_family("Coverage")

# %%
# Uncertainty and the decision boundary
# -------------------------------------
# These methods use the predictions of a classifier and select samples near its decision boundary.
# They are for samples to label. The entropy is the largest where the three classes meet. ``BADGE``
# draws uncertain samples whose gradients differ, and ``UncertaintyHerding`` selects samples that
# are similar to many uncertain ones.

plot_family("Uncertainty")

# %%
# Gradients and teaching
# ----------------------
# ``CRAIG`` and ``GradMatch`` match the gradient of the loss of all samples by weighted samples. The
# gradients are those of a small network, with respect to its last layer. ``BlackBoxTeaching``
# selects samples from which a classifier learns the labels of the others.

plot_family("Gradients and teaching")

# %%
# Training dynamics
# -----------------
# The training of the network is recorded once, for all of these methods. They select the hardest
# samples, the easiest ones, or a mixture.

plot_family("Training dynamics")
