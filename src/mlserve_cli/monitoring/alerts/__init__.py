"""Alerts: rules over what a server measures, and whom to tell when they hold or cease to."""
