"""What a model file says about its model, learnt from stand-ins: nothing of it was loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlserve_cli.serialization.trust.byte_source import quoted
from mlserve_cli.serialization.trust.inert import Inert, Name, values_of
from mlserve_cli.signature import Label

_MAX_DEPTH = 8
_MAX_CHILDREN = 100
_MAX_VISITED = 200_000
_SKLEARN_VERSION = "_sklearn_version"
_NAME_LISTS = ("steps", "transformers", "transformers_", "transformer_list", "estimators")


@dataclass(frozen=True, slots=True)
class TypeTree:
    """An estimator and those inside it.

    Attributes:
        type: Full name of its class.
        parameters: Constructor parameters that are plain values, as `(name, text)`.
        children: Estimators that it was given, as `(name, estimator)`.
    """

    type: str
    parameters: tuple[tuple[str, str], ...] = ()
    children: tuple[tuple[str, "TypeTree"], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What was learnt.

    Attributes:
        sklearn_versions: Versions of scikit-learn that fitted the estimators.
        feature_names: Names of the inputs.
        n_features: Number of inputs.
        classes: Classes of a classifier.
        tree: The estimators by name; None where the file holds something else.
    """

    sklearn_versions: tuple[str, ...] = ()
    feature_names: tuple[str, ...] | None = None
    n_features: int | None = None
    classes: tuple[Label, ...] | None = None
    tree: TypeTree | None = None


def facts_of(root: Any) -> Facts:
    """The facts about a model that was read as stand-ins.

    Args:
        root: The outermost object of the file.
    """
    names = _first(root, "feature_names_in_", first_step=True)
    count = _first(root, "n_features_in_", first_step=True)
    classes = _first(root, "classes_", first_step=False)
    labels = values_of(classes)
    columns = values_of(names)
    return Facts(
        sklearn_versions=tuple(sorted(_versions(root))),
        feature_names=_texts(columns),
        n_features=count if type(count) is int else None,
        classes=_labels(labels),
        tree=_tree(root, _MAX_DEPTH) if isinstance(root, Inert) else None,
    )


def _texts(values: list[Any] | None) -> tuple[str, ...] | None:
    if not values or not all(isinstance(value, str) for value in values):
        return None
    return tuple(values)


def _labels(values: list[Any] | None) -> tuple[Label, ...] | None:
    if not values or not all(isinstance(value, str | int | float | bool) for value in values):
        return None
    return tuple(values)


def _first(root: Any, attribute: str, *, first_step: bool) -> Any:
    """The attribute of the estimator, or of the one inside it that it would ask."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(root, Inert):
            return None
        attributes = root.attributes
        if attribute in attributes:
            return attributes[attribute]
        steps = attributes.get("steps")
        if isinstance(steps, list) and steps:
            root = _step(steps if first_step else steps[::-1])
        else:
            root = next(
                (
                    attributes[name]
                    for name in ("best_estimator_", "estimator_", "regressor_", "estimator")
                    if isinstance(attributes.get(name), Inert)
                ),
                None,
            )
    return None


def _step(steps: list[Any]) -> Any:
    found = (step[1] for step in steps if isinstance(step, tuple) and len(step) == 2)
    return next((estimator for estimator in found if isinstance(estimator, Inert)), None)


def _versions(root: Any) -> set[str]:
    versions = set()
    for found in _reachable(root):
        version = found.attributes.get(_SKLEARN_VERSION)
        if isinstance(version, str):
            versions.add(quoted(version, 40))
    return versions


def _reachable(root: Any) -> Iterator[Inert]:
    waiting, seen = _containers((root,)), set[int]()
    while waiting and len(seen) < _MAX_VISITED:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, Inert):
            yield found
            waiting.extend(_containers((found.state, *found.args, *found.items)))
        elif isinstance(found, dict):
            waiting.extend(_containers(found.values()))
        else:
            waiting.extend(_containers(found))


def _containers(items: Any) -> list[Any]:
    return [item for item in items if isinstance(item, Inert | dict | list | tuple)]


def _tree(found: Inert, depth: int) -> TypeTree:
    parameters: list[tuple[str, str]] = []
    children: list[tuple[str, TypeTree]] = []
    attributes = found.attributes
    for name, value in attributes.items():
        if not _is_parameter(name) or (name == "transformers" and "transformers_" in attributes):
            continue
        if isinstance(value, str | int | float | bool):
            parameters.append((name, quoted(repr(value), 60)))
        elif isinstance(value, Name):
            parameters.append((name, value.full))
        elif depth > 0 and len(children) < _MAX_CHILDREN:
            children.extend(_children(name, value, depth - 1))
    return TypeTree(found.type or "unknown", tuple(parameters), tuple(children[:_MAX_CHILDREN]))


def _is_parameter(name: Any) -> bool:
    # Names that end in an underscore are what fitting learnt, those that begin with one internal.
    return isinstance(name, str) and (
        name in _NAME_LISTS or not (name.startswith("_") or name.endswith("_"))
    )


def _children(name: str, value: Any, depth: int) -> Iterator[tuple[str, TypeTree]]:
    if isinstance(value, Inert) and value.attributes:
        yield name, _tree(value, depth)
    elif isinstance(value, list) and name in _NAME_LISTS:
        for entry in value[:_MAX_CHILDREN]:
            if isinstance(entry, tuple) and len(entry) > 1 and isinstance(entry[0], str):
                if isinstance(entry[1], Inert):
                    yield quoted(entry[0]), _tree(entry[1], depth)
                elif isinstance(entry[1], str):
                    yield quoted(entry[0]), TypeTree(quoted(entry[1]))
