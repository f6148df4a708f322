"""The text of a new stack file."""

from __future__ import annotations

import re

from tfdeploy.render.templates import Templates, bundled_folder
from tfdeploy.stack.lines import yaml_word
from tfdeploy.stack.schema import DEFAULT_IMAGE

REFERENCE = "stack.reference.yaml"


def starter_text(stack: str, *, service: str, image: str | None, full: bool) -> str:
    """A short stack file with one service, or the reference with every field."""
    if not full:
        return Templates().render(
            "stack.yaml", stack=stack, service=service, image=image or DEFAULT_IMAGE
        )
    text = (bundled_folder() / REFERENCE).read_text(encoding="utf-8")
    text = re.sub(r"^stack: \S+", lambda _: f"stack: {yaml_word(stack)}", text, flags=re.MULTILINE)
    text = text.replace("default_service: classifier", f"default_service: {yaml_word(service)}")
    text = text.replace("  classifier:", f"  {yaml_word(service)}:").replace("classifier", service)
    if image:
        text = re.sub(r"^image: \S+", lambda _: f"image: {image}", text, flags=re.MULTILINE)
    return text
