"""What a stack file may say: one class per block, every field checked on its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

from tfdeploy.savedmodel.names import MODEL_NAME, MODEL_NAME_RULE

DEFAULT_IMAGE = "tensorflow/serving:2.20.0"
REST_PORT = 8501
GRPC_PORT = 8500

_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_UNITS |= {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_bytes(text: str | int) -> int:
    """``4GiB`` to a number of bytes.

    Raises:
        ValueError: not a number with one of the units B, KiB, MiB, GiB, TiB, kB, MB, GB, TB.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(text))
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError("write a size such as 512MiB or 4GiB")
    return int(Fraction(match[1]) * _UNITS[match[2].upper()])


def _name(pattern: str, rule: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"{value!r} isn't a name that works here: {rule}")
        return value

    return AfterValidator(check)


StackName = Annotated[
    StrictStr,
    _name(
        # Docker has networks of these names already.
        r"(?!(?:bridge|host|none|default)\Z)[a-z0-9][a-z0-9_-]*",
        "lower-case letters, digits, - and _, starting with no sign, and none of Docker's own "
        "network names",
    ),
]
ServiceName = Annotated[
    StrictStr,
    _name(
        r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        "it is a DNS name: lower-case letters, digits and -, at most 63",
    ),
]
ModelName = Annotated[StrictStr, _name(MODEL_NAME, MODEL_NAME_RULE)]
VariableName = Annotated[
    StrictStr, _name(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _, starting with no digit")
]
LabelName = Annotated[StrictStr, _name(r"[A-Za-z0-9_]+", "letters, digits and _")]
VersionNumber = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]
# Strict: `true` is no 1.
PositiveInt = Annotated[StrictInt, Field(gt=0, le=2**63 - 1)]


