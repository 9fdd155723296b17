"""A cluster of three loses a node in the middle of a write: nothing is lost, and nothing is there twice."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from index.elastic import ElasticEngine
from index.engine import Document

NUMBER = 15_000
KILL_AFTER = 5_000


@pytest.mark.slow
@pytest.mark.elasticsearch
@pytest.mark.timeout(600)
def test_a_cluster_that_loses_a_node_during_a_write_loses_no_document(
    elasticsearch_cluster: Callable[[int], list[Any]],
) -> None:
    nodes = elasticsearch_cluster(3)
    engine = ElasticEngine(",".join(node.url for node in nodes), "cluster", timeout_s=60)
    engine.write("positions", [{"id": "first", "text": "avant"}])
    holder = primary_of("cluster-positions", engine)
    killer = threading.Thread(target=nodes[holder].kill)

    def documents() -> Iterator[Document]:
        for number in range(NUMBER):
            if number == KILL_AFTER:
                killer.start()
            yield {"id": f"n{number}", "epoch": number, "text": "la retraite à soixante ans", "stance": "favour"}

    written = engine.write("positions", documents())
    killer.join()
    assert (written.count, written.refused) == (NUMBER, [])
    assert engine.count("positions") == NUMBER + 1
    epochs = [one["epoch"] for one in engine.scan("positions", fields=["epoch"]) if "epoch" in one]
    assert sorted(epochs) == list(range(NUMBER))
    answer = engine.aggregate("positions", {"ids": {"value_count": {"field": "id"}}})
    assert answer == {"ids": {"value": NUMBER + 1}}


def primary_of(alias: str, engine: ElasticEngine) -> int:
    """Number of the node that holds the primary shard, once its copy is there too: to lose this one hurts most."""
    client = engine._client
    client.cluster.health(index=alias, wait_for_status="green", timeout="60s")
    shards = client.cat.shards(index=alias, h="prirep,node", format="json").body
    return next(int(shard["node"].removeprefix("node-")) for shard in shards if shard["prirep"] == "p")
