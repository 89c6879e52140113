"""For all tests: hypothesis sets no time limits, so that a busy machine fails none."""

from hypothesis import HealthCheck, Phase, settings

# The default deadline of 200 ms per example, and the limit on the time to make inputs, fail tests while the
# machine is busy with something else.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "unshrunk", settings.get_profile("patient"), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
settings.load_profile("patient")
