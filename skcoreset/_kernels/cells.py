"""Cells of picks: the total weight of the rows that belong to each, also for fewer picks."""

import numpy as np

from skcoreset._backend import to_numpy

__all__ = ["PrefixCells", "TargetCells", "cells_of"]


def cells_of(nearest, weight, picks):
    """Total weight of the cell of each pick, (n_picks,).

    `nearest` is the number of the pick to whose cell each row belongs, or -1. Each pick belongs to
    its own cell.
    """
    nearest, weight = np.array(to_numpy(nearest)), to_numpy(weight)
    nearest[picks] = np.arange(len(picks))
    known = nearest >= 0
    return np.bincount(nearest[known], weights=weight[known], minlength=len(picks))


class PrefixCells:
    """The cells of the first m picks, for each m.

    A row changes its cell a few times while picks are added. Rows of one cell that change to the
    cell of the same pick are one entry here, so that the memory does not depend on the number of
    rows: it is at most that of the pairs of picks whose cells touch.

    ``PrefixCells(picks, changes, weight)(m)`` returns the total weight of the cell of each of the
    first m picks, if there were no others.

    Parameters
    ----------
    picks : sequence of int
        Row of each pick. From then on this row belongs to its own cell.
    changes : sequence of ndarray of int
        For each pick, the rows that change to its cell. A pick in `changes` keeps its own cell.
    weight : ndarray of shape (n,)
        Weight of each row. Rows that never change to a cell do not count.
    """

    def __init__(self, picks, changes, weight):
        cell, is_pick = np.full(len(weight), -1), np.zeros(len(weight), dtype=bool)
        before, after, amount = [], [], []
        for number, (pick, rows) in enumerate(zip(picks, changes, strict=True)):
            is_pick[pick] = True
            rows = np.append(rows[~is_pick[rows]], pick)
            old = cell[rows]
            cell[rows] = number
            rows, old = rows[old >= 0], old[old >= 0]
            moved = np.bincount(old, weights=weight[rows])
            cells = np.flatnonzero(np.bincount(old))
            before.append(cells)
            after.append(np.full(len(cells), number))
            amount.append(moved[cells])
        known = cell >= 0
        self.last = np.bincount(cell[known], weights=weight[known], minlength=len(picks))
        self.before, self.after = np.concatenate(before), np.concatenate(after)
        self.amount = np.concatenate(amount)

    def __call__(self, m):
        """Total weight of the cells of the first `m` picks, (m,)."""
        # The rows of later picks go back to the last of the first m cells that they were in.
        back = slice(np.searchsorted(self.after, m), None)
        stays = self.before[back] < m
        to, amount = self.before[back][stays], self.amount[back][stays]
        return self.last[:m] + np.bincount(to, weights=amount, minlength=m)


class TargetCells:
    """The cells of the first m picks among target rows, of which no pick is one.

    A pick with an empty cell counts as one row of mean weight.

    Parameters
    ----------
    changes : sequence of ndarray of int
        For each pick, the target rows that change to its cell.
    weight : ndarray of shape (n_rows,)
        Weight of each target row.
    """

    def __init__(self, changes, weight):
        n_rows, n_picks = len(weight), len(changes)
        own = n_rows + np.arange(n_picks)  # a row of weight 0 for each pick
        self.least = weight.mean()
        self.cells = PrefixCells(own, changes, np.append(weight, np.zeros(n_picks)))

    def __call__(self, m):
        """Total weight of the cells of the first `m` picks, (m,)."""
        cells = self.cells(m)
        return np.where(cells > 0, cells, self.least)
