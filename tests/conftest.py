"""Settings for all tests."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# Wall time says nothing on a busy machine, and examples that plan over a whole catalog are large.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

# A shell starts what runs in the background with Ctrl-C ignored, which what the tests start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
