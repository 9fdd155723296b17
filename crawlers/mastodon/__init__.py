"""Mastodon: one status of a public timeline."""
