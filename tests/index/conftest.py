"""Both engines, for real, each test on its own collections."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from index.elastic import ElasticEngine
from index.embedded import EmbeddedEngine
from index.engine import Engine

BOTH = ["embedded", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)]


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty engine; each test that asks for it runs on both."""
    if request.param == "embedded":
        yield EmbeddedEngine(tmp_path / "index")
    else:
        yield from temporary_elastic(request.getfixturevalue("elasticsearch_url"))


@pytest.fixture(scope="module")
def elastic(elasticsearch_url: str) -> Iterator[Engine]:
    """An Elasticsearch engine that the tests of a module share."""
    yield from temporary_elastic(elasticsearch_url)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An embedded engine that the tests of a module share."""
    return EmbeddedEngine(tmp_path_factory.mktemp("shared") / "index")


def temporary_elastic(url: str) -> Iterator[Engine]:
    prefix = f"test-{uuid4().hex[:12]}"
    engine = ElasticEngine(url, prefix)
    yield engine
    engine.close()
    with Elasticsearch(url) as client:
        if made := list(client.indices.get(index=f"{prefix}-*").body):
            client.indices.delete(index=made)
