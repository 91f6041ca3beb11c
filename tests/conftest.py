"""Profiles of hypothesis: always the same examples, so that a failure is found again anywhere.

Making a failing example smaller can take minutes, so that is done on request: ``pytest --hypothesis-profile=shrink``.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

# Captures are large examples by nature; how long one takes says nothing, since the oracle is slow on purpose.
_COMMON: dict[str, Any] = {
    "derandomize": True,
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
_QUICK = (Phase.explicit, Phase.generate)
settings.register_profile("dev", max_examples=100, phases=_QUICK, **_COMMON)
settings.register_profile("ci", max_examples=100, phases=_QUICK, **_COMMON)
settings.register_profile("asan", max_examples=20, phases=_QUICK, **_COMMON)
settings.register_profile("shrink", max_examples=100, **_COMMON)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
