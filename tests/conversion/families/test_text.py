import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.onnx import OnnxPredictor


# Letters of other scripts that look like ours are what is tested here.
# ruff: noqa: RUF001
def named(value: Any) -> str:
    """A name without addresses, so that parallel runs agree on it."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


WORDS = [
    "the", "a", "of", "and", "not", "good", "bad", "film", "Film", "GREAT", "service", "it's",
    "e-mail", "don't", "3.5", "2024", "#1", "user@mail.org", "x", "I", "naïve", "café", "CAFÉ",
    "Übermaß", "über", "Straße", "STRASSE", "İstanbul", "ΟΔΟΣ", "Σ", "ΌΣΟΣ,", "ΣΑΣ.", "Ελλάδα",
    "Москва", "МОСКВА", "東京", "서울", "ﬁne", "½", "x²", "Ⅷ", "e\u0301te\u0301", "E\u0301",
    "\u212b", "\u212a", "ʰΣ", "Σ\u0301", "👍", "👩\u200d💻", "_under_score_", "١٢٣", "ß", "ẞ", "ǅ",
]  # fmt: skip
SPACES = [" ", " ", " ", "  ", "\n", "\t", "\u00a0", "\r\n", " \u2003", "\x1c", "\x85", "-", ", "]


def texts(rows: int, words: list[str], *, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return [
        "".join(
            words[i] + SPACES[j]
            for i, j in zip(
                random.integers(0, len(words), length),
                random.integers(0, len(SPACES), length),
                strict=True,
            )
        )
        for length in random.integers(0, 20, rows)
    ]


ASCII = [word for word in WORDS if word.isascii()]
NASTY = [
    "",
    " ",
    "\n",
    "Σ",
    "ΑΣ",
    "ΑΣ Α",
    "Α\u0301Σ",
    "AΣ\u00adB",
    "a",
    "ab",
    "\x00",
    "a\x00b",
    "\ufffe",
]


def rows(*, seed: int = 0) -> list[str]:
    return texts(150, ASCII, seed=seed) + texts(150, WORDS, seed=seed + 1) + NASTY


VECTORIZERS = [
    CountVectorizer(),
    CountVectorizer(binary=True, lowercase=False),
    CountVectorizer(ngram_range=(1, 3), min_df=2),
    CountVectorizer(ngram_range=(2, 2), max_features=50),
    CountVectorizer(stop_words="english", ngram_range=(1, 2)),
    CountVectorizer(stop_words=["film", "über"], max_df=0.5),
    CountVectorizer(strip_accents="unicode"),
    CountVectorizer(strip_accents="ascii"),
    CountVectorizer(strip_accents="unicode", lowercase=False),
    CountVectorizer(token_pattern=r"(?u)\b\w+\b"),
    CountVectorizer(token_pattern=r"\b[a-zA-Z]{3,}\b", ngram_range=(1, 2)),
    CountVectorizer(token_pattern=r"\S+"),
    CountVectorizer(token_pattern=r"[^\W\d_]+"),
    CountVectorizer(token_pattern=r"(?i)[a-z]+"),
    CountVectorizer(analyzer="char"),
    CountVectorizer(analyzer="char", ngram_range=(2, 4), max_features=500),
    CountVectorizer(analyzer="char", ngram_range=(1, 3), strip_accents="unicode"),
    CountVectorizer(analyzer="char_wb", ngram_range=(2, 4)),
    CountVectorizer(analyzer="char_wb", ngram_range=(4, 5), lowercase=False),
    CountVectorizer(vocabulary=["film", "good", "never seen"]),
    TfidfVectorizer(),
    TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), norm="l1"),
    TfidfVectorizer(use_idf=False, norm=None),
    TfidfVectorizer(smooth_idf=False, binary=True),
    TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True),
    TfidfVectorizer(dtype=np.float32),
    HashingVectorizer(n_features=2**10),
    HashingVectorizer(n_features=1000, ngram_range=(1, 2), alternate_sign=False, norm="l1"),
    HashingVectorizer(n_features=64, analyzer="char", ngram_range=(2, 3), norm=None),
    HashingVectorizer(n_features=64, binary=True, stop_words="english"),
]


@pytest.mark.parametrize("vectorizer", VECTORIZERS, ids=named)
def test_vectorizers_are_exact_on_any_text(vectorizer: Any) -> None:
    vectorizer.fit(rows())
    signature = describe_estimator(vectorizer)
    unseen = np.array(rows(seed=7), dtype=object)
    conversion = convert_to_onnx(vectorizer, signature, data={"text": unseen})
    predictor = OnnxPredictor(conversion.model, signature)
    expected = vectorizer.transform(unseen).toarray()
    assert expected.any()
    rounding = 1e-7 if expected.dtype == np.float32 else 1e-14
    found = predictor.predict({"text": unseen}).labels
    np.testing.assert_allclose(found, expected, rtol=rounding, atol=rounding)
    for text in (*NASTY, unseen[3]):
        one = np.array([text], dtype=object)
        alone = predictor.predict({"text": one}).labels
        exact = vectorizer.transform(one).toarray()
        np.testing.assert_allclose(alone, exact, rtol=rounding, atol=rounding)


MODELS = [
    make_pipeline(TfidfVectorizer(), LogisticRegression()),
    make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC()),
    make_pipeline(CountVectorizer(), MultinomialNB()),
    make_pipeline(CountVectorizer(stop_words="english"), TfidfTransformer(), SGDClassifier()),
    make_pipeline(TfidfVectorizer(), ComplementNB()),
    make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(2, 4)), LogisticRegression()),
    make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)), SGDClassifier()),
    make_pipeline(TfidfVectorizer(strip_accents="unicode"), SelectKBest(chi2, k=20), LinearSVC()),
    make_pipeline(CountVectorizer(binary=True), RandomForestClassifier(20, random_state=0)),
    make_pipeline(HashingVectorizer(n_features=2**12), SGDClassifier(loss="log_loss")),
]


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_models_of_text_give_the_same_labels(model: Any) -> None:
    documents = np.array(rows(), dtype=object)
    classes = np.array(["film" in text.lower() for text in documents])
    model.fit(documents, classes)
    unseen = np.array(rows(seed=5), dtype=object)
    parity = convert_to_onnx(model, data={"text": unseen}).parity
    assert parity.label_mismatches == 0
    assert parity.max_difference < 1e-11


def test_text_stands_beside_other_columns(exact: Any) -> None:
    documents = rows()
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "review": documents,
            "stars": random.normal(size=len(documents)),
            "shop": random.choice(["north", "south"], len(documents)),
        }
    )
    columns = ColumnTransformer(
        [
            ("words", TfidfVectorizer(), "review"),
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)), "review"),
            ("number", StandardScaler(), ["stars"]),
            ("shop", OneHotEncoder(), ["shop"]),
        ]
    )
    model = make_pipeline(columns, Ridge()).fit(frame, random.normal(size=len(frame)))
    exact(model, frame)


def test_a_latent_space_of_text(exact: Any) -> None:
    documents = np.array(rows(), dtype=object)
    model = make_pipeline(TfidfVectorizer(), TruncatedSVD(5, random_state=0)).fit(documents)
    assert convert_to_onnx(model, data={"text": documents}).parity.max_difference < 1e-9


@pytest.mark.parametrize(
    ("vectorizer", "reason"),
    [
        (CountVectorizer(tokenizer=str.split, token_pattern=None), "tokenizer is a function"),
        (CountVectorizer(preprocessor=str.upper), "preprocessor is a function"),
        (CountVectorizer(analyzer=str.split), "analyzer is a function"),
        (CountVectorizer(token_pattern=r"\w+(?=\s)"), "ASSERT"),
        (CountVectorizer(token_pattern=r"(\w)\w+"), "capturing group"),
        (CountVectorizer(token_pattern=r"\bx-\w+\b"), "word characters"),
        (CountVectorizer(token_pattern=r"a?(?:ab)?c"), "one repetition at the end"),
        (CountVectorizer(token_pattern=r"[^,]+", ngram_range=(1, 2)), "can hold spaces"),
        (HashingVectorizer(), "1,048,576"),
    ],
    ids=named,
)
def test_what_cannot_be_exact_is_refused_by_name(vectorizer: Any, reason: str) -> None:
    vectorizer.fit(["a bc c, x-y", "abc ac"])
    with pytest.raises(UnsupportedEstimatorError, match=reason):
        convert_to_onnx(vectorizer, data={"text": np.array(["a"], dtype=object)})
