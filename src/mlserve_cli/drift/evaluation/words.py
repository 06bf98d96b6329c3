"""What changed in a column, as a person would say it."""

from mlserve_cli.drift.evaluation.numeric import quantiles
from mlserve_cli.drift.evaluation.pair import CategoryPair, NumberPair
from mlserve_cli.drift.evaluation.shares import only_on_one_side, range_words, share
from mlserve_cli.drift.report import Check, OutOfRange

# Changes smaller than these are not worth a word: of the median in interquartile ranges, of the
# interquartile range as a ratio, of shares.
_MEDIAN = 0.02
_SPREAD = 1.15
_SHARE = 0.01


def direction_of_numbers(
    pair: NumberPair, beyond: OutOfRange | None, significant: list[Check]
) -> str:
    """Such as `median 12.1 -> 14.9; 8 % of values above the reference's maximum`."""
    parts = []
    if _distribution_in(significant):
        parts += _middle_and_spread(pair)
    told_already = [check.detail for check in significant if check.name == "out_of_range"]
    if not told_already and parts and beyond is not None and beyond.share >= _SHARE:
        parts.append(range_words(beyond))
    parts += [check.detail for check in significant if check.detail]
    return "; ".join(parts) or "the shape of the distribution"


def _distribution_in(checks: list[Check]) -> bool:
    return any(check.name == "distribution" for check in checks)


def _middle_and_spread(pair: NumberPair) -> list[str]:
    low, median, high = quantiles(pair.reference, (0.25, 0.5, 0.75))
    new_low, new_median, new_high = quantiles(pair.current, (0.25, 0.5, 0.75))
    parts = []
    spread, new_spread = high - low, new_high - new_low
    if abs(new_median - median) > _MEDIAN * spread:
        parts.append(f"median {_pair(median, new_median)}")
    if max(spread, new_spread) > _SPREAD * min(spread, new_spread):
        parts.append(f"interquartile range {_pair(spread, new_spread)}")
    return parts


def _pair(before: float, after: float) -> str:
    """Both numbers with as many digits as it takes to tell them apart."""
    for digits in range(3, 17):
        texts = f"{before:.{digits}g}", f"{after:.{digits}g}"
        if texts[0] != texts[1]:
            break
    # Rounded, and then written without an exponent as far as that is easier to read.
    return " -> ".join(f"{float(text):,.15g}" for text in texts)


def direction_of_categories(pair: CategoryPair, significant: list[Check]) -> str:
    """Such as `'A' 30 % -> 12 %; 4.0 % of rows in 1 new category: 'D'`."""
    parts = []
    if _distribution_in(significant) and pair.listed.labels:
        parts += _largest_change(pair, significant)
    parts += [check.detail for check in significant if check.detail]
    _, count, fraction = only_on_one_side(pair.table, current=False)
    if parts and pair.table.labels and fraction >= _SHARE:
        parts.append(f"{count} of the reference's categories gone ({share(fraction)} of its rows)")
    return "; ".join(parts) or "the shares of many categories"


def _largest_change(pair: CategoryPair, significant: list[Check]) -> list[str]:
    before = pair.listed.reference / pair.table.reference.sum()
    after = pair.listed.current / pair.table.current.sum()
    place = int(abs(after - before).argmax())
    # A new category is told by its own check.
    if not before[place] and any(check.name == "new_categories" for check in significant):
        return []
    if abs(after[place] - before[place]) < _SHARE:
        return []
    change = f"{share(float(before[place]))} -> {share(float(after[place]))}"
    return [f"{pair.listed.labels[place]!r} {change}"]
