"""Settings for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Wall time says nothing on a busy machine, and examples that plan over a whole catalog are large.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")
