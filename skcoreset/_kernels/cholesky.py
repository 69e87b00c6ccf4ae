"""Randomly pivoted Cholesky of a kernel matrix, in rounds of proposals of which some are accepted.

Chen, Epperly, Tropp & Webber 2025; the rounds are those of Epperly, Tropp & Webber 2024.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from skcoreset._backend import block_slices
from skcoreset._kernels.cells import PrefixCells
from skcoreset._kernels.threads import threads

__all__ = ["PivotedCholesky", "pivoted_cholesky"]

# Proposals of a round. It is a constant, as the random numbers of a pick depend on it.
PROPOSALS = 256
# More rows than MANY have a factor in float32. A residual below this fraction of the diagonal of
# the kernel matrix is rounding, and counts as 0.
MANY = 100_000
NONE = {np.float64: 2.0**-30, np.float32: 2.0**-20}
TIE = 2.0**-40  # relative difference of squared distances in feature space that are equal


@dataclass(frozen=True)
class PivotedCholesky:
    """The result of `pivoted_cholesky`; there are m picks."""

    picks: np.ndarray  # positions, in order of selection
    factor: np.ndarray  # (m, n): the kernel matrix is nearly factor.T @ factor
    residual: np.ndarray  # (m,): weighted trace of what is left after each pick, as a fraction
    prefix_cells: PrefixCells  # weights of the cells, by distance in feature space


def pivoted_cholesky(gram, size, weight, random_state, report=None):
    """Draw rows in proportion to the diagonal of the residual of the kernel matrix.

    In each round, rows are proposed in proportion to the residual at its start. A proposal is
    accepted with the probability that its residual has left since then, so that accepted rows
    have the distribution of rows that are drawn one after another. Only accepted rows cost kernel
    values of all rows, and those of one round are subtracted by one matrix product.

    Parameters
    ----------
    gram : object of :class:`skcoreset._kernels.kernels.KernelGram`, with arrays on the host
    size : int
        Number of picks; there are fewer if the residual of all rows is 0 before.
    weight : ndarray of shape (n,), float64
        Rows are drawn in proportion to weight times residual.
    random_state : RandomState
    report : callable, optional
        Called with the number of picks after each round.

    Returns
    -------
    PivotedCholesky

    Raises
    ------
    ValueError
        If the residual of a row is negative: then the kernel is not positive semidefinite.
    """
    n, diagonal = gram.n, np.array(gram.diagonal)
    dtype = np.float64 if n <= MANY else np.float32
    none, residual, m = NONE[dtype], diagonal.copy(), 0
    factor = np.empty((size, n), dtype=dtype)
    nearest, moves, traces = np.full(n, np.inf), [], []
    picks = np.empty(size, dtype=np.int64)
    with threads(n * size > 2**20) as each:
        while m < size:
            _remove_rounding(residual, none * diagonal, gram)
            sums = np.cumsum(weight * residual)
            if not sums[-1] > 0:
                break
            numbers = random_state.random_sample((2, PROPOSALS))
            last = np.searchsorted(sums, sums[-1])
            at = np.minimum(np.searchsorted(sums, numbers[0] * sums[-1], side="right"), last)
            some = factor[:m, at].astype(np.float64)
            H = gram.block(at, at) - some.T @ some
            np.fill_diagonal(H, residual[at])
            chosen, L = _accepted(H, none * diagonal[at], numbers[1], size - m)
            new, left, stop = at[chosen], some[:, chosen], m + len(chosen)

            def update(block, new=new, left=left, L=L, stop=stop):
                K, m = gram.block(new, block), stop - len(new)
                values = K - left.T @ factor[:m, block].astype(np.float64, copy=False)
                factor[m:stop, block] = solve_triangular(L, values, lower=True)
                squares = factor[m:stop, block].astype(np.float64) ** 2
                residual[block] -= squares.sum(axis=0)
                # Squared distances to the new picks in feature space, without the term of the row.
                gaps = diagonal[new][:, None] - 2 * K
                before = np.minimum.accumulate(np.vstack([nearest[block], gaps]), axis=0)
                nearest[block] = before[-1]
                sizes = diagonal[new][:, None] + diagonal[block]
                pick, row = np.nonzero(before[:-1] - gaps > TIE * sizes)
                return squares @ weight[block], pick, row + block.start

            # float64 copies of a block of the factor, and about six arrays of the new rows
            parts = list(each(update, block_slices(n, 8 * (m + 6 * len(new)))))
            residual[new] = 0.0
            picks[m:stop] = new
            traces.append(sum(part[0] for part in parts))
            pick, row = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
            row = row[np.argsort(pick, kind="stable")]
            moves += np.split(row, np.cumsum(np.bincount(pick, minlength=len(new)))[:-1])
            m = stop
            if report is not None:
                report(m)
    _remove_rounding(residual, none * diagonal, gram)
    picks, total = picks[:m], weight @ diagonal
    left = 1 - np.cumsum(np.concatenate([[0.0], *traces])[1:]) / (total or 1.0)
    cells = PrefixCells(picks, moves, weight) if m else None
    return PivotedCholesky(picks, factor[:m], np.maximum(left, 0.0), cells)


def _accepted(H, least, numbers, most):
    """Positions of the accepted proposals, at most `most`, and the Cholesky factor of their block.

    `H` is the residual of the kernel matrix between the proposals. It is overwritten.
    """
    start, chosen, columns = np.diagonal(H).copy(), [], []
    for i in range(len(H)):
        if H[i, i] <= least[i] or numbers[i] * start[i] >= H[i, i]:
            continue
        column = H[:, i] / H[i, i] ** 0.5
        H[i:, i:] -= np.outer(column[i:], column[i:])
        chosen.append(i)
        columns.append(column)
        if len(chosen) == most:
            break
    return chosen, np.tril(np.stack(columns, axis=1)[chosen])


def _remove_rounding(residual, least, gram):
    """Set the residual to 0 where it is at most `least`; raise an error if it is negative."""
    wrong = np.flatnonzero(residual < -16 * least)
    if len(wrong):
        raise ValueError(
            f"kernel={gram.kernel!r} is not positive semidefinite: the kernel matrix has a "
            f"negative eigenvalue, as its residual is {residual[wrong[0]]:.3g} for sample "
            f"{gram.number_of(wrong[0])}. Give a kernel that is positive semidefinite, such as "
            "'rbf'."
        )
    residual[residual <= least] = 0.0
