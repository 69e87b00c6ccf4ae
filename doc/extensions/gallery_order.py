"""The order of the examples in the gallery."""

FIRST = [
    "plot_quickstart.py",
    "plot_coreset.py",
    "plot_coreset_curve.py",
    "plot_what_each_method_keeps.py",
]


class GalleryOrder:
    """Sort key: the examples to begin with, the other ones by name, then the recipes by name."""

    def __init__(self, src_dir):
        pass

    def __call__(self, filename):
        at = FIRST.index(filename) if filename in FIRST else len(FIRST)
        return at, filename.startswith("plot_recipe"), filename
