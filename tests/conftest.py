"""What all tests share: hypothesis does not mind a busy machine."""

from hypothesis import HealthCheck, settings

# Its deadline of 200 ms an example and its limit on the time to make inputs fail tests whose machine is busy
# with something else.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
