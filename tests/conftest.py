"""Hypothesis profiles: quick for developers, thorough with `pytest --hypothesis-profile=ci`."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.broker"]  # its fixtures serve tests of several folders

# No deadline: a shared machine is slow now and then, which is no fault of the code. A failure prints how to repeat it.
settings.register_profile("dev", max_examples=30, deadline=None, print_blob=True)
settings.register_profile(
    "ci", max_examples=300, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("dev")
