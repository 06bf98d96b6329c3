"""From model.fit to a monitored production service, from the command line."""
