"""The service without any transport."""

import numpy as np
import pytest
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.errors import ModelNotFoundError, SignatureError
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.service import PredictionService


def test_the_newest_version_answers_for_a_name(fake: type[FakePredictor]) -> None:
    old, new = LoadedModel("m", 1, fake()), LoadedModel("m", 2, fake())
    service = PredictionService([new, old])
    assert service.resolve("m") is new
    assert service.resolve("m", 1) is old
    assert service.resolve() is new
    assert service.versions("m") == [1, 2]


def test_several_models_have_no_default(fake: type[FakePredictor]) -> None:
    service = PredictionService([LoadedModel("a", 1, fake()), LoadedModel("b", 1, fake())])
    with pytest.raises(ModelNotFoundError, match=r"Several models are served: a, b"):
        service.resolve()
    service.remove("a")
    assert service.resolve().name == "b"


def test_an_unknown_model_or_version_is_named_with_what_is_served(
    fake: type[FakePredictor],
) -> None:
    service = PredictionService([LoadedModel("a", 3, fake())])
    with pytest.raises(ModelNotFoundError, match=r"No model 'x' is served; the models are: a\."):
        service.resolve("x")
    with pytest.raises(ModelNotFoundError, match=r"no version 2 here; served: 3\."):
        service.resolve("a", 2)


def test_it_is_ready_with_a_model_and_until_it_stops(fake: type[FakePredictor]) -> None:
    service = PredictionService()
    assert not service.ready
    service.add(LoadedModel("a", 1, fake()))
    readiness = [service.ready]
    service.draining = True
    assert [*readiness, service.ready] == [True, False]


def test_it_predicts_what_the_estimator_predicts(trained: Trained) -> None:
    service = PredictionService([trained.load("iris"), trained.load("pets")])
    flowers = trained.flowers[::7]
    found = service.predict(flowers.tolist(), "iris")
    assert found.labels.tolist() == trained.iris.predict(flowers).tolist()
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, trained.iris.predict_proba(flowers))
    animals = trained.animals.to_dict("records")
    assert (
        service.predict(animals, "pets").labels.tolist()
        == trained.pets.predict(trained.animals).tolist()
    )


def test_a_row_that_does_not_fit_is_named(trained: Trained) -> None:
    service = PredictionService([trained.load("pets")])
    row = {"weight": "heavy", "age": 1, "colour": "black", "size": "S"}
    with pytest.raises(SignatureError, match=r"Row 1, column 'weight': found the text 'heavy'"):
        service.predict([row])


def test_loading_again_takes_the_newest_version_and_unloading_takes_it_away(
    trained: Trained,
) -> None:
    from mlserve_cli.serving.loading import ModelSource

    source = ModelSource(trained.root)
    service = PredictionService(source.load_all(["iris"]), source=source)
    assert [state.ready for state in service.index()] == [True, False]
    assert service.load("pets").name == "pets"
    assert [state.ready for state in service.index()] == [True, True]
    service.remove("pets")
    assert [(s.name, s.ready) for s in service.index()] == [("iris", True), ("pets", False)]
    with pytest.raises(ModelNotFoundError):
        service.load("none")
