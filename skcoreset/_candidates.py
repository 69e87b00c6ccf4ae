"""The parameters `n_candidates` and `optimizer`, of set functions and of kernel herding."""

from numbers import Integral

from skcoreset._kernels.candidates import n_candidates_for

__all__ = [
    "check_n_candidates",
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


def check_n_candidates(n_candidates, groups):
    """Raise if a group has a budget that is larger than the number of its candidates."""
    for group in groups:
        if isinstance(n_candidates, Integral) and n_candidates < group.size:
            raise ValueError(
                f"n_candidates={n_candidates} is smaller than the number of samples to "
                f"select{group.of_the_class}, which is {group.size}. Give a larger number, "
                "'auto', or None for all samples."
            )


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
