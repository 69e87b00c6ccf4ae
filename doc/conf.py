"""Sphinx configuration. Everything that is built is built from this repository, without a network."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import skcoreset

project = "skcoreset"
author = "The skcoreset developers"
copyright = author
version = release = skcoreset.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "benchmarks", "auto_examples/**.ipynb", "auto_examples/**.py"]
default_role = "literal"

# Each class has a page of its own, made from _templates/autosummary/class.rst.
autosummary_generate = True
autodoc_default_options = {"inherited-members": False}
numpydoc_show_class_members = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 1e6,  # no times in the log
}

html_theme = "pydata_sphinx_theme"
html_title = "skcoreset"
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "benchmarks": [], "design": []}
