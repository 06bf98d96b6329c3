"""What the page of the dashboard is made of."""

from pathlib import Path

FOLDER = Path(__file__).with_name("page")
PAGE = "index.html"
# The other files, and the media type of each.
KINDS = {
    "style.css": b"text/css; charset=utf-8",
    "app.js": b"text/javascript; charset=utf-8",
    "charts.js": b"text/javascript; charset=utf-8",
    "drift.js": b"text/javascript; charset=utf-8",
    "elements.js": b"text/javascript; charset=utf-8",
    "history.js": b"text/javascript; charset=utf-8",
    "panels.js": b"text/javascript; charset=utf-8",
    "server.js": b"text/javascript; charset=utf-8",
    "trial.js": b"text/javascript; charset=utf-8",
}
# They show nothing of the models; the page asks for a key itself.
PAGE_PATHS = frozenset({"/dashboard", *(f"/dashboard/{name}" for name in KINDS)})
