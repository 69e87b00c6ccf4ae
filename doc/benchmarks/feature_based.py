"""FeatureBased compared with apricot on sparse counts.

    python doc/benchmarks/feature_based.py

Needs apricot-select beside skcoreset. Prints the table and writes feature_based.rst.
"""

import platform
from pathlib import Path
from time import process_time

import numpy as np
import sklearn
from apricot import FeatureBasedSelection
from scipy import sparse

from skcoreset import FeatureBased

N_SAMPLES, N_WORDS = 20_000, 5_000
# "two-stage" is the default of apricot.
RUNS = [("sqrt", 100, "lazy"), ("log", 100, "lazy"), ("sqrt", 1_000, "lazy")]
RUNS += [("log", 1_000, "lazy"), ("sqrt", 1_000, "two-stage")]

TEXT = """Concave functions of feature sums
=================================

Written by ``doc/benchmarks/feature_based.py``. Python {python},
numpy {numpy}, scikit-learn {sklearn}.

The data are {n:,} sparse rows of counts of {d:,} words, {words:.0f} of which are in a row. The
columns "skcoreset" and "apricot" show CPU seconds of one fit, measured once on a machine with other
load. Every fit of apricot compiles its functions again; the column "compiling" is the part of its
time for this. The column "same" is the number of positions at which the rankings are equal.

"""


def counts():
    """Texts of about 85 words, the frequencies of which follow Zipf's law."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, N_WORDS + 1)
    lengths = rng.poisson(80, N_SAMPLES) + 5
    words = rng.choice(N_WORDS, size=lengths.sum(), p=share / share.sum())
    texts = np.repeat(np.arange(N_SAMPLES), lengths)
    X = sparse.csr_matrix((np.ones(len(words)), (texts, words)), shape=(N_SAMPLES, N_WORDS))
    X.sum_duplicates()
    return X


def timed(function):
    start = process_time()
    result = function()
    return result, process_time() - start


def main():
    X = counts()
    rows = [["g", "selected", "optimizer of apricot", "skcoreset", "apricot", "compiling", "same"]]
    for concave, size, optimizer in RUNS:
        own, seconds = timed(lambda c=concave, k=size: FeatureBased(k, concave=c).fit(X))
        peer = FeatureBasedSelection(size, concave, optimizer=optimizer)
        _, peer_seconds = timed(lambda peer=peer: peer.fit(X))
        same = np.count_nonzero(own.sample_indices_ == peer.ranking)
        # Every fit of apricot compiles its functions, as `_initialize` alone does.
        _, compiling = timed(lambda peer=peer: peer._initialize(X))
        row = [concave, f"{size:,}", f'"{optimizer}"', f"{seconds:.2f}", f"{peer_seconds:.1f}"]
        rows.append([*row, f"{compiling:.1f}", f"{same:,} of {size:,}"])
        print(rows[-1], flush=True)
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'*' if j == 0 else ' '} - {cell}" for j, cell in enumerate(row)]
    text = TEXT.format(
        n=N_SAMPLES,
        d=N_WORDS,
        words=X.nnz / N_SAMPLES,
        python=platform.python_version(),
        numpy=np.__version__,
        sklearn=sklearn.__version__,
    )
    Path(__file__).with_suffix(".rst").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
