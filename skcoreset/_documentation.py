"""Where the documentation is."""

__all__ = ["DocumentationLinkMixin"]


class DocumentationLinkMixin:
    """Lets the HTML representation of an estimator link to its page.

    It stands before `BaseEstimator` among the bases, whose links are those of scikit-learn. A
    class that another package derives gets no link, as there is no page.
    """

    _doc_link_module = "skcoreset"
    _doc_link_template = (
        "https://skcoreset.readthedocs.io/en/stable/generated/"
        "{estimator_module}.{estimator_name}.html"
    )
