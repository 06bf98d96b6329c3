"""Vectorizers of text: words and characters, counted, weighted or hashed."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.characters import character_class, matches, numbered, rewritten, tokens
from mlserve_cli.conversion.graph import MICROSOFT_DOMAIN, Kind, Tensor
from mlserve_cli.conversion.patterns import UnsupportedPatternError, token_pattern
from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from mlserve_cli.conversion.translator import Score, Transform, Translator

_SPACE = character_class(filter(str.isspace, map(chr, range(0x3001))))
_OTHER = character_class(filter(str.isspace, map(chr, range(0x3001))), inverted=True)
_STOP = -2
# Results are not sparse here: so many numbers for each row take longer than the estimator.
_MOST_HASHED = 2**18


def _count(translator: "Translator", vectorizer: Any, table: Table) -> Table:
    return _typed(vectorizer, _counts(translator, vectorizer, table), len(vectorizer.vocabulary_))


def _tfidf(translator: "Translator", vectorizer: Any, table: Table) -> Table:
    counts = _counts(translator, vectorizer, table)
    width = len(vectorizer.vocabulary_)
    return _typed(vectorizer, _weighted(vectorizer._tfidf, counts, width), width)


def _transformer(_: "Translator", transformer: Any, table: Table) -> Table:
    return Table.of(_weighted(transformer, table.real(), table.width), table.width)


def _typed(vectorizer: Any, result: Tensor, width: int) -> Table:
    if np.dtype(vectorizer.dtype) == np.float32:
        result = result.cast(Kind.FLOAT32).cast(Kind.REAL)
    return Table.of(result, width)


def _weighted(transformer: Any, counts: Tensor, width: int) -> Tensor:
    if transformer.sublinear_tf:
        # Counts of 0 stay 0: their logarithm is never taken.
        nothing = counts.equals(0.0)
        counts = nothing.where(counts, nothing.where(counts + 1.0, counts).apply("Log") + 1.0)
    if hasattr(transformer, "idf_"):
        counts = counts * transformer.idf_
    return _scaled(counts, width, transformer.norm)


def _scaled(values: Tensor, width: int, norm: str | None) -> Tensor:
    if norm is None:
        return values
    if norm == "l2":
        size = (values * values).row_sum(width).apply("Sqrt")
    elif norm == "l1":
        size = values.apply("Abs").row_sum(width)
    else:
        size = values.apply("Abs").reduce("Max")
    # Rows of zeros stay zeros.
    return values / size.equals(0.0).where(size + 1.0, size)


def _counts(translator: "Translator", vectorizer: Any, table: Table) -> Tensor:
    analysed = _analysed(translator, vectorizer, table)
    grams = _grams(translator, vectorizer)
    counts = _counted(analysed, grams, len(vectorizer.vocabulary_))
    return counts.apply("Sign") if vectorizer.binary else counts


def _analysed(translator: "Translator", vectorizer: Any, table: Table) -> Tensor:
    """Words or characters of each text, STRING, shape `(rows, most)`, filled up with ""."""
    _check(translator, vectorizer)
    if table.width != 1 or table.blocks[0].kind is not Kind.STRING:
        raise translator.unsupported("It takes one column of text.")
    text = table.column(0).reshape([-1])
    text = rewritten(text, lower=vectorizer.lowercase, accents=vectorizer.strip_accents)
    if vectorizer.analyzer == "word":
        return _words(translator, vectorizer, text)
    if vectorizer.analyzer == "char":
        # Two and more white spaces in a row become one space; a single one stays what it is.
        single = tokens(text, f"{_SPACE}+|{_OTHER}")
        several = matches(single, f"{_SPACE}{{2,}}")
        return several.where(text.graph.constant(" ", Kind.STRING), single)
    return _bounded_words(text)


def _check(translator: "Translator", vectorizer: Any) -> None:
    for name in ("preprocessor", "tokenizer", "analyzer", "strip_accents"):
        if callable(getattr(vectorizer, name)):
            raise translator.unsupported(f"Its {name} is a function, which has no ONNX form.")
    if vectorizer.input != "content":
        raise translator.unsupported(f"It reads texts from a {vectorizer.input}, not from columns.")


def _words(translator: "Translator", vectorizer: Any, text: Tensor) -> Tensor:
    try:
        pattern = token_pattern(vectorizer.token_pattern)
    except UnsupportedPatternError as error:
        raise translator.unsupported(
            f"RE2 may not find the same tokens by {vectorizer.token_pattern!r}: {error}."
        ) from error
    if pattern.spaced and vectorizer.ngram_range[1] > 1:
        raise translator.unsupported(
            f"Tokens of {vectorizer.token_pattern!r} can hold spaces, so that pairs of tokens "
            "cannot be told apart."
        )
    words = tokens(text, pattern.found)
    if pattern.whole:
        empty = text.graph.constant("", Kind.STRING)
        words = _closed_up(words, matches(words, pattern.whole).where(words, empty))
    stop = vectorizer.get_stop_words()
    if stop:
        numbers = numbered(words, dict.fromkeys(sorted(stop), _STOP))
        empty = text.graph.constant("", Kind.STRING)
        words = _closed_up(words, numbers.equals(_STOP).where(empty, words))
    return words


def _closed_up(before: Tensor, strings: Tensor) -> Tensor:
    """The strings of each row moved to the left over empty ones, shape as before."""
    graph = strings.graph
    kept = ~strings.equals("")
    rank = graph.add("CumSum", kept.cast(Kind.INT64), graph.constant(1, Kind.INT64)) - 1
    shape = graph.add("Shape", before, kind=Kind.INT64)
    wider = shape + np.array([0, 1])
    # Empty strings go to a column of their own, which is cut off again.
    last = graph.add("Expand", shape.gather([1]), shape)
    blank = graph.add("Expand", graph.constant([[""]], Kind.STRING), wider)
    moved = graph.add("ScatterElements", blank, kept.where(rank, last), strings, axis=1)
    start, axis = graph.constant([0], Kind.INT64), graph.constant([1], Kind.INT64)
    return graph.add("Slice", moved, start, shape.gather([1]), axis)


def _bounded_words(text: Tensor) -> Tensor:
    """Characters of the words, each word between two spaces, and something between two words."""
    graph = text.graph
    words = tokens(text, f"{_OTHER}+")
    # One more, which is empty, since a tensor without columns would lose its dimensions.
    rows = graph.add("Shape", words, kind=Kind.INT64, start=0, end=1)
    column = graph.concatenate([rows, graph.constant([1], Kind.INT64)], axis=0)
    blank = graph.add("Expand", graph.constant([[""]], Kind.STRING), column)
    words = graph.concatenate([words, blank])
    space = graph.constant(" ", Kind.STRING)
    padded = graph.add("StringConcat", graph.add("StringConcat", space, words), space)
    padded = words.equals("").where(words, padded)
    single = tokens(padded, "(?s).")
    shape = graph.add("Shape", single, kind=Kind.INT64)
    ones = shape * [1, 1, 0] + [0, 0, 1]
    gap = graph.add("Expand", graph.constant([[[""]]], Kind.STRING), ones)
    spread = graph.concatenate([single, gap], axis=2)
    across = shape.gather([1]) * (shape.gather([2]) + 1)
    return graph.add("Reshape", spread, graph.concatenate([rows, across], axis=0), allowzero=1)


def _grams(translator: "Translator", vectorizer: Any) -> "dict[tuple[str, ...], int]":
    """Sequences of words or characters that are counted, and the column of each."""
    least, most = vectorizer.ngram_range
    grams = {}
    for term, column in vectorizer.vocabulary_.items():
        if vectorizer.analyzer == "word":
            parts = tuple(term.split(" ")) if most > 1 else (term,)
            possible = least <= len(parts) <= most and "" not in parts
        else:
            parts = tuple(term)
            # A word that is too short for every length is counted as a whole.
            short = 3 <= len(term) < least and term[0] == term[-1] == " " and " " not in term[1:-1]
            whole = vectorizer.analyzer == "char_wb" and short
            possible = least <= len(parts) <= most or whole
        if possible:
            grams[parts] = int(column)
    if not grams:
        raise translator.unsupported("No text can hold any term of its vocabulary.")
    return grams


def _counted(strings: Tensor, grams: "dict[tuple[str, ...], int]", width: int) -> Tensor:
    alphabet = {part: 0 for gram in grams for part in gram}
    alphabet = {part: number for number, part in enumerate(sorted(alphabet))}
    ordered = sorted(grams.items(), key=lambda item: (len(item[0]), item[1]))
    coded = [([alphabet[part] for part in gram], column) for gram, column in ordered]
    if max(grams.values()) < width - 1:
        # A term that never occurs keeps the width.
        coded.insert(0, ([len(alphabet)] * len(coded[0][0]), width - 1))
    lengths = [len(gram) for gram, _ in coded]
    starts, total = [], 0
    for length in range(1, max(lengths) + 1):
        starts.append(total)
        total += length * lengths.count(length)
    counts = strings.graph.add(
        "TfIdfVectorizer",
        numbered(strings, alphabet),
        kind=Kind.FLOAT32,
        mode="TF",
        min_gram_length=min(lengths),
        max_gram_length=max(lengths),
        max_skip_count=0,
        ngram_counts=starts,
        ngram_indexes=[column for _, column in coded],
        pool_int64s=[number for gram, _ in coded for number in gram],
    )
    strings.graph.takes(width * 8)
    return counts.cast(Kind.REAL)


def _hashing(translator: "Translator", vectorizer: Any, table: Table) -> Table:
    count = int(vectorizer.n_features)
    if count > _MOST_HASHED:
        raise translator.unsupported(
            f"It gives {count:,} numbers for each text; up to {_MOST_HASHED:,} are converted, "
            f"n_features={_MOST_HASHED}."
        )
    if vectorizer.analyzer == "char_wb":
        raise translator.unsupported("Hashed char_wb has no ONNX form here; char and word have.")
    strings = _analysed(translator, vectorizer, table)
    least, most = vectorizer.ngram_range
    separator = " " if vectorizer.analyzer == "word" else ""
    parts = [_neighbours(strings, length, separator) for length in range(least, most + 1)]
    found = translator.graph.concatenate(parts)
    totals = _hashed(found, vectorizer, count)
    return _typed(vectorizer, _scaled(totals, count, vectorizer.norm), count)


def _neighbours(strings: Tensor, length: int, separator: str) -> Tensor:
    """Strings joined with those after them, "" where the row ends before."""
    graph = strings.graph
    axis = graph.constant([1], Kind.INT64)
    joined, last = strings, strings
    for offset in range(1, length):
        end = graph.constant([np.iinfo(np.int64).max], Kind.INT64)
        last = graph.add("Slice", strings, graph.constant([offset], Kind.INT64), end, axis)
        until = graph.add("Shape", last, kind=Kind.INT64, start=1, end=2)
        joined = graph.add("Slice", joined, graph.constant([0], Kind.INT64), until, axis)
        between = graph.constant(separator, Kind.STRING)
        joined = graph.add("StringConcat", graph.add("StringConcat", joined, between), last)
    return last.equals("").where(last, joined)


def _hashed(found: Tensor, vectorizer: Any, count: int) -> Tensor:
    graph = found.graph
    hashed = graph.add(
        "MurmurHash3", found, kind=Kind.INT64, domain=MICROSOFT_DOMAIN, positive=0, seed=0
    )
    hashed = graph.add("Cast", hashed, kind=Kind.INT64, to=graph.onnx_type(Kind.INT64))
    columns = graph.add("Mod", hashed.apply("Abs"), graph.constant(count, Kind.INT64))
    empty = found.equals("")
    columns = empty.where(graph.constant(count, Kind.INT64), columns)
    one = graph.constant(1.0)
    signed = (hashed >= 0).where(one, graph.constant(-1.0))
    # A text that is counted, whatever its sign, counts once where the result is binary.
    values = signed if vectorizer.alternate_sign and not vectorizer.binary else signed.apply("Abs")
    rows = graph.add("Shape", found, kind=Kind.INT64, start=0, end=1)
    shape = graph.concatenate([rows, graph.constant([count + 1], Kind.INT64)], axis=0)
    blank = graph.add("Expand", graph.constant([[0.0]]), shape)
    totals = graph.add("ScatterElements", blank, columns, values, axis=1, reduction="add")
    graph.takes((count + 1) * 8)
    start, axis = graph.constant([0], Kind.INT64), graph.constant([1], Kind.INT64)
    totals = graph.add("Slice", totals, start, graph.constant([count], Kind.INT64), axis)
    return totals.apply("Sign") if vectorizer.binary else totals


TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.CountVectorizer": _count,
    "sklearn.TfidfVectorizer": _tfidf,
    "sklearn.TfidfTransformer": _transformer,
    "sklearn.HashingVectorizer": _hashing,
}
SCORES: "dict[str, Score]" = {}
