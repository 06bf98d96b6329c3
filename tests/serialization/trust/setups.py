"""The ways in which people set estimators up: pipelines, wrappers, losses, kernels, callables."""

from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse, special
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    decomposition,
    ensemble,
    feature_extraction,
    feature_selection,
    frozen,
    impute,
    isotonic,
    kernel_approximation,
    linear_model,
    metrics,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    semi_supervised,
    svm,
)
from tests.serialization.trust.variants import losses, process_kernels, splitters
from tests.serialization.trust.zoo import (
    LOGISTIC,
    RIDGE,
    TREE,
    WORDS,
    Fitted,
    Maker,
    classes_of,
    frame,
    frame_of,
    numbers,
    texts_of,
    values_of,
)


def _pandas_columns() -> Fitted:
    table = frame()
    numeric = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    columns = compose.ColumnTransformer(
        [
            ("numbers", numeric, table.select_dtypes("number").columns),
            ("texts", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["place"]),
            ("grades", preprocessing.OrdinalEncoder(), slice("grade", "grade")),
        ],
        remainder="passthrough",
    )
    return frame_of(pipeline.make_pipeline(columns, ensemble.RandomForestClassifier(3)))


def _selector_columns() -> Fitted:
    columns = compose.make_column_transformer(
        (impute.SimpleImputer(), compose.make_column_selector(dtype_include="number")),
        (preprocessing.OneHotEncoder(), compose.make_column_selector(pattern="place|grade")),
    )
    return frame_of(pipeline.make_pipeline(columns, LOGISTIC()), frame()["place"])


def _pandas_output() -> Fitted:
    table = frame()[["length", "width"]]
    steps = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    return steps.set_output(transform="pandas").fit(table), table


def _search_with_scorers() -> Fitted:
    search = model_selection.GridSearchCV(
        pipeline.make_pipeline(preprocessing.StandardScaler(), LOGISTIC()),
        {"logisticregression__C": np.logspace(-1, 1, 3)},
        scoring={
            "accuracy": "accuracy",
            "f1": metrics.make_scorer(metrics.f1_score, average="macro"),
            "loss": "neg_log_loss",
        },
        refit="accuracy",
        cv=model_selection.StratifiedKFold(3, shuffle=True, random_state=0),
    )
    return classes_of(search)


def _halving() -> Fitted:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401

    return classes_of(
        model_selection.HalvingGridSearchCV(TREE(), {"max_depth": [1, 2]}, cv=3, random_state=0)
    )


def _iterative_imputer() -> Fitted:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401

    table = frame()[["length", "width"]]
    return impute.IterativeImputer(max_iter=2, random_state=0, tol=10.0).fit(table), table


def _sparse_pipeline() -> Fitted:
    features, classes, _ = numbers()
    matrix = sparse.csr_matrix(features)
    model = pipeline.make_pipeline(preprocessing.MaxAbsScaler(), svm.SVC(kernel="linear"))
    return model.fit(matrix, classes), matrix


def _hist_categories() -> Fitted:
    table = frame()[["length", "grade"]]
    model = ensemble.HistGradientBoostingClassifier(
        max_iter=3, min_samples_leaf=5, categorical_features="from_dtype"
    )
    return model.fit(table, WORDS), table


def _pipelines() -> dict[str, Maker]:
    return {
        "pandas columns": _pandas_columns,
        "column selectors": _selector_columns,
        "pandas output": _pandas_output,
        "search with scorers": _search_with_scorers,
        "halving search": _halving,
        "iterative imputer": _iterative_imputer,
        "sparse pipeline": _sparse_pipeline,
        "categories from dtype": _hist_categories,
        "text pipeline": lambda: texts_of(
            pipeline.make_pipeline(
                feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2), stop_words="english"),
                linear_model.SGDClassifier(loss="log_loss", random_state=0),
            )
        ),
        "text classes": lambda: classes_of(LOGISTIC(), WORDS),
        "object classes": lambda: classes_of(LOGISTIC(), WORDS.astype(object)),
        "bool classes": lambda: classes_of(TREE(), WORDS == "low"),
        "two outputs": lambda: classes_of(TREE(), np.column_stack([WORDS, WORDS[::-1]])),
    }


def _wrappers() -> dict[str, Maker]:
    return {
        "random state": lambda: classes_of(TREE(random_state=np.random.RandomState(0))),
        "generator parameter": lambda: (
            TREE().fit(*numbers()[:2]).set_params(random_state=np.random.default_rng(0)),
            numbers()[0],
        ),
        "calibrated isotonic": lambda: classes_of(
            calibration.CalibratedClassifierCV(svm.LinearSVC(), method="isotonic", cv=3)
        ),
        "calibrated frozen": lambda: classes_of(
            calibration.CalibratedClassifierCV(
                frozen.FrozenEstimator(naive_bayes.GaussianNB().fit(*numbers()[:2])), cv=3
            )
        ),
        "stacking": lambda: classes_of(
            ensemble.StackingClassifier(
                [
                    ("f", ensemble.RandomForestClassifier(3)),
                    ("k", neighbors.KNeighborsClassifier()),
                ],
                final_estimator=LOGISTIC(),
                cv=3,
                passthrough=True,
            )
        ),
        "boosted scaled target": lambda: values_of(
            compose.TransformedTargetRegressor(RIDGE(), func=np.log1p, inverse_func=np.expm1)
        ),
        "target transformer": lambda: values_of(
            compose.TransformedTargetRegressor(
                RIDGE(), transformer=preprocessing.QuantileTransformer(n_quantiles=10)
            )
        ),
        "union": lambda: classes_of(
            pipeline.make_pipeline(
                pipeline.make_union(
                    decomposition.PCA(2), feature_selection.SelectKBest(k=2), "passthrough"
                ),
                LOGISTIC(),
            )
        ),
    }


