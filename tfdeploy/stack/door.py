"""The gateway's block of a stack file: what can't work, and the files of keys that it names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfdeploy.errors import TfdeployError, raise_all
from tfdeploy.stack.file import StackFile
from tfdeploy.stack.schema import Gateway

RESERVED = "gateway"
_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}")
_CLIENT = re.compile(r"[A-Za-z0-9._@-]{1,64}")
# What auth_basic_user_file of nginx takes: crypt, apr1 and LDAP's schemes, never plain text.
_USER = re.compile(r"[^:\s]+:(\$|\{SHA\}|\{SSHA\}|[A-Za-z0-9./]{13}$)")


def check_gateway(file: StackFile) -> Iterator[TfdeployError]:
    """Every problem of the gateway's block that the stack file alone shows."""
    gateway = file.stack.gateway
    if gateway is None:
        return
    if RESERVED in file.stack.services:
        yield TfdeployError(
            "TFD240",
            f"A service can't be called '{RESERVED}' in a stack that has a gateway.",
            where=file.where("services", RESERVED),
            hint="give the service another name.",
        )
    wanted = gateway.default_service
    if wanted is not None and wanted not in file.stack.services:
        yield TfdeployError(
            "TFD240",
            f"default_service names '{wanted}', which the stack doesn't have.",
            where=file.where("gateway", "default_service"),
            hint=f"services of the stack: {', '.join(file.stack.services) or 'none'}.",
        )


def read_secrets(file: StackFile) -> dict[str, str]:
    """Name → text of the files that nginx reads and nobody else: certificate, key, users, API keys.

    Raises:
        TfdeployError: TFD241 for each file that is missing or says nothing usable.
    """
    gateway = file.stack.gateway
    if gateway is None:
        return {}
    errors: list[TfdeployError] = []
    found: dict[str, str] = {}
    for name, key, told in _named(gateway):
        text = _read(file, key, told, errors)
        if text is not None:
            found[name] = text
    if "users" in found:
        errors += _check_users(found["users"], file.where("gateway", "basic_auth"))
    if "keys" in found:
        where = file.where("gateway", "api_keys")
        found["keys"] = _keys_map(parse_keys(found["keys"], where, errors))
    errors += _check_pem(found, file)
    raise_all(errors)
    return found


def parse_keys(text: str, where: str, errors: list[TfdeployError]) -> dict[str, str]:
    """Key → client of a file with lines ``CLIENT KEY``; what is wrong is added to ``errors``."""
    keys: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        # The key itself is never shown.
        if len(words) != 2 or not _CLIENT.fullmatch(words[0]) or not _KEY.fullmatch(words[1]):
            errors.append(_bad_line(where, number))
        else:
            keys[words[1]] = words[0]
    if not keys and not errors:
        errors.append(
            TfdeployError(
                "TFD241",
                "The file of API keys holds none, so nobody could pass.",
                where=where,
                hint="write one `CLIENT KEY` on each line; `openssl rand -hex 24` makes a key.",
            )
        )
    return keys


def secrets_config(secrets: Mapping[str, str], config_hash: str) -> str:
    """The text of secrets.conf: what the config is known by, and which key is whose."""
    lines = [f'map $host $tfdeploy_config {{ default "{config_hash}"; }}']
    if "keys" in secrets:
        lines.append(secrets["keys"])
    return "\n".join(lines) + "\n"


def _named(gateway: Gateway) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(name for nginx, key path in the stack file, path as written) of each file."""
    if gateway.tls is not None:
        yield "tls.crt", ("gateway", "tls", "certificate"), gateway.tls.certificate
        yield "tls.key", ("gateway", "tls", "key"), gateway.tls.key
    if gateway.api_keys is not None:
        yield "keys", ("gateway", "api_keys"), gateway.api_keys
    if gateway.basic_auth is not None:
        yield "users", ("gateway", "basic_auth"), gateway.basic_auth


def _read(
    file: StackFile, key: tuple[str, ...], told: str, errors: list[TfdeployError]
) -> str | None:
    path = Path(os.path.abspath(file.folder / told))
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it isn't text"
        errors.append(
            TfdeployError(
                "TFD241",
                f"The gateway's file {told} can't be read: {why}.",
                where=f"{path} ({file.where(*key)})",
                hint="paths are relative to the stack's folder.",
            )
        )
        return None


def _bad_line(where: str, number: int) -> TfdeployError:
    return TfdeployError(
        "TFD241",
        f"Line {number} of the API keys isn't `CLIENT KEY`.",
        where=where,
        hint="a client is a word, a key 16 to 512 letters, digits and . _ ~ + / = -; for example "
        "`openssl rand -hex 24`.",
    )


def _check_users(text: str, where: str) -> Iterator[TfdeployError]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or not all(_USER.match(line) for line in lines):
        yield TfdeployError(
            "TFD241",
            "The file of users isn't one of `USER:HASH` lines.",
            where=where,
            hint="`htpasswd -c FILE USER` or `printf 'USER:%s\\n' \"$(openssl passwd -apr1)\"` "
            "writes one.",
        )


def _check_pem(found: Mapping[str, str], file: StackFile) -> Iterator[TfdeployError]:
    for name, field, mark in (
        ("tls.crt", "certificate", "-----BEGIN CERTIFICATE-----"),
        ("tls.key", "key", "PRIVATE KEY-----"),
    ):
        if name in found and mark not in found[name]:
            yield TfdeployError(
                "TFD241",
                f"The gateway's {field} isn't PEM: it has no {mark.strip('-')}.",
                where=file.where("gateway", "tls", field),
                hint="`openssl x509 -in FILE -noout` and `openssl pkey -in FILE -noout` read PEM.",
            )


def _keys_map(keys: Mapping[str, str]) -> str:
    # A regular expression, because nginx compares plain words of a map without regard to case.
    entries = [f'  "~^{re.escape(key)}$" "{client}";' for key, client in keys.items()]
    return "\n".join(["map $api_key $client {", '  default "";', *entries, "}"])
