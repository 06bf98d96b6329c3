"""One result rendered for a terminal, as JSON, as Markdown or as HTML."""
