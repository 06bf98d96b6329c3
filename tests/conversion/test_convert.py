import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.files import create_inference_session, save_onnx
from mlserve_cli.conversion.result import Options, Precision
from mlserve_cli.errors import ParityError, UnsupportedEstimatorError, UsageError


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_wine])
@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        RandomForestClassifier(20, random_state=0),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
    ],
    ids=["logistic", "forest", "scaled tree"],
)
def test_labels_of_real_data_are_all_the_same(load: Any, estimator: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    assert exact(estimator.fit(features, classes), features).parity.label_mismatches == 0


def test_a_model_that_does_not_agree_is_refused_with_rows_and_step() -> None:
    features, values = load_diabetes(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).fit(features, values)
    single = Options(precision=Precision.FLOAT32, tolerance=1e-12)
    with pytest.raises(ParityError, match=r"Row .* expected .* found") as caught:
        convert_to_onnx(pipeline, data=features, options=single)
    parity = caught.value.conversion.parity
    assert caught.value.exit_code == 1
    assert parity.cause == "standardscaler"
    assert parity.worst_rows
    kept = convert_to_onnx(pipeline, data=features, options=single, allow_mismatch=True)
    assert kept.model == caught.value.conversion.model


def test_a_step_without_onnx_form_is_named(people: pd.DataFrame) -> None:
    class Own(StandardScaler):
        pass

    numbers = make_pipeline(Own())
    columns = ColumnTransformer([("numbers", numbers, ["income", "children"])])
    model = make_pipeline(columns, LinearRegression()).fit(people, people["income"])
    with pytest.raises(UnsupportedEstimatorError, match=r"columntransformer > numbers > own"):
        convert_to_onnx(model, data=people)


def test_the_file_says_what_it_holds(tmp_path: Path, people: pd.DataFrame) -> None:
    columns = ColumnTransformer(
        [("text", OneHotEncoder(), ["member"]), ("number", "passthrough", ["children"])]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(people, people["income"] > 3000)
    options = Options(metadata=(("mlserve.source", "sha256:abc"),))
    conversion = convert_to_onnx(model, data=people, options=options)
    path = save_onnx(conversion, tmp_path / "model.onnx")
    assert [one.name for one in tmp_path.iterdir()] == ["model.onnx"]
    session = create_inference_session(path)
    inputs = {node.name: (node.type, node.shape[1]) for node in session.get_inputs()}
    assert inputs["member"] == ("tensor(string)", 1)
    assert inputs["children"] == ("tensor(int64)", 1)
    assert {node.name: node.type for node in session.get_outputs()} == {
        "label": "tensor(bool)",
        "probabilities": "tensor(double)",
        "decision": "tensor(double)",
    }
    entries = session.get_modelmeta().custom_metadata_map
    assert json.loads(entries["mlserve.classes"]) == [False, True]
    assert entries["mlserve.source"] == "sha256:abc"
    assert entries["mlserve.estimator"] == "sklearn.Pipeline"


def test_a_numeric_model_takes_one_matrix() -> None:
    features, classes = load_iris(return_X_y=True)
    conversion = convert_to_onnx(LogisticRegression(max_iter=500).fit(features, classes))
    session = create_inference_session(conversion.model)
    [node] = session.get_inputs()
    assert (node.name, node.type, node.shape[1]) == ("features", "tensor(double)", 4)


def test_only_the_outputs_that_were_asked_for_are_kept() -> None:
    features, classes = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(features, classes)
    conversion = convert_to_onnx(model, options=Options(outputs=("label",)))
    assert [output.name for output in onnx.load_from_string(conversion.model).graph.output] == [
        "label"
    ]
    with pytest.raises(UsageError, match=r"no output 'scores'; it has: label, probabilities"):
        convert_to_onnx(model, options=Options(outputs=("scores",)))


def test_the_opset_can_be_raised_but_not_lowered() -> None:
    features, values = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(features, values)
    assert convert_to_onnx(model).opset == 21
    assert convert_to_onnx(model, options=Options(opset=22)).opset == 22
    with pytest.raises(UsageError, match="expected 21 to"):
        convert_to_onnx(model, options=Options(opset=15))


def test_a_converted_model_scores_without_scikit_learn(tmp_path: Path) -> None:
    features, classes = load_iris(return_X_y=True)
    model = RandomForestClassifier(10, random_state=0).fit(features, classes)
    save_onnx(convert_to_onnx(model), tmp_path / "model.onnx")
    np.save(tmp_path / "rows.npy", features)
    program = """
import sys
import numpy as np
from mlserve_cli.conversion.files import create_inference_session
session = create_inference_session("model.onnx")
print(*session.run(["label"], {"features": np.load("rows.npy")})[0])
for name in ("sklearn", "pandas", "scipy", "onnx"):
    assert name not in sys.modules, name
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert [int(label) for label in answer.stdout.split()] == model.predict(features).tolist()
