"""The files of the tutorial: a training script and the Palmer penguins.

`penguins.csv` holds 344 penguins measured from 2007 to 2009 around Palmer Station, Antarctica, CC0:
Gorman KB, Williams TD, Fraser WR (2014), Ecological Sexual Dimorphism and Environmental Variability
within a Community of Antarctic Penguins (Genus Pygoscelis), PLoS ONE 9(3): e90081,
https://doi.org/10.1371/journal.pone.0090081; prepared by Allison Horst, Alison Hill and Kristen
Gorman, https://allisonhorst.github.io/palmerpenguins/.
"""

from importlib.resources import files
from pathlib import Path

TRAIN_SCRIPT = "train.py"
PAST = "penguins_2007_2008.csv"
PRESENT = "penguins_2009.csv"


def write_demo_files(folder: Path) -> None:
    """Writes the training script, the penguins of 2007 and 2008 and those of 2009."""
    package = files(__name__)
    header, *rows = package.joinpath("penguins.csv").read_text(encoding="utf-8").splitlines()
    for name, years in ((PAST, ("2007", "2008")), (PRESENT, ("2009",))):
        chosen = [row for row in rows if row.endswith(years)]
        (folder / name).write_text("\n".join([header, *chosen]) + "\n", encoding="utf-8")
    script = package.joinpath(TRAIN_SCRIPT).read_text(encoding="utf-8")
    (folder / TRAIN_SCRIPT).write_text(script, encoding="utf-8")
