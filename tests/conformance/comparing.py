"""Whether a reply means the same as the recorded one.

Same status or gRPC code; JSON equal with a float tolerance; error texts only where the case says
`message_exact`.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

RELATIVE = 1e-6
# One model's matrix products differ in the last bits from one CPU type to the next.
CPU_DEPENDENT_MODEL = "mlp"
CPU_DEPENDENT_RELATIVE = 1e-5


def same_json(want: Any, got: Any, relative: float = RELATIVE) -> bool:
    """Structural equality, 1 and 1.0 being equal."""
    if isinstance(want, bool) or isinstance(got, bool):
        return want is got
    if isinstance(want, int) and isinstance(got, int):
        return want == got
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return _same_float(float(want), float(got), relative)
    if type(want) is not type(got):
        return False
    if isinstance(want, list):
        pairs = zip(want, got, strict=False)
        return len(want) == len(got) and all(same_json(a, b, relative) for a, b in pairs)
    if isinstance(want, dict):
        return want.keys() == got.keys() and all(
            same_json(want[key], got[key], relative) for key in want
        )
    return bool(want == got)


def _same_float(want: float, got: float, relative: float) -> bool:
    if math.isnan(want) or math.isnan(got):
        return math.isnan(want) and math.isnan(got)
    if math.isinf(want) or math.isinf(got):
        return want == got
    return math.isclose(want, got, rel_tol=relative)


def _tolerance(case: Mapping[str, Any]) -> float:
    mentions = CPU_DEPENDENT_MODEL in json.dumps(case.get("request", ""))
    return CPU_DEPENDENT_RELATIVE if mentions else RELATIVE


def _parse(text: str) -> tuple[bool, Any]:
    try:
        return True, json.loads(text)
    except ValueError:
        return False, None


def _media_type(reply: Mapping[str, Any]) -> str:
    return str(reply.get("headers", {}).get("Content-Type", "")).split(";")[0]


def _same_headers(want: Mapping[str, Any], got: Mapping[str, Any], case: Mapping[str, Any]) -> bool:
    if case.get("content_type", True) and _media_type(want) != _media_type(got):
        return False
    return all(
        got["headers"].get(name) == value
        for name, value in want.get("headers", {}).items()
        if name.lower().startswith("access-control")
    )


def same_rest(want: Mapping[str, Any], got: Mapping[str, Any], case: Mapping[str, Any]) -> bool:
    """Compare two REST replies as `calling.call_rest` returns them."""
    if "error" in want or "error" in got:
        return "error" in want and "error" in got
    if want["status"] != got["status"] or not _same_headers(want, got, case):
        return False
    if case.get("body_free") or (want["status"] >= 400 and not case.get("message_exact")):
        return True
    if "body_b64" in want:
        return bool(want["body_b64"] == got.get("body_b64"))
    if "body" not in got:
        return False
    is_json, expected = _parse(want["body"])
    if not is_json:
        return bool(want["body"] == got["body"])
    got_json, actual = _parse(got["body"])
    return got_json and same_json(expected, actual, _tolerance(case))


def _sorted_lists(value: Any, fields: list[str]) -> Any:
    """Repeated fields that the original fills from a hash map come in any order."""
    if isinstance(value, list):
        return [_sorted_lists(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    done = {key: _sorted_lists(item, fields) for key, item in value.items()}
    for name in fields:
        if isinstance(done.get(name), list):
            done[name] = sorted(done[name], key=lambda item: json.dumps(item, sort_keys=True))
    return done


def same_grpc(want: Mapping[str, Any], got: Mapping[str, Any], case: Mapping[str, Any]) -> bool:
    """Compare two gRPC replies as `calling.GrpcCaller.call` returns them."""
    if want["code"] != got["code"]:
        return False
    text_counts = case.get("message_exact") and want["code"] != "DEADLINE_EXCEEDED"
    if text_counts and got["message"] not in (want["message"], *case.get("also", [])):
        return False
    if "bytes_b64" in want:
        return bool(want["bytes_b64"] == got.get("bytes_b64"))
    free = case.get("unordered", [])
    expected, actual = _sorted_lists(want.get("json"), free), _sorted_lists(got.get("json"), free)
    return same_json(expected, actual, _tolerance(case))
