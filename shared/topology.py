"""The names of the functions, topics and subscriptions, declared once; tests check Terraform against them."""

FUNCTIONS = ("parse", "features", "aggregate", "deadletter")
"""In the order in which an event meets them; `deadletter` records what the others reject."""

EVENTS_TOPIC = "dashboard-events"
PARSED_TOPIC = "dashboard-events-parsed"
DEAD_LETTER_TOPIC = "dashboard-events-dead-letter"
MONITOR = "monitor"
"""Reads EVENTS_TOPIC beside `parse`: a pull subscription for inspecting the raw stream."""

PUSHED = {"parse": EVENTS_TOPIC, "features": PARSED_TOPIC, "deadletter": DEAD_LETTER_TOPIC}
"""Function to the topic whose messages are pushed to it, or which it pulls; a scheduler calls `aggregate`."""

REGION = "europe-west2"
DATASET = "cqc_dataset"
ONLINE_STORE = "cqc_feature_store"
FEATURE_VIEW = "location_features"


def topic_path(project: str, topic: str) -> str:
    """The full name of a topic, given its short or full name."""
    return topic if topic.startswith("projects/") else f"projects/{project}/topics/{topic}"


def topic_paths(project: str) -> dict[str, str]:
    """The full names of the topics, by their role: events, parsed and dead_letter."""
    names = {"events": EVENTS_TOPIC, "parsed": PARSED_TOPIC, "dead_letter": DEAD_LETTER_TOPIC}
    return {role: topic_path(project, name) for role, name in names.items()}


def subscription_name(topic: str, reader: str) -> str:
    """The name of the subscription through which `reader` reads `topic`; short or full as `topic` is."""
    return f"{topic.replace('/topics/', '/subscriptions/')}-{reader}"


def subscription_path(project: str, subscription: str) -> str:
    """The full name of a subscription, given its short or full name."""
    is_full = subscription.startswith("projects/")
    return subscription if is_full else f"projects/{project}/subscriptions/{subscription}"


SUBSCRIPTIONS = {function: subscription_name(topic, function) for function, topic in PUSHED.items()}
"""Function to the name of the subscription that feeds it."""


def short_name(path: str) -> str:
    """A topic's or a subscription's, given its short or full name."""
    return path.rpartition("/")[2]


def feature_view_path(project: str, region: str) -> str:
    """The full name of the feature view."""
    store = f"projects/{project}/locations/{region}/featureOnlineStores/{ONLINE_STORE}"
    return f"{store}/featureViews/{FEATURE_VIEW}"
