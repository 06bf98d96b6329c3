"""Labels find their predictions, and say how good those were."""

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_absolute_error, r2_score

from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.monitoring.feedback.database import FEEDBACK_NAME
from mlserve_cli.monitoring.feedback.labels import Feedback, take_labels
from mlserve_cli.monitoring.feedback.realised import RealisedQuality, realised_quality
from mlserve_cli.monitoring.feedback.waiting import WaitingPredictions
from mlserve_cli.monitoring.records.buffer import RecordBuffer
from mlserve_cli.monitoring.records.entry import Entry
from mlserve_cli.monitoring.records.writer import RecordWriter
from mlserve_cli.signature import Column, Signature, Task

NOON = 1_700_000_000.0


@dataclass(frozen=True)
class Recorded:
    """A model as records know it."""

    name: str
    version: int
    signature: Signature
    metrics: Mapping[str, float] = field(default_factory=dict)


X = (Column("x"),)
FLOWERS = Recorded(
    "flowers",
    1,
    Signature(Task.CLASSIFICATION, X, classes=(0, 1, 2), probabilities=True),
    {"accuracy": 0.9, "roc_auc": 0.99},
)
PRICES = Recorded("prices", 2, Signature(Task.REGRESSION, X), {"r2": 0.8, "mae": 1.0, "rows": 50.0})


