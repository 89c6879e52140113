"""What a replay says when it can't be recorded."""

import pytest

from tools.errors import CommandError
from tools.replay.items import of_line
from tools.replay.journal import REPLAY, Journal
from tools.replay.targets import Sent


def test_a_journal_that_is_away_is_named_and_no_redelivery_is_promised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", "127.0.0.1:1")
    sent = Sent(of_line(b'{"event_id": "a"}', "file:1"), message_id="1")
    with Journal("p", "d", REPLAY) as journal, pytest.raises(CommandError) as raised:
        journal.note([sent], ["projects/p/topics/t"])
    said = str(raised.value)
    assert said.startswith(
        "1 events were published but could not be recorded in p.d.replays (BigQuery took no"
    )
    assert said.endswith("): sending them again would change no count")
    assert "deliver" not in said
