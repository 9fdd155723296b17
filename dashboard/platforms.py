"""Names of sources as a person reads them: a platform with its capital, a simulated one said to be so."""

PLATFORMS = {
    "bluesky": "Bluesky",
    "capcollectif": "Cap Collectif",
    "decidim": "Decidim",
    "granddebat": "Grand débat national",
    "lemmy": "Lemmy",
    "mastodon": "Mastodon",
    "peertube": "PeerTube",
    "polis": "Polis",
    "press": "Presse",
    "reddit": "Reddit",
    "youtube": "YouTube",
}
SIMULATED = "simulated-"


def is_simulated(source: str) -> bool:
    """Whether a source is the small world of the simulator."""
    return source.startswith(SIMULATED)


def named(source: str) -> str:
    """« simulated-mastodon » -> « Mastodon (simulé) »; a source that is no known platform keeps its own name."""
    slug = source.removeprefix(SIMULATED)
    name = PLATFORMS.get(slug, slug)
    return f"{name} (simulé)" if is_simulated(source) else name
