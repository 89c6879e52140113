"""What a subscription remembers of its pushes: a minute, and no more."""

from datetime import UTC, datetime

from tools.pipeline.pubsub_state import NO_ANSWER, PERIOD
from tools.standins.pubsub.model import Message
from tools.standins.pubsub.record import KEPT, DeliveryRecord

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
MESSAGE = Message(b"", {"event_id": "e"}, "", "1", AT)


def test_the_answers_of_the_period_are_counted_by_status() -> None:
    record = DeliveryRecord()
    for status, now in ((204, 0.0), (503, 0.5), (204, 30.2), (NO_ANSWER, 31.0)):
        record.answered(status, now)
    assert record.answers(31.0) == {204: 2, 503: 1, NO_ANSWER: 1}
    assert record.answers(PERIOD + 20) == {204: 1, NO_ANSWER: 1}
    assert record.answers(1_000.0) == {}
    assert record.all_answers == {204: 2, 503: 1, NO_ANSWER: 1}


def test_only_what_was_acknowledged_in_the_period_is_recent_and_at_most_a_thousand() -> None:
    record = DeliveryRecord()
    record.acknowledged(MESSAGE, 0.0, AT)
    assert len(list(record.recent(PERIOD - 1))) == 1
    assert list(record.recent(PERIOD + 1)) == []
    for _ in range(KEPT + 5):
        record.acknowledged(MESSAGE, 50.0, AT)
    assert len(list(record.recent(60.0))) == KEPT
