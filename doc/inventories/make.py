"""Write the intersphinx inventories in this folder: names of other projects and their pages.

They allow links to these projects in a build without network access. To link to another name, add
it to the lists below and run `python doc/inventories/make.py`. A name that cannot be imported is an
error; whether its page exists is not checked.
"""

import pydoc
import zlib
from pathlib import Path

HERE = Path(__file__).parent


def objects(role, page, names):
    for name in names.split():
        if pydoc.locate(name) is None:
            raise ImportError(f"There is no {name}.")
        yield f"{name} py:{role} 1 {page.format(name)}#{name} -"


def write(project, *groups):
    """Version 2 of the format of Sphinx."""
    lines = sorted(line for group in groups for line in group)
    head = (
        f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    body = zlib.compress("".join(f"{line}\n" for line in lines).encode(), 9)
    (HERE / f"{project}.inv").write_bytes(head.encode() + body)


write(
    "sklearn",
    objects(
        "class",
        "modules/generated/{}.html",
        """
        sklearn.calibration.CalibratedClassifierCV
        sklearn.cluster.KMeans
        sklearn.model_selection.GroupKFold
        sklearn.preprocessing.Normalizer
        sklearn.compose.ColumnTransformer
        sklearn.compose.TransformedTargetRegressor
        sklearn.decomposition.PCA
        sklearn.ensemble.HistGradientBoostingClassifier
        sklearn.ensemble.RandomForestClassifier
        sklearn.feature_extraction.text.TfidfVectorizer
        sklearn.frozen.FrozenEstimator
        sklearn.gaussian_process.GaussianProcessClassifier
        sklearn.kernel_approximation.Nystroem
        sklearn.kernel_ridge.KernelRidge
        sklearn.linear_model.LogisticRegression
        sklearn.linear_model.Ridge
        sklearn.linear_model.SGDClassifier
        sklearn.manifold.TSNE
        sklearn.model_selection.GridSearchCV
        sklearn.model_selection.LearningCurveDisplay
        sklearn.model_selection.StratifiedKFold
        sklearn.multiclass.OneVsOneClassifier
        sklearn.multioutput.MultiOutputRegressor
        sklearn.naive_bayes.GaussianNB
        sklearn.neighbors.KNeighborsClassifier
        sklearn.neighbors.NearestNeighbors
        sklearn.neural_network.MLPClassifier
        sklearn.pipeline.Pipeline
        sklearn.preprocessing.MaxAbsScaler
        sklearn.preprocessing.MinMaxScaler
        sklearn.preprocessing.OneHotEncoder
        sklearn.preprocessing.OrdinalEncoder
        sklearn.preprocessing.PolynomialFeatures
        sklearn.preprocessing.RobustScaler
        sklearn.preprocessing.StandardScaler
        sklearn.svm.LinearSVC
        sklearn.svm.NuSVC
        sklearn.svm.SVC
        sklearn.tree.DecisionTreeClassifier
        sklearn.utils.Bunch
        sklearn.utils.metadata_routing.MetadataRequest
        """,
    ),
    objects(
        "function",
        "modules/generated/{}.html",
        """
        sklearn.cluster.kmeans_plusplus
        sklearn.base.clone
        sklearn.compose.make_column_transformer
        sklearn.config_context
        sklearn.datasets.load_breast_cancer
        sklearn.datasets.load_diabetes
        sklearn.datasets.load_digits
        sklearn.datasets.load_iris
        sklearn.datasets.make_blobs
        sklearn.datasets.make_classification
        sklearn.datasets.make_moons
        sklearn.metrics.accuracy_score
        sklearn.metrics.pairwise.pairwise_kernels
        sklearn.metrics.pairwise_distances
        sklearn.metrics.r2_score
        sklearn.model_selection.cross_val_predict
        sklearn.model_selection.cross_val_score
        sklearn.model_selection.cross_validate
        sklearn.model_selection.learning_curve
        sklearn.utils.multiclass.type_of_target
        sklearn.model_selection.train_test_split
        sklearn.pipeline.make_pipeline
        sklearn.set_config
        """,
    ),
    # Terms of the glossary, and targets of cross-references in inherited docstrings.
    [
        "classes_ std:term 1 glossary.html#term-classes_ -",
        "fit std:term 1 glossary.html#term-fit -",
        "meta-estimator std:term 1 glossary.html#term-meta-estimator -",
        "accuracy_score std:label 1 modules/model_evaluation.html#accuracy-score Accuracy score",
        "df_output_transform std:label 1 modules/df_output_transform.html#df-output-transform "
        "Pandas/Polars Output for Transformers with set_output",
        "metadata_routing std:label 1 metadata_routing.html#metadata-routing Metadata Routing",
        "r2_score std:label 1 modules/model_evaluation.html#r2-score R2 score",
        "sphx_glr_auto_examples_miscellaneous_plot_set_output.py std:label 1 "
        "auto_examples/miscellaneous/plot_set_output.html Introducing the set_output API",
    ],
)
write("imblearn", objects("class", "references/generated/{}.html", "imblearn.pipeline.Pipeline"))
write(
    "numpy",
    objects("class", "reference/generated/{}.html", "numpy.ndarray"),
    objects("function", "reference/generated/{}.html", "numpy.arange numpy.unique"),
    objects("function", "reference/random/generator.html", "numpy.random.default_rng"),
    [
        f"{name} py:class 1 reference/random/legacy.html#numpy.random.RandomState -"
        for name in ("numpy.random.RandomState", "numpy.random.mtrand.RandomState")
    ],
)
write(
    "scipy",
    objects(
        "class",
        "reference/generated/{}.html",
        "scipy.sparse.csr_array scipy.sparse.csc_array",
    ),
)
write(
    "pandas",
    objects("class", "reference/api/{}.html", "pandas.DataFrame pandas.Series"),
)
write(
    "matplotlib",
    objects(
        "function",
        "api/_as_gen/{}.html",
        "matplotlib.pyplot.show matplotlib.pyplot.subplots",
    ),
    objects(
        "method",
        "api/_as_gen/{}.html",
        "matplotlib.axes.Axes.legend matplotlib.axes.Axes.scatter",
    ),
)