def _read_flag(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("write true, false, a number or a text")
    return value


FlagValue = Annotated[bool | int | float | str, BeforeValidator(_read_flag)]


def _empty_is_default(value: object) -> object:
    return {} if value is None else value


class Block(BaseModel):
    """A block of the stack file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Latest(Block):
    """Serve the N highest version numbers."""

    latest: Annotated[PositiveInt, Field(le=2**32 - 1)] = 1


class Specific(Block):
    """Serve exactly these version numbers."""

    specific: Annotated[list[VersionNumber], Field(min_length=1)]


VersionPolicy = Literal["all"] | Latest | Specific


def _read_policy(value: object) -> object:
    """Pick the policy by its key, so that one message is enough when it is wrong."""
    if isinstance(value, Mapping) and len(value) == 1:
        (key, inner), *_ = value.items()
        if key == "latest":
            return Latest.model_validate({"latest": inner})
        if key == "specific":
            return Specific.model_validate({"specific": inner})
    if value == "all" or isinstance(value, Latest | Specific):
        return value
    raise ValueError("write {latest: N}, all, or {specific: [3, 4]}")


def _read_json(value: object) -> object:
    """What a request or an answer is made of; a text alone names a file."""
    if value is None or isinstance(value, str | Mapping | list):
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"it can't be written as JSON ({error}); name a file") from error
        return value
    raise ValueError("write a request as JSON has it, or the path of a JSON file")


class Check(Block):
    """A request that a version answers before a label moves to it."""

    request: Annotated[Any, BeforeValidator(_read_json)]
    expected: Annotated[Any, BeforeValidator(_read_json)] = None
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-3
    signature: StrictStr | None = None


class ServedModel(Block):
    """A model of a service: which versions it serves, under which labels, and what they answer."""

    path: StrictStr | None = None
    versions: Annotated[VersionPolicy, BeforeValidator(_read_policy)] = Latest()
    labels: dict[LabelName, VersionNumber] = {}
    checks: list[Check] = []

    @field_validator("path")
    @classmethod
    def _below_models_dir(cls, value: str | None) -> str | None:
        if value is not None and (value.startswith("/") or ".." in value.split("/")):
            raise ValueError("the path is relative to models_dir and stays below it")
        return value


def _read_device(value: object) -> object:
    index = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not index and not (isinstance(value, str) and value):
        raise ValueError("write a device's index, such as 0, or its UUID")
    return value


AUTO = "auto"
PER_GPU = "per-gpu"


def _read_size(value: object) -> object:
    """A size as a number of bytes; a field with nothing behind it is left out."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | None):
        raise ValueError("write a size such as 512MiB or 4GiB")
    return None if value is None else parse_bytes(str(value))


def _read_memory(value: object) -> object:
    return value if value is None or value == AUTO else _read_size(value)


class GpuShare(Block):
    """A share of one device's memory, for one service: a fraction, a size, or what it needs."""

    device: Annotated[int | str, BeforeValidator(_read_device)] = 0
    memory_fraction: Annotated[StrictFloat, Field(gt=0, le=1)] | None = None
    memory: Annotated[int | Literal["auto"] | None, BeforeValidator(_read_memory)] = None
    growth: StrictBool = False
    activations: Annotated[int | None, BeforeValidator(_read_size)] = None
    replicas: Literal["per-gpu"] | None = None
    required: StrictBool = True

    @property
    def is_settled(self) -> bool:
        """Whether device and fraction are told; else it takes an inventory to tell them."""
        return self.memory_fraction is not None and self.device != AUTO and not self.replicas

    @model_validator(mode="after")
    def _one_size(self) -> GpuShare:
        if (self.memory_fraction is None) == (self.memory is None):
            raise ValueError(
                "write one of memory_fraction: 0.4, memory: 6GiB and memory: auto; without a "
                "share the server would take the whole device"
            )
        if isinstance(self.memory, int) and self.memory <= 0:
            raise ValueError("memory: write a size above 0")
        if self.replicas and "device" in self.model_fields_set and self.device != AUTO:
            raise ValueError("replicas: per-gpu takes every device; leave `device:` out")
        return self


def _read_gpu(value: object) -> object:
    return {"device": AUTO, "memory": AUTO} if value == AUTO else value


class Batching(Block):
    """BatchingParameters (tensorflow_serving/servables/tensorflow/session_bundle_config.proto)."""

    max_batch_size: PositiveInt = 1000
    batch_timeout_micros: Annotated[StrictInt, Field(ge=0)] = 0
    max_enqueued_batches: PositiveInt = 10
    num_batch_threads: PositiveInt | None = None
    allowed_batch_sizes: list[PositiveInt] = []
    pad_variable_length_inputs: StrictBool = False
    enable_large_batch_splitting: StrictBool = False
    max_execution_batch_size: PositiveInt | None = None

    @model_validator(mode="after")
    def _what_breaks_the_server(self) -> Batching:
        sizes = self.allowed_batch_sizes
        if sizes and (sizes != sorted(set(sizes)) or sizes[-1] != self.max_batch_size):
            raise ValueError(
                "allowed_batch_sizes must rise and end with max_batch_size "
                f"({self.max_batch_size}); otherwise every load fails"
            )
        if self.max_execution_batch_size is not None:
            if not self.enable_large_batch_splitting:
                raise ValueError("max_execution_batch_size needs enable_large_batch_splitting")
            if self.max_execution_batch_size > self.max_batch_size:
                raise ValueError("max_execution_batch_size above max_batch_size crashes the server")
        return self


def _read_publish(value: object) -> object:
    """``8501`` and ``0.0.0.0:8501`` both become (address, port); a pair stays one."""
    if isinstance(value, tuple) and len(value) == 2:
        value = f"{value[0]}:{value[1]}"
    address, _, port = str(value).rpartition(":")
    if isinstance(value, bool) or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("write a host port such as 8501, or an address and port: 0.0.0.0:8501")
    return (address or "127.0.0.1", int(port))


HostPort = Annotated[tuple[str, int], BeforeValidator(_read_publish)]
ANY_PORT = ("127.0.0.1", 0)


class Publish(Block):
    """Ports on the host; one that isn't named gets a free port on 127.0.0.1."""

    rest: HostPort = ANY_PORT
    grpc: HostPort = ANY_PORT


class Resources(Block):
    """Limits of one service."""

    cpus: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    memory: Annotated[int, BeforeValidator(parse_bytes), Field(gt=0, lt=2**63)] | None = None


class Service(Block):
    """One tensorflow_model_server with a DNS name on the stack's network."""

    image: StrictStr | None = None
    models: Annotated[
        dict[ModelName, Annotated[ServedModel, BeforeValidator(_empty_is_default)]],
        BeforeValidator(_empty_is_default),
    ] = {}
    gpu: Annotated[GpuShare, BeforeValidator(_read_gpu)] | None = None
    batching: Annotated[Batching, BeforeValidator(_empty_is_default)] | None = None
    publish: Annotated[Publish, BeforeValidator(_empty_is_default)] = Publish()
    resources: Annotated[Resources, BeforeValidator(_empty_is_default)] = Resources()
    user: StrictStr | None = None
    strategy: Literal["beside", "recreate"] = "beside"
    environment: Annotated[dict[VariableName, StrictStr], BeforeValidator(_empty_is_default)] = {}
    aliases: list[ServiceName] = []
    flags: Annotated[dict[str, FlagValue], BeforeValidator(_empty_is_default)] = {}

    @model_validator(mode="before")
    @classmethod
    def _batching_given_empty(cls, data: Any) -> Any:
        # `batching:` with nothing behind it asks for batching with the defaults.
        if isinstance(data, Mapping) and "batching" in data and data["batching"] is None:
            return {**data, "batching": {}}
        return data


DEFAULT_GATEWAY_IMAGE = "nginx:1.29.4-alpine"


class Tls(Block):
    """Certificate chain and key of the entry port, in PEM; relative to the stack's folder."""

    certificate: StrictStr
    key: StrictStr


class Gateway(Block):
    """nginx before the services: one entry port, and changes without a lost request."""

    image: StrictStr = DEFAULT_GATEWAY_IMAGE
    publish: HostPort = ANY_PORT
    default_service: ServiceName | None = None
    tls: Tls | None = None
    api_keys: StrictStr | None = None
    basic_auth: StrictStr | None = None
    body_limit: Annotated[int, BeforeValidator(parse_bytes), Field(gt=0, lt=2**63)] = 2**26
    concurrency: PositiveInt | None = None
    retry_after_seconds: PositiveInt = 1
    drain_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 10.0
    request_log: StrictBool = True

    @model_validator(mode="after")
    def _one_way_in(self) -> Gateway:
        if self.api_keys and self.basic_auth:
            raise ValueError("write api_keys or basic_auth, not both")
        return self


class Stack(Block):
    """One deployable unit: services and their models."""

    stack: StackName
    image: StrictStr = DEFAULT_IMAGE
    models_dir: StrictStr = "../../models"
    runtime: Literal["docker", "process"] | None = None
    gateway: Annotated[Gateway, BeforeValidator(_empty_is_default)] | None = None
    placement: Literal["pack", "spread"] = "pack"
    services: Annotated[
        dict[ServiceName, Annotated[Service, BeforeValidator(_empty_is_default)]],
        BeforeValidator(_empty_is_default),
    ] = {}

    @model_validator(mode="before")
    @classmethod
    def _gateway_given_empty(cls, data: Any) -> Any:
        # `gateway:` with nothing behind it asks for one with the defaults.
        if isinstance(data, Mapping) and "gateway" in data and data["gateway"] is None:
            return {**data, "gateway": {}}
        return data

    def image_of(self, name: str) -> str:
        """The service's own image, or the stack's; its -gpu twin for a service with a GPU."""
        service = self.services[name]
        if service.image:
            return service.image
        if service.gpu and not self.image.endswith("-gpu") and "@" not in self.image:
            return f"{self.image}-gpu"
        return self.image

    def goes_beside(self, name: str) -> bool:
        """Whether a new server of a service starts beside the old one.

        It takes a gateway to switch, and host ports that two servers can have: free ones.
        """
        service = self.services.get(name)
        if self.gateway is None or service is None or service.strategy == "recreate":
            return False
        return not service.publish.rest[1] and not service.publish.grpc[1]
