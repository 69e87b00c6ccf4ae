"""Algorithms in rounds over partitions, for several groups with one pass for the rounds of all."""

import numpy as np

__all__ = ["in_lockstep"]


def in_lockstep(parts, algorithms):
    """The return values of generators, each of which needs several passes over the partitions.

    A generator yields ``(function, calls, shared)`` for each of its passes. For each number p of a
    partition in the dict `calls`, ``function(X, state, *calls[p], *shared)`` is called, in the
    worker. It returns (state, result). The state stays with the worker and is given to the next
    call for this generator and this partition; it is None in the first. Its errors name rows by
    their numbers in the table. The generator receives the list of the results. A pass reads the
    partitions that any of the generators needs.

    Parameters
    ----------
    parts : Partitions
    algorithms : list of generators
    """
    returned, answers = [None] * len(algorithms), dict.fromkeys(range(len(algorithms)))
    states = [{} for _ in range(len(parts))]
    while True:
        steps = {}
        for g, answer in answers.items():
            try:
                steps[g] = algorithms[g].send(answer)
            except StopIteration as stop:
                returned[g] = stop.value
        if not steps:
            return returned
        calls = [
            {g: calls[p] for g, (_, calls, _) in steps.items() if p in calls}
            for p in range(len(parts))
        ]
        used = np.array([len(some) > 0 for some in calls])
        at = np.flatnonzero(used)
        kept, found = (parts if used.all() else parts.where(used)).map(
            *(_call, [states[p] for p in at], [calls[p] for p in at]),
            shared=({g: (function, shared) for g, (function, _, shared) in steps.items()},),
            keep="first",
        )
        for p, state in zip(at, kept, strict=True):
            states[p] = state
        found = dict(zip(at.tolist(), found, strict=True))
        answers = {g: [found[p][g] for p in calls] for g, (_, calls, _) in steps.items()}


def _call(X, states, calls, steps):
    """In a worker: the calls for one partition."""
    states, results = {g: state for g, state in states.items() if g in steps}, {}
    for g, args in calls.items():
        function, shared = steps[g]
        states[g], results[g] = function(X, states.get(g), *args, *shared)
    return states, results


_call.names_rows_of_table = True  # see `Partitions.map`
