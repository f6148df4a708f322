"""What every runtime observes the same way: the states of models, over REST."""

from __future__ import annotations

from collections.abc import Iterable

from tfdeploy.client.status import Unreachable, get_status
from tfdeploy.plan import ObservedVersion

STATUS_TIMEOUT_SECONDS = 3.0


def model_names(models_config: str) -> list[str]:
    """The models that a models.config names; none when it can't be read."""
    from google.protobuf import text_format

    from tfdeploy import wire

    try:
        config = wire.parse_text(wire.ModelServerConfig, models_config)
    except text_format.ParseError:
        return []
    return [model.name for model in config.model_config_list.config]


def model_states(rest_url: str, models: Iterable[str]) -> dict[str, tuple[ObservedVersion, ...]]:
    """Model → its versions as the server reports them; nothing when it doesn't answer."""
    states: dict[str, tuple[ObservedVersion, ...]] = {}
    for model in models:
        try:
            found = get_status(rest_url, model, timeout_seconds=STATUS_TIMEOUT_SECONDS)
        except Unreachable:
            return {}
        states[model] = tuple(
            ObservedVersion(one.version, one.state, one.error_message if one.failed else "")
            for one in found
        )
    return states