class Folder:
    """Records of some models."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path = folder
        self.buffer = RecordBuffer()
        waiting = WaitingPredictions(folder, **({"now": lambda: NOON} | options))
        self.writer = RecordWriter(folder, self.buffer, waiting=waiting)

    def predict(
        self,
        model: Recorded,
        ids: Sequence[str],
        labels: Any,
        counts: Any = None,
        shares: Any = None,
    ) -> None:
        """One request for each id, of one row where no counts are given."""
        rows = len(labels)
        entry = Entry(
            model=model,
            time=NOON,
            parts=[b"\0" * 8 * count for count in counts or [1] * rows],
            rows=rows,
            kept=rows,
            labels=np.array(labels),
            probabilities=None if shares is None else np.array(shares),
            seconds=[0.001] * len(ids),
            counts=counts,
            request_ids=[request_id.encode() for request_id in ids],
        )
        self.buffer.put(entry, 100)
        self.writer.flush()

    def take(self, *labels: Feedback) -> tuple[int, int, tuple[int, ...]]:
        taken = take_labels(self.path, labels)
        return taken.taken, taken.replaced, taken.unknown

    def quality(self) -> RealisedQuality:
        (found,) = realised_quality(self.path)
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_later_label_replaces_the_one_before_and_unknown_ids_are_told(folder: Folder) -> None:
    folder.predict(FLOWERS, ["a", "b"], [0, 1])
    assert folder.take(Feedback("a", 0), Feedback("zz", 0), Feedback("b", 2)) == (2, 0, (1,))
    assert folder.quality().figures["accuracy"] == 0.5
    assert folder.take(Feedback("b", 1)) == (1, 1, ())
    assert folder.quality().figures["accuracy"] == 1
    assert folder.quality().labels == 2
    # Of two in one request the later one counts as well.
    assert folder.take(Feedback("b", 1), Feedback("b", 0)) == (2, 2, ())
    assert folder.quality().figures["accuracy"] == 0.5


@pytest.mark.parametrize("label", [1, 1.0, "1"])
def test_a_class_is_the_same_however_it_is_written(folder: Folder, label: Any) -> None:
    folder.predict(FLOWERS, ["a"], [1])
    folder.take(Feedback("a", label))
    assert folder.quality().figures["accuracy"] == 1


def test_figures_are_those_of_scikit_learn(folder: Folder) -> None:
    random = np.random.default_rng(1)
    shares = random.dirichlet([1, 1, 1], 200)
    truth, predicted = random.integers(3, size=200), shares.argmax(1)
    ids = [f"r{k}" for k in range(200)]
    folder.predict(FLOWERS, ids, predicted, shares=shares)
    folder.take(*(Feedback(name, int(label)) for name, label in zip(ids, truth, strict=True)))
    found = folder.quality()
    assert found.figures["accuracy"] == accuracy_score(truth, predicted)
    assert math.isclose(found.figures["f1_macro"], f1_score(truth, predicted, average="macro"))
    assert math.isclose(found.figures["log_loss"], log_loss(truth, shares))
    assert found.stored == {"accuracy": 0.9, "roc_auc": 0.99}
    assert found.drops["accuracy"] == 0.9 - found.figures["accuracy"]
    assert set(found.drops) == {"accuracy", "roc_auc"}


def test_values_are_judged_by_their_errors(folder: Folder) -> None:
    random = np.random.default_rng(1)
    truth = random.normal(size=150)
    predicted = truth + random.normal(size=150) / 3
    ids = [f"r{k}" for k in range(150)]
    folder.predict(PRICES, ids, predicted)
    folder.take(*(Feedback(name, float(value)) for name, value in zip(ids, truth, strict=True)))
    found = folder.quality()
    assert math.isclose(found.figures["mae"], mean_absolute_error(truth, predicted))
    assert math.isclose(found.drops["r2"], 0.8 - r2_score(truth, predicted))
    # Of an error less is better; what was stored is shown beside it.
    assert set(found.drops) == {"r2"}
    assert found.stored == {"r2": 0.8, "mae": 1.0}


def test_few_labels_are_no_drop(folder: Folder) -> None:
    ids = [f"r{k}" for k in range(100)]
    folder.predict(FLOWERS, ids, [0] * 100)
    folder.take(*(Feedback(name, 1) for name in ids[:99]))
    assert folder.quality().drops == {}
    folder.take(Feedback(ids[99], 1))
    assert folder.quality().drops["accuracy"] == 0.9


def test_the_latest_thousand_labels_count(folder: Folder) -> None:
    ids = [f"r{k}" for k in range(1500)]
    folder.predict(FLOWERS, ids, [0] * 1500)
    folder.take(*(Feedback(name, 1) for name in ids[:500]))
    folder.take(*(Feedback(name, 0) for name in ids[500:]))
    assert folder.quality().labels == 1000
    assert folder.quality().figures["accuracy"] == 1


def test_rows_of_one_request_are_told_apart(folder: Folder) -> None:
    folder.predict(FLOWERS, ["several", "one"], [0, 1, 2, 0], counts=[3, 1])
    with pytest.raises(SignatureError, match="The request several had several rows") as caught:
        folder.take(Feedback("one", 0), Feedback("several", 0))
    assert caught.value.row == 2
    # Nothing of a request that is refused is kept.
    assert realised_quality(folder.path) == []
    told = (Feedback("several", row, row + 1) for row in range(3))
    assert folder.take(*told, Feedback("several", 0, 4)) == (3, 0, (3,))
    assert folder.quality().figures["accuracy"] == 1


def test_labels_of_a_request_of_many_rows_are_found_as_fast(folder: Folder) -> None:
    rows = 20_000
    folder.predict(FLOWERS, ["large"], [0] * rows, counts=[rows])
    told = [Feedback("large", 0, row + 1) for row in range(rows)]
    # Looking at all rows for each of them would take minutes.
    assert folder.take(*told) == (rows, 0, ())
    with pytest.raises(SignatureError, match="had several rows"):
        folder.take(*[Feedback("large", 0)] * 10_000)


def test_models_that_were_asked_under_one_id_share_the_label_or_are_named(folder: Folder) -> None:
    second = Recorded("flowers", 2, FLOWERS.signature)
    for model, label in ((FLOWERS, 0), (second, 1), (PRICES, 0.0)):
        folder.predict(model, ["a"], [label])
    with pytest.raises(SignatureError, match="expected one of 0, 1, 2"):
        folder.take(Feedback("a", 0.5))
    assert folder.take(Feedback("a", 0.5, model="prices")) == (1, 0, ())
    assert folder.take(Feedback("a", 1, model="flowers")) == (1, 0, ())
    found = {(q.model, q.version): q.figures for q in realised_quality(folder.path)}
    assert found["flowers", "1"]["accuracy"] == 0
    assert found["flowers", "2"]["accuracy"] == 1
    assert found["prices", "2"]["mae"] == 0.5
    assert folder.take(Feedback("a", 1, model="flowers/3")) == (0, 0, (0,))


@pytest.mark.parametrize(
    ("model", "label", "expected"),
    [
        (FLOWERS, 3, "Found the label 3 for flowers/1, expected one of 0, 1, 2"),
        (FLOWERS, "x" * 10_000, r"Found the label 'x+\.\.\. for"),
        (FLOWERS, 10**400, "expected one of"),
        (PRICES, "high", "Found the label 'high' for prices/2, expected a number"),
        (PRICES, True, "expected a number"),
        (PRICES, 10**400, "expected a number"),
        (PRICES, 1e300, "expected a number"),
    ],
    ids=["class", "long", "huge class", "text", "truth", "huge", "large"],
)
def test_labels_that_no_prediction_can_have_are_refused(
    folder: Folder, model: Recorded, label: Any, expected: str
) -> None:
    folder.predict(model, ["a"], [0])
    with pytest.raises(SignatureError, match=expected) as caught:
        folder.take(Feedback("a", label))
    assert len(str(caught.value)) < 300


def test_tasks_without_a_truth_take_no_labels(folder: Folder) -> None:
    groups = Recorded("groups", 1, Signature(Task.CLUSTERING, X))
    folder.predict(groups, ["a"], [0])
    with pytest.raises(SignatureError, match="groups/1 predicts clustering"):
        folder.take(Feedback("a", 0))


def test_a_later_request_of_the_same_name_is_the_one_that_is_meant(folder: Folder) -> None:
    folder.predict(FLOWERS, ["a"], [0])
    folder.take(Feedback("a", 1))
    folder.predict(FLOWERS, ["a"], [1])
    folder.take(Feedback("a", 1))
    assert folder.quality().labels == 1
    assert folder.quality().figures["accuracy"] == 1


def test_requests_without_a_name_cost_nothing(folder: Folder) -> None:
    folder.predict(FLOWERS, ["", ""], [0, 1])
    assert not (folder.path / FEEDBACK_NAME).exists()


def test_names_and_labels_of_any_kind_are_data_only(folder: Folder) -> None:
    hostile = ["'; DROP TABLE waiting; --", "../../etc/passwd", "%s{0}", '"\\']
    folder.predict(FLOWERS, hostile, [0, 1, 2, 0])
    assert folder.take(*(Feedback(name, 0) for name in hostile)) == (4, 0, ())
    assert folder.quality().figures["accuracy"] == 0.5


def test_the_oldest_predictions_go_and_labels_stay(tmp_path: Path) -> None:
    moment = [NOON]
    folder = Folder(tmp_path, most_waiting=10, now=lambda: moment[0])
    ids = [f"r{k}" for k in range(30)]
    folder.predict(FLOWERS, ids[:15], [0] * 15)
    folder.take(Feedback("r14", 0))
    moment[0] += 61
    folder.predict(FLOWERS, ids[15:], [0] * 15)
    assert folder.take(Feedback("r15", 0), Feedback("r29", 0)) == (1, 0, (0,))
    assert folder.take(Feedback("r14", 1)) == (1, 1, ())
    moment[0] += 31 * 86_400
    folder.predict(FLOWERS, ["late"], [0])
    assert folder.take(Feedback("r28", 0)) == (0, 0, (0,))


def test_files_are_for_their_owner_only(folder: Folder) -> None:
    folder.predict(FLOWERS, ["a"], [0])
    assert (folder.path / FEEDBACK_NAME).stat().st_mode & 0o077 == 0


def test_a_file_that_holds_no_labels_is_named_and_records_go_on(folder: Folder) -> None:
    (folder.path / FEEDBACK_NAME).write_bytes(b"no database at all, but long enough" * 100)
    folder.predict(FLOWERS, ["a"], [0])
    assert sum(folder.writer.written.values()) == 1
    with pytest.raises(sqlite3.DatabaseError):
        folder.take(Feedback("a", 0))
    with pytest.raises(InputError, match=FEEDBACK_NAME):
        realised_quality(folder.path)


def test_a_later_format_is_left_alone(folder: Folder) -> None:
    folder.predict(FLOWERS, ["a"], [0])
    with sqlite3.connect(folder.path / FEEDBACK_NAME) as database:
        database.execute("PRAGMA user_version = 9")
    with pytest.raises(sqlite3.DatabaseError, match="later format 9"):
        folder.take(Feedback("a", 0))
    with pytest.raises(InputError, match="has format 9"):
        realised_quality(folder.path)


def test_without_labels_there_is_no_quality(tmp_path: Path) -> None:
    assert realised_quality(tmp_path) == []
