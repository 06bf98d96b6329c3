"""Losses, splitters, scorers and kernels, each inside an estimator that takes them."""

from functools import partial
from typing import Any

import numpy as np
from sklearn import (
    ensemble,
    gaussian_process,
    linear_model,
    metrics,
    model_selection,
)
from sklearn.gaussian_process import kernels
from tests.serialization.trust.zoo import (
    RIDGE,
    TREE,
    WORDS,
    Fitted,
    Maker,
    classes_of,
    numbers,
    values_of,
)


def _search(splitter: Any, **scorer: Any) -> Fitted:
    return values_of(
        model_selection.GridSearchCV(RIDGE(), {"alpha": [0.1, 1]}, cv=splitter, **scorer)
    )


def _process(kernel: Any, *, classify: bool = False) -> Fitted:
    if classify:
        return classes_of(gaussian_process.GaussianProcessClassifier(kernel, optimizer=None))
    return values_of(
        gaussian_process.GaussianProcessRegressor(
            kernel, alpha=1.0, optimizer=None, normalize_y=True
        )
    )


def losses() -> dict[str, Maker]:
    hist, boost, sgd = (
        partial(ensemble.HistGradientBoostingRegressor, max_iter=2, min_samples_leaf=5),
        partial(ensemble.GradientBoostingRegressor, n_estimators=2),
        partial(linear_model.SGDClassifier, random_state=0, max_iter=5, tol=None),
    )
    makers: dict[str, Maker] = {}
    for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile"):
        extra = {"quantile": 0.5} if loss == "quantile" else {}
        makers[f"hist {loss}"] = partial(values_of, hist(loss=loss, **extra))
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        makers[f"boosting {loss}"] = partial(values_of, boost(loss=loss))
    makers["boosting exponential"] = partial(
        classes_of, ensemble.GradientBoostingClassifier(loss="exponential", n_estimators=2), WORDS
    )
    makers["boosting binary"] = partial(
        classes_of, ensemble.GradientBoostingClassifier(n_estimators=2), WORDS
    )
    for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron"):
        makers[f"sgd {loss}"] = partial(classes_of, sgd(loss=loss))
    for loss in ("huber", "epsilon_insensitive", "squared_epsilon_insensitive", "squared_error"):
        makers[f"sgd {loss} values"] = partial(
            values_of, linear_model.SGDRegressor(loss=loss, random_state=0, max_iter=5, tol=None)
        )
    for power in (0, 1, 1.5, 2, 3):
        for link in ("identity", "log"):
            makers[f"tweedie {power} {link}"] = partial(
                values_of, linear_model.TweedieRegressor(power=power, link=link)
            )
    return makers


def splitters() -> dict[str, Maker]:
    split = model_selection
    splitters = [
        split.KFold(3),
        split.RepeatedKFold(n_splits=2, n_repeats=2),
        split.ShuffleSplit(2, random_state=0),
        split.TimeSeriesSplit(2),
        split.PredefinedSplit(np.arange(48) % 3),
        split.LeavePOut(1),
        split.LeaveOneOut(),
    ]
    makers: dict[str, Maker] = {
        f"search {type(splitter).__name__}": partial(
            _search, splitter, scoring="neg_mean_squared_error"
        )
        for splitter in splitters
    }
    for splitter in (split.StratifiedShuffleSplit(2), split.RepeatedStratifiedKFold(n_splits=2)):
        makers[f"search {type(splitter).__name__}"] = partial(
            classes_of, split.GridSearchCV(TREE(), {"max_depth": [1, 2]}, cv=splitter)
        )
    for scorer in metrics.get_scorer_names():
        makers[f"scorer {scorer}"] = partial(_with_scorer, scorer)
    return makers


def _with_scorer(name: str) -> Fitted:
    features, classes, _ = numbers()
    search = model_selection.GridSearchCV(TREE(), {"max_depth": [1, 2]}, cv=2)
    search.fit(features, classes).set_params(scoring=metrics.get_scorer(name))
    search.scorer_ = search.scoring
    return search, features


def process_kernels() -> dict[str, Maker]:
    simple = [
        kernels.RBF(2.0),
        kernels.Matern(1.0, nu=1.5),
        kernels.RationalQuadratic(),
        kernels.ExpSineSquared(periodicity=40.0),
        kernels.DotProduct() ** 2,
        kernels.ConstantKernel(2.0) * kernels.RBF() + kernels.WhiteKernel(),
        kernels.PairwiseKernel(metric="rbf"),
    ]
    makers: dict[str, Maker] = {
        f"process {type(kernel).__name__} {index}": partial(_process, kernel)
        for index, kernel in enumerate(simple)
    }
    makers["process classes"] = partial(_process, kernels.RBF(), classify=True)
    makers["process optimised"] = partial(
        values_of, gaussian_process.GaussianProcessRegressor(kernels.RBF(), alpha=1e-3)
    )
    return makers
