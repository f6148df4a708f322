"""How long hypothesis tries: the same examples on each run, so that CI is stable."""

from hypothesis import HealthCheck, settings


def bounded(examples: int) -> settings:
    """That many examples, always the same ones, however slow the machine."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