def _single() -> dict[str, Maker]:
    return {
        "ball tree": lambda: values_of(
            neighbors.KNeighborsRegressor(algorithm="ball_tree", metric="manhattan")
        ),
        "kd tree minkowski": lambda: values_of(
            neighbors.KNeighborsRegressor(algorithm="kd_tree", p=3, weights="distance")
        ),
        "mahalanobis": lambda: classes_of(
            neighbors.KNeighborsClassifier(
                algorithm="ball_tree", metric="mahalanobis", metric_params={"VI": np.eye(5)}
            )
        ),
        "float32 neighbours": lambda: (
            neighbors.KNeighborsClassifier(algorithm="kd_tree").fit(
                numbers()[0].astype("f4"), numbers()[1]
            ),
            numbers()[0].astype("f4"),
        ),
        "svc probability": lambda: classes_of(svm.SVC(kernel="rbf", gamma=0.1, C=2.0)),
        "forest of text": lambda: classes_of(ensemble.ExtraTreesClassifier(3), WORDS),
        "boosting init": lambda: values_of(
            ensemble.GradientBoostingRegressor(n_estimators=3, init=RIDGE())
        ),
        "passthrough": lambda: classes_of(
            pipeline.Pipeline([("none", "passthrough"), ("tree", TREE())])
        ),
        "label powerset": lambda: classes_of(
            multiclass.OneVsRestClassifier(LOGISTIC()), np.column_stack([WORDS == "low"] * 2)
        ),
        "chain": lambda: values_of(
            multioutput.RegressorChain(RIDGE(), order=[1, 0]), np.column_stack([numbers()[2]] * 2)
        ),
        "isotonic": lambda: (
            isotonic.IsotonicRegression(out_of_bounds="clip").fit(numbers()[0][:, 0], numbers()[2]),
            numbers()[0][:, 0],
        ),
        "nystroem": lambda: classes_of(
            pipeline.make_pipeline(
                kernel_approximation.Nystroem(n_components=5, random_state=0), LOGISTIC()
            )
        ),
        "spline": lambda: values_of(
            pipeline.make_pipeline(preprocessing.SplineTransformer(n_knots=4), RIDGE())
        ),
        "binned": lambda: values_of(
            pipeline.make_pipeline(
                preprocessing.KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"),
                RIDGE(),
            )
        ),
        "label spreading": lambda: classes_of(semi_supervised.LabelSpreading(kernel="knn")),
        "mixture": lambda: classes_of(mixture.GaussianMixture(2, random_state=0)),
        "clustering": lambda: classes_of(cluster.KMeans(3, n_init=2, random_state=0)),
        "outliers": lambda: classes_of(covariance.EllipticEnvelope(random_state=0)),
        "outlier factor": lambda: classes_of(neighbors.LocalOutlierFactor(novelty=True)),
        "network": lambda: values_of(
            neural_network.MLPRegressor(
                hidden_layer_sizes=(3,),
                solver="sgd",
                early_stopping=True,
                max_iter=3,
                random_state=0,
            )
        ),
    }


def _parts() -> dict[str, Maker]:
    return {
        "chi2": lambda: classes_of(
            feature_selection.SelectPercentile(feature_selection.chi2, percentile=50)
        ),
        "mutual information": lambda: classes_of(
            feature_selection.SelectKBest(feature_selection.mutual_info_classif, k=2)
        ),
        "rbf kernel": lambda: classes_of(svm.SVC(kernel=metrics.pairwise.rbf_kernel)),
        "target encoder": lambda: (
            preprocessing.TargetEncoder(random_state=0).fit(frame()[["place"]], WORDS),
            frame()[["place"]],
        ),
        "numpy scalars": lambda: (
            RIDGE(alpha=np.float64(0.5))
            .fit(*numbers()[::2])
            .set_params(tol=np.float32(1e-3), max_iter=np.int64(5), positive=np.bool_(False)),
            numbers()[0],
        ),
        "label mixture": lambda: classes_of(
            linear_model.LogisticRegressionCV(
                Cs=2, cv=3, scoring="neg_log_loss", use_legacy_attributes=False
            )
        ),
        "dates": _dates,
    }


def special_setups() -> dict[str, Maker]:
    """Pipelines, wrappers, losses, splitters, kernels, callables and containers."""
    scale = preprocessing.FunctionTransformer
    makers = _pipelines() | _wrappers() | _single() | _parts()
    for function in (np.log1p, np.sqrt, np.abs, special.expit, np.clip, np.nan_to_num, np.sign):
        arguments = {"a_min": 0, "a_max": 5} if function is np.clip else None
        makers[f"function {function.__name__}"] = partial(
            values_of,
            pipeline.make_pipeline(scale(function, kw_args=arguments), RIDGE()),
        )
    return makers | losses() | splitters() | process_kernels()


def _dates() -> Fitted:
    encoder = preprocessing.OrdinalEncoder()
    days = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=4)})
    return encoder.fit(days), days
