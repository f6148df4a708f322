"""What nginx reads and nobody else: keys, users, certificate; never in the rendered folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tfdeploy.files import save_text, writing
from tfdeploy.render import RenderedGateway, RenderedStack
from tfdeploy.stack import StackFile
from tfdeploy.stack.door import read_secrets, secrets_config

SECRETS_DIR = "secrets"
_BACKUP_DIR = "secrets.before"
_CONFIG = "secrets.conf"
_PRIVATE = 0o600


def with_secrets(rendered: RenderedStack, file: StackFile) -> RenderedStack:
    """The stack with what its gateway needs of keys and certificates.

    Raises:
        TfdeployError: TFD241.
    """
    if rendered.gateway is None:
        return rendered
    return replace(rendered, gateway=replace(rendered.gateway, secrets=read_secrets(file)))


def write_secrets(run_dir: Path, gateway: RenderedGateway) -> None:
    """Write them, readable by their owner alone; what was there before is kept."""
    folder, backup = run_dir / SECRETS_DIR, run_dir / _BACKUP_DIR
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        shutil.rmtree(backup, ignore_errors=True)
        if any(folder.iterdir()):
            shutil.copytree(folder, backup)
    texts = {name: text for name, text in gateway.secrets.items() if name != "keys"}
    texts[_CONFIG] = secrets_config(gateway.secrets, gateway.config_hash)
    _fill(folder, texts)


def bring_secrets_back(run_dir: Path) -> None:
    """Those from before the last change; the folder itself stays, for it may be mounted."""
    backup = run_dir / _BACKUP_DIR
    if backup.is_dir():
        texts = {path.name: path.read_text(encoding="utf-8") for path in backup.iterdir()}
        _fill(run_dir / SECRETS_DIR, texts)


def kept_hash(run_dir: Path) -> str:
    """The config hash that the secrets on disk name; empty without any."""
    path = run_dir / SECRETS_DIR / _CONFIG
    if not path.is_file():
        return ""
    return path.read_text(encoding="utf-8").partition('default "')[2].partition('"')[0]


def forget_secrets(run_dir: Path) -> None:
    """The stack is down: no copy of a key stays behind."""
    shutil.rmtree(run_dir / _BACKUP_DIR, ignore_errors=True)
    for path in (run_dir / SECRETS_DIR).glob("*"):
        path.unlink(missing_ok=True)


def _fill(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        save_text(folder / name, text, mode=_PRIVATE)
    for path in folder.iterdir():
        if path.name not in texts:
            path.unlink(missing_ok=True)
