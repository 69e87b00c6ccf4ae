"""The parameters `n_candidates` and `optimizer` of the methods that maximize a set function."""

from skcoreset._kernels.candidates import n_candidates_for

__all__ = [
    "draws_candidates",
    "n_candidates_of",
    "rows_at",
    "stochastic_is_not_nested",
    "why_candidates_differ",
]


def n_candidates_of(sampler, group):
    """The number of candidates in a group, by the parameter `n_candidates` of the sampler."""
    if sampler.n_candidates is None:
        return group.n_samples
    wanted = sampler.n_candidates
    wanted = n_candidates_for(group.size) if isinstance(wanted, str) else wanted
    return min(wanted, group.n_samples)


def draws_candidates(sampler, groups):
    """Whether a group has more samples than candidates, or gains are those of random samples."""
    few = any(n_candidates_of(sampler, group) < group.n_samples for group in groups)
    return few or sampler.optimizer == "stochastic"


def why_candidates_differ(sampler, size, n_selected, n):
    """`_differs_from` of a method that has the parameter `n_candidates`."""
    few, many = (min(n, n_candidates_for(k)) for k in (size, n_selected))
    if sampler.n_candidates == "auto" and few != many:
        return (
            f"n_candidates='auto' selects {n_selected} samples among {many} candidates, but {size} "
            f"samples among {few}"
        )
    return None


def rows_at(group, at):
    """Positions in the table of positions in the group."""
    return at if group.rows is None else group.rows[at]


def stochastic_is_not_nested(sampler):
    """`_not_nested` of a method that has the parameter `optimizer`."""
    if sampler.optimizer == "stochastic":
        return "optimizer='stochastic' draws subsets whose size depends on the budget"
    return None
