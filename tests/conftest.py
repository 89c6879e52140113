"""What all tests share: hypothesis does not mind a busy machine."""

from hypothesis import settings

# Its deadline of 200 ms an example fails tests whose machine is busy with something else.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
