"""Progress reports through scikit-learn's callbacks; none before scikit-learn 1.9."""

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # can go when scikit-learn 1.9 is the oldest supported

    class CallbackSupportMixin:
        """Replacement without callbacks."""

        def _init_callback_context(self, **kwargs):
            return None


__all__ = ["CallbackSupportMixin", "NoProgress", "Progress"]


class Progress:
    """Reports to the callbacks of an estimator how many of `total` samples are selected.

    At most 100 tasks are reported, so that the cost of the callbacks is negligible.
    """

    def __init__(self, estimator, total):
        self.estimator, self.total = estimator, total
        self.ticks, self.done = min(total, 100), 0
        self.before = 0  # number of samples selected from the groups that are finished
        self.context = estimator._init_callback_context(max_subtasks=self.ticks)
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=estimator)

    def __call__(self, picked):
        """Report that `picked` samples of the current group are selected."""
        ticks = (self.before + picked) * self.ticks // self.total
        while self.context is not None and self.done < ticks:
            self.done += 1
            task = self.context.subcontext(task_name="pick")
            task.call_on_fit_task_begin(estimator=self.estimator)
            task.call_on_fit_task_end(estimator=self.estimator)

    def share(self, done):
        """Report a fraction of the work that precedes the selection, such as training."""
        self(int(done * self.total))

    def group_done(self, picked):
        self(picked)
        self.before += picked

    def close(self):
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.estimator)


class NoProgress:
    """Reports nothing."""

    def __call__(self, picked):
        pass

    def group_done(self, picked):
        pass
