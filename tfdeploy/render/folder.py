"""Where rendered files lie on disk, and which templates a stack uses."""

from __future__ import annotations

from pathlib import Path

from tfdeploy.errors import TfdeployError
from tfdeploy.render.gateway import GATEWAY, NGINX_CONFIG
from tfdeploy.render.stack import COMPOSE_FILE
from tfdeploy.render.templates import Templates
from tfdeploy.stack import StackFile

RENDERED_DIR = "rendered"


def read_files(folder: Path) -> dict[str, str]:
    """Relative path → text of the rendered files in a folder; others are left alone."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8", errors="replace")
        for pattern in (COMPOSE_FILE, "*/*.config", "*/healthcheck.sh", f"{GATEWAY}/{NGINX_CONFIG}")
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def template_lookup(file: StackFile, given: Path | None) -> Templates:
    """``--templates DIR`` first, then ``stacks/NAME/templates``, then the bundled ones.

    Raises:
        TfdeployError: TFD209 when the folder that was given isn't one.
    """
    if given is not None and not given.is_dir():
        raise TfdeployError(
            "TFD209",
            f"There is no folder {given}.",
            where="--templates",
            hint="give a folder with templates such as compose.yaml.j2.",
        )
    own = file.folder / "templates"
    return Templates([folder for folder in (given, own) if folder is not None and folder.is_dir()])
