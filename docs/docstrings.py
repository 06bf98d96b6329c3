"""What a Google-style docstring says about a class and its attributes."""

import inspect
import re


def summary(documented: type) -> str:
    """The first paragraph, on one line."""
    return " ".join(inspect.cleandoc(documented.__doc__ or "").split("\n\n")[0].split())


def attributes(documented: type) -> dict[str, str]:
    """Meaning of each attribute in the section "Attributes:"."""
    text = inspect.cleandoc(documented.__doc__ or "")
    _, _, section = text.partition("Attributes:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in entries}
