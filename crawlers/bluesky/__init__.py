"""Bluesky: one event of the Jetstream."""
