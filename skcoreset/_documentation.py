"""The address of the documentation."""

__all__ = ["DocumentationLinkMixin"]


class DocumentationLinkMixin:
    """Mixin that links the HTML representation of an estimator to its API page.

    It precedes `BaseEstimator` in the bases, as that one links to scikit-learn. Subclasses in other
    packages have no link.
    """

    _doc_link_module = "skcoreset"
    _doc_link_template = (
        "https://skcoreset.readthedocs.io/en/stable/generated/"
        "{estimator_module}.{estimator_name}.html"
    )
