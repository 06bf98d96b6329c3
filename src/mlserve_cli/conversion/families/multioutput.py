"""One estimator per output: side by side, or each fed with the answers of those before it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.families.voting import response, scored
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _regressor(translator: "Translator", model: Any, table: Table) -> Scores:
    found = scored(translator, model.estimators_, table)
    return Scores(labels=translator.graph.concatenate([one.labels for one in found]))


def _classifier(translator: "Translator", model: Any, table: Table) -> Scores:
    found = scored(translator, model.estimators_, table)
    labels = [one.labels.reshape([-1, 1]) for one in found]
    kinds = {label.kind for label in labels}
    if len(kinds) > 1:
        if Kind.STRING in kinds:
            raise translator.unsupported("Some outputs are text and others are numbers.")
        # As numpy does with arrays of several types.
        kind = Kind.REAL if Kind.REAL in kinds else Kind.INT64
        labels = [label.cast(kind) for label in labels]
    several = tuple(one.probabilities for one in found if one.probabilities is not None)
    return Scores(
        labels=translator.graph.concatenate(labels),
        several=several if len(several) == len(found) else (),
    )


def _chain(translator: "Translator", chain: Any, table: Table) -> Scores:
    method = getattr(chain, "chain_method_", "predict")
    grown = Table.of(table.real(), table.width)
    found = []
    for number, estimator in enumerate(chain.estimators_):
        with translator.step(f"{number} {type(estimator).__name__}"):
            scores = translator.score(estimator, grown)
            found.append(scores)
            if number + 1 < len(chain.estimators_):
                answer = _single(translator, scores, method)
                grown = Table.concatenate([grown, Table.of(answer, 1)])
    order = np.argsort(chain.order_)
    labels = [found[place].labels.cast(Kind.REAL).reshape([-1, 1]) for place in order]
    return Scores(
        labels=translator.graph.concatenate(labels),
        probabilities=_joined(translator, found, "predict_proba", order),
        decision=_joined(translator, found, "decision_function", order),
    )


def _single(translator: "Translator", scores: Scores, method: str) -> "Tensor":
    answer = response(translator, scores, method)
    return answer.columns(1, 2) if method == "predict_proba" else answer


def _joined(
    translator: "Translator", found: "list[Scores]", method: str, order: Any
) -> "Tensor | None":
    attribute = "decision" if method == "decision_function" else "probabilities"
    if any(getattr(one, attribute) is None for one in found):
        return None
    return translator.graph.concatenate(
        [_single(translator, found[place], method) for place in order]
    )


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.ClassifierChain": _chain,
    "sklearn.MultiOutputClassifier": _classifier,
    "sklearn.MultiOutputRegressor": _regressor,
    "sklearn.RegressorChain": _chain,
}
