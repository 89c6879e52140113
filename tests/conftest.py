"""For all tests: what the machine or the terminal that runs them is like decides nothing."""

import os
import signal

from hypothesis import HealthCheck, Phase, settings

from tools.proxies import keep_loopback_direct

# The default deadline of 200 ms per example, and the limit on the time to make inputs, fail tests while the
# machine is busy with something else.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "unshrunk", settings.get_profile("patient"), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
settings.register_profile("thorough", settings.get_profile("patient"), max_examples=2_000)
settings.load_profile("patient")

# A width that somebody exported wraps tables.
os.environ.pop("COLUMNS", None)

# Services are on loopback, where a proxy leads nowhere.
keep_loopback_direct()

# A shell ignores Ctrl-C for what it starts in the background, and the processes that tests start inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
