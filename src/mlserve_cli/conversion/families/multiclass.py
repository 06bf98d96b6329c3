"""Several classes by several classifiers of two: one against the rest, one against one, codes."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from mlserve_cli.conversion.families.voting import response
from mlserve_cli.conversion.families.voting_trees import add_up
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, two_columns
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _members(translator: "Translator", model: Any, table: "Table") -> "list[Scores]":
    found = []
    for number, estimator in enumerate(model.estimators_):
        with translator.step(f"{number} {type(estimator).__name__}"):
            constant = type(estimator).__name__ == "_ConstantPredictor"
            found.append(
                _same_for_all(table, float(estimator.y_[0]))
                if constant
                else translator.score(estimator, table)
            )
    return found


def _same_for_all(table: "Table", value: float) -> Scores:
    # Stands in for a classifier where a class has all of the rows, or none.
    column = table.column(0)
    answer = column.equals(column).where(table.graph.constant([[value]]), value)
    return Scores(labels=answer, probabilities=two_columns(answer), decision=answer)


def _confidence(translator: "Translator", estimator: Any, scores: Scores) -> "Tensor":
    if is_regressor(estimator):
        return response(translator, scores, "predict")
    if hasattr(estimator, "decision_function"):
        return response(translator, scores, "decision_function")
    return response(translator, scores, "predict_proba").columns(1, 2)


def _confidences(translator: "Translator", model: Any, found: "list[Scores]") -> "list[Tensor]":
    return [
        _confidence(translator, estimator, scores)
        for estimator, scores in zip(model.estimators_, found, strict=True)
    ]


def _middle(estimator: Any) -> float:
    return 0.0 if hasattr(estimator, "decision_function") and is_classifier(estimator) else 0.5


def _one_versus_rest(translator: "Translator", model: Any, table: "Table") -> Scores:
    found = _members(translator, model, table)
    joined = translator.graph.concatenate(_confidences(translator, model, found))
    scores: dict[str, Any] = {
        "probabilities": _shares(translator, model, found),
        "decision": joined if hasattr(model.estimators_[0], "decision_function") else None,
    }
    if model.label_binarizer_.y_type_ == "multiclass":
        return classified(model.classes_, joined.argmax(), **scores)
    above = (joined > _middle(model.estimators_[0])).cast(Kind.INT64)
    if model.multilabel_:
        return Scores(labels=above, **scores)
    if len(model.classes_) == 1:
        above = above * 0
    return classified(model.classes_, above.reshape([-1]), **scores)


def _shares(translator: "Translator", model: Any, found: "list[Scores]") -> "Tensor | None":
    parts = [one.probabilities for one in found]
    if any(part is None for part in parts):
        return None
    columns = [part.columns(1, 2) for part in parts if part is not None]
    joined = two_columns(columns[0]) if len(columns) == 1 else translator.graph.concatenate(columns)
    if model.multilabel_:
        return joined
    total = joined.row_sum(max(2, len(columns)))
    return joined / (total + total.equals(0.0).cast(Kind.REAL))


def _one_versus_one(translator: "Translator", model: Any, table: "Table") -> Scores:
    if model.pairwise_indices_ is not None:
        raise translator.unsupported("OneVsOneClassifier is fed a matrix of similarities.")
    found = _members(translator, model, table)
    count = len(model.classes_)
    votes: list[list[Tensor]] = [[] for _ in range(count)]
    sums: list[list[Tensor]] = [[] for _ in range(count)]
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    confidences = _confidences(translator, model, found)
    for (first, second), scores, confidence in zip(pairs, found, confidences, strict=True):
        answer = response(translator, scores, "predict")
        votes[first].append(answer.equals(0.0).cast(Kind.REAL))
        votes[second].append(answer.equals(1.0).cast(Kind.REAL))
        sums[first].append(-confidence)
        sums[second].append(confidence)
    vote = translator.graph.concatenate([add_up(parts) for parts in votes])
    total = translator.graph.concatenate([add_up(parts) for parts in sums])
    decision = vote + total / (3.0 * (total.apply("Abs") + 1.0))
    if count > 2:
        return classified(model.classes_, decision.argmax(), decision=decision)
    single = decision.columns(1, 2)
    index = (single > _middle(model.estimators_[0])).cast(Kind.INT64).reshape([-1])
    return classified(model.classes_, index, decision=single)


def _output_code(translator: "Translator", model: Any, table: "Table") -> Scores:
    found = _members(translator, model, table)
    joined = translator.graph.concatenate(_confidences(translator, model, found))
    book = np.asarray(model.code_book_, dtype=np.float64)
    # The squared distance but for the part that is the same for every class.
    distance = joined @ (-2.0 * book.T) + (book**2).sum(axis=1)
    return classified(model.classes_, distance.argmin())


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.OneVsOneClassifier": _one_versus_one,
    "sklearn.OneVsRestClassifier": _one_versus_rest,
    "sklearn.OutputCodeClassifier": _output_code,
}
