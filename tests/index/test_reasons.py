"""What a server says of a refusal is kept in quarantine and logs, so it may not quote what was written."""

from typing import Any

import pytest

from index.elastic import _reason

PARSING = "document_parsing_exception"


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (
            {"error": {
                "type": PARSING,
                "reason": "[1:29] failed to parse field [reach] of type [long] in document with id 'a1'."
                " Preview of field's value: 'un secret'",
                "caused_by": {"type": "illegal_argument_exception", "reason": 'For input string: "un secret"'},
            }},
            f"field 'reach': {PARSING}",
        ),
        (
            {"error": {
                "type": "illegal_argument_exception",
                "reason": 'Document contains at least one immense term in field="source", first: un secret',
            }},
            "field 'source': illegal_argument_exception",
        ),
        ({"error": {"type": PARSING, "reason": "Preview of field's value: 'field [secret]'"}}, PARSING),
        ({"error": {"type": "unavailable_shards_exception"}}, "unavailable_shards_exception"),
        ({"error": "un secret"}, "refused by Elasticsearch"),
        ({}, "refused by Elasticsearch"),
    ],
)  # fmt: skip
def test_a_reason_says_the_type_and_the_field_only(done: dict[str, Any], expected: str) -> None:
    assert _reason(done) == expected
