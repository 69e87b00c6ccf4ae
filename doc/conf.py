"""Sphinx configuration. Everything that is built is built from this repository, without a network."""

import inspect
import os
import sys
import tomllib
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import skcoreset

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "extensions"))

with open(ROOT / "pyproject.toml", "rb") as file:
    urls = tomllib.load(file)["project"]["urls"]

project = "skcoreset"
author = "The skcoreset developers"
copyright = author
version = release = skcoreset.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "sphinx.ext.linkcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "mathml",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "benchmarks", "auto_examples/**.ipynb", "auto_examples/**.py"]
default_role = "literal"

# Each class has a page of its own, made from _templates/autosummary/class.rst.
autosummary_generate = True
autodoc_default_options = {"inherited-members": False}
numpydoc_show_class_members = False

# The inventories are written by inventories/make.py.
intersphinx_mapping = {
    name: (address, f"inventories/{name}.inv")
    for name, address in {
        "sklearn": "https://scikit-learn.org/stable",
        "imblearn": "https://imbalanced-learn.org/stable",
        "numpy": "https://numpy.org/doc/stable",
        "scipy": "https://docs.scipy.org/doc/scipy",
        "pandas": "https://pandas.pydata.org/docs",
        "matplotlib": "https://matplotlib.org/stable",
    }.items()
}
# A cross-reference without a target is an error.
nitpicky = True
nitpick_ignore = [
    ("py:obj", "classes_"),  # described in the docstring of its class
    ("py:class", "skcoreset._strata.Strata"),  # the type of an attribute of Table, private
]


def linkcode_resolve(domain, info):
    """URL of the source code of a class, function or method; None outside of this package."""
    found = sys.modules[info["module"]]
    for name in info["fullname"].split("."):
        found = getattr(found, name, None)
    found = inspect.unwrap(found.fget if isinstance(found, property) else found)
    try:
        path = Path(inspect.getsourcefile(found)).relative_to(Path(skcoreset.__file__).parent)
        lines, start = inspect.getsourcelines(found)
    except (OSError, TypeError, ValueError):
        return None
    revision = "main" if "dev" in release else f"v{release}"
    lines = f"L{start}-L{start + len(lines) - 1}"
    return f"{urls['Source']}/blob/{revision}/skcoreset/{path.as_posix()}#{lines}"


extlinks = {"repo": (f"{urls['Source']}/blob/main/%s", "%s")}

html_math_renderer = "mathml"

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "within_subsection_order": "gallery_order.GalleryOrder",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skcoreset",),
    "reference_url": {"skcoreset": None},
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 1e6,  # no times in the log
}

html_theme = "pydata_sphinx_theme"
html_title = "skcoreset"
html_static_path = ["_static"]
html_css_files = ["skcoreset.css"]
html_show_sourcelink = False
toc_object_entries_show_parents = "hide"
html_theme_options = {
    "github_url": urls["Source"],
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "benchmarks": [], "design": [], "glossary": [], "whats_new": []}
