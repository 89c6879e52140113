"""An instance that lives for days must not keep anything of the events that it has encoded."""

import os

from tests.support.fresh_python import printed_by
from tools.paths import ROOT

PEAK = """
import resource
from datetime import UTC, datetime
from shared.gcp.feature_store_encoding import EntityEncoder
from shared.online import OnlineFeatures

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

entry = OnlineFeatures("1-1", datetime(2026, 1, 31, tzinfo=UTC), {"event_type": "x" * 10_000})
encoder = EntityEncoder()
for _ in range(600):
    encoder.encode("1-1", [entry])
before = peak()
for _ in range(6_000):
    encoder.encode("1-1", [entry])
print(peak() / before)
"""


def test_the_encoder_keeps_no_memory_of_what_it_has_encoded() -> None:
    """Protobuf's messages do, while they live: these 60 MB would double the process."""
    (growth,) = printed_by(PEAK, os.environ | {"PYTHONPATH": str(ROOT)})
    assert float(growth) < 1.2
