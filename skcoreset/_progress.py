"""Progress by scikit-learn's callbacks; silent where scikit-learn has none (before 1.9)."""

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # can go when scikit-learn 1.9 is the oldest supported

    class CallbackSupportMixin:
        """Stand-in: no callbacks can be set."""

        def _init_callback_context(self, **kwargs):
            return None


__all__ = ["CallbackSupportMixin", "Progress"]


class Progress:
    """Reports to an estimator's callbacks how many of `total` rows are picked.

    A task ends each time another hundredth is done, so that a callback costs next to nothing.
    """

    def __init__(self, estimator, total):
        self.estimator, self.total = estimator, total
        self.ticks, self.done = min(total, 100), 0
        self.before = 0  # picked by the groups that are finished
        self.context = estimator._init_callback_context(max_subtasks=self.ticks)
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=estimator)

    def __call__(self, picked):
        """`picked` rows of the present group are picked."""
        ticks = (self.before + picked) * self.ticks // self.total
        while self.context is not None and self.done < ticks:
            self.done += 1
            task = self.context.subcontext(task_name="pick")
            task.call_on_fit_task_begin(estimator=self.estimator)
            task.call_on_fit_task_end(estimator=self.estimator)

    def share(self, done):
        """A share of the work has been done before any row is picked, as by watching a training."""
        self(int(done * self.total))

    def group_done(self, picked):
        self(picked)
        self.before += picked

    def close(self):
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.estimator)
