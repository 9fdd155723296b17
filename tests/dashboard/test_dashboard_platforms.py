"""Names of platforms, real and simulated."""

import pytest

from dashboard.platforms import named


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("mastodon", "Mastodon"),
        ("simulated-mastodon", "Mastodon (simulé)"),
        ("simulated-capcollectif", "Cap Collectif (simulé)"),
        ("mairie-exemple", "mairie-exemple"),
    ],
)
def test_named(source, name):
    assert named(source) == name
