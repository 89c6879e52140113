"""Would the current code accept this event? The functions' logic answers, without their services. Pure."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from functions.features.writing import item_of
from functions.parse.decoding import Decoder
from shared.dead_letters.record import read_hints
from shared.errors import Reject
from shared.events import encode, read
from shared.message import Message
from shared.settings import FeaturesSettings, ParseSettings
from shared.tables.columns import REALTIME_FEATURES
from shared.tables.rows import encode as encode_row
from tools.pipeline.settings import settings_of
from tools.replay.items import Item


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules of this checkout, with this environment's settings (MAX_EVENT_BYTES, MAX_FUTURE …)."""

    decoder: Decoder
    zone: ZoneInfo

    def refusal(self, item: Item, data: bytes, now: datetime) -> str | None:
        """Why the event would be rejected again with this data; None when it would be accepted."""
        event_id = read_hints(item.data).event_id
        if event_id is not None and read_hints(data).event_id != event_id:
            return f"the edit changes event_id, which was {event_id}: it would be another event"
        message = Message(data, item.event_id, item.outgoing_attributes(), now, "", None)
        try:
            if item.stage == "parse":
                event, _ = self.decoder.decode(message, now)
                message = Message(encode(event), item.event_id, {}, now, "", None)
            read(message.data)
            encode_row(REALTIME_FEATURES, {**item_of(message, self.zone).row, "is_late": False})
        except Reject as reject:
            return f"{reject.error_type.value}: {reject}"
        return None


def judge(project: str) -> Judge:
    """With the settings that the functions would have in this environment."""
    parse, features = settings_of(ParseSettings, project), settings_of(FeaturesSettings, project)
    return Judge(Decoder.of(parse), features.feature_timezone)
