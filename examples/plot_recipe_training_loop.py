"""
Recipe: record your own training loop
=====================================

:class:`~skcoreset.TrainingDynamics` records any training that goes batch by batch. This loop uses
``partial_fit`` of scikit-learn. The end of the page shows the same with PyTorch and with skorch.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from skcoreset import EL2N, CoverageCentric, DataMapDisplay, TrainingDynamics, Uniform

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

network = MLPClassifier((50,), learning_rate_init=0.01, random_state=0)
dynamics = TrainingDynamics(y_train, early_epoch=3)
rng = np.random.default_rng(0)
for epoch in range(10):
    for rows in np.array_split(rng.permutation(len(y_train)), 20):
        if hasattr(network, "coefs_"):  # an unfitted classifier cannot predict
            dynamics.record(rows, network.predict_proba(X_train[rows]), epoch=epoch)
        network.partial_fit(X_train[rows], y_train[rows], classes=np.unique(y))

# %%
# One record serves any number of displays and samplers.

display = DataMapDisplay.from_dynamics(dynamics)
plt.show()

# %%
# Train the same network on 10 % and on 50 % of the samples, which three methods select:

samplers = {
    "EL2N (hardest)": EL2N(dynamics=dynamics),
    "CoverageCentric": CoverageCentric(EL2N(dynamics=dynamics), random_state=0),
    "Uniform (random)": Uniform(random_state=0),
}
print(f"{'test accuracy':<18}{'10 %':>7}{'50 %':>7}")
for name, sampler in samplers.items():
    accuracies = []
    for size in [0.1, 0.5]:
        selected = sampler.set_params(coreset_size=size).fit_resample(X_train, y_train)
        network = MLPClassifier((50,), learning_rate_init=0.01, random_state=0).fit(*selected)
        accuracies.append(network.score(X_test, y_test))
    print(f"{name:<18}{accuracies[0]:>7.3f}{accuracies[1]:>7.3f}")

# %%
# The hardest samples are a good choice if many samples are selected, and a bad one if few are.
# ``CoverageCentric`` leaves out the hardest ones and selects samples of all other difficulties. One
# run of one small network is no evidence; :doc:`/user_guide/dynamics` has measurements.
#
# In a loop of PyTorch
# --------------------
# Three lines are added to the loop: the record, the indices of the samples as a part of the data
# set, and ``record`` with the logits of the batch before each update. Tensors on a GPU are moved to
# the CPU first, with ``.cpu()``.
#
# .. code-block:: python
#
#     import torch
#     from torch.utils.data import DataLoader, TensorDataset
#
#     network = torch.nn.Sequential(
#         torch.nn.Linear(64, 50), torch.nn.ReLU(), torch.nn.Linear(50, 10)
#     )
#     optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
#     X_tensor, y_tensor = torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train)
#
#     dynamics = TrainingDynamics(y_train, early_epoch=3)  # added
#     data = TensorDataset(X_tensor, y_tensor, torch.arange(len(y_train)))  # indices added
#     for epoch in range(10):
#         for X_batch, y_batch, rows in DataLoader(data, batch_size=64, shuffle=True):
#             logits = network(X_batch)
#             dynamics.record(rows, logits.detach(), epoch=epoch, kind="logits")  # added
#             optimizer.zero_grad()
#             torch.nn.functional.cross_entropy(logits, y_batch).backward()
#             optimizer.step()
#
# :class:`~skcoreset.GraNd` also needs the inputs of the last layer, see
# :ref:`guide_TrainingDynamics`.
#
# With skorch
# -----------
# A callback records the logits of all samples after each epoch, which costs one more prediction of
# all samples per epoch. Without ``train_split=None``, skorch holds out a part of the samples, and
# the record would not contain them.
#
# .. code-block:: python
#
#     import torch
#     from skorch import NeuralNetClassifier
#     from skorch.callbacks import Callback
#
#
#     class Record(Callback):
#         def __init__(self, dynamics):
#             self.dynamics = dynamics
#
#         def on_epoch_end(self, net, dataset_train=None, **kwargs):
#             logits = net.forward(dataset_train)
#             self.dynamics.record(np.arange(len(logits)), logits, kind="logits")
#
#
#     dynamics = TrainingDynamics(y_train, early_epoch=3)
#     net = NeuralNetClassifier(
#         torch.nn.Sequential(torch.nn.Linear(64, 50), torch.nn.ReLU(), torch.nn.Linear(50, 10)),
#         criterion=torch.nn.CrossEntropyLoss,
#         optimizer=torch.optim.Adam,
#         lr=0.01,
#         batch_size=64,
#         train_split=None,
#         callbacks=[Record(dynamics)],
#     )
#     net.fit(X_train.astype(np.float32), y_train)
