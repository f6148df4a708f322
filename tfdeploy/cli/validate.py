"""--validate-with and --server-binary of export: ask a real server before anything is published."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfdeploy.cli import output
from tfdeploy.cli.options import settle
from tfdeploy.errors import TfdeployError, raise_all

if TYPE_CHECKING:
    from tfdeploy.exporting.asked import Asked, Validate
    from tfdeploy.runtimes import Choice
    from tfdeploy.stack import StackFile

Report = Callable[[str], None]


def validator(
    validate_with: str | None,
    server_binary: str | None,
    stacks_dir: Path,
    report: Report = output.note,
) -> Validate | None:
    """What asks a server the requests that a model was proven with; None when nobody wants it.

    The server is one of its own: set up as a service of a stack, with the new model in place of
    the service's own, on the stack's runtime and on free ports; or a plain one of
    ``server_binary``. It is gone again before the answer is given. What is wrong with the words
    is said here, and not after minutes of exporting.

    Args:
        validate_with: ``STACK/SERVICE``.
        server_binary: a tensorflow_model_server; with it the process runtime is taken.
        stacks_dir: the folder of all stacks.
        report: gets notes.

    Raises:
        TfdeployError: TFD216 for words that are no STACK/SERVICE, TFD201 to TFD203 for the stack,
            TFD208 for the service, TFD405 for the binary. The validator itself raises TFD104 when
            an answer differs, and what ``up`` raises when the server doesn't come up.
    """
    if validate_with is None and server_binary is None:
        return None
    if server_binary is not None:
        from tfdeploy.runtimes.server_program import find_server

        find_server(server_binary)
    like = None if validate_with is None else _find_service(validate_with, stacks_dir)

    def validate(folder: Path, model: str, asked: Mapping[str, Asked]) -> None:
        from tfdeploy.apply.trial import throw_away

        with tempfile.TemporaryDirectory(prefix="tfdeploy-trial-") as root:
            file = throw_away(
                Path(root), folder, model, (like.file, like.service) if like else None
            )
            choice = _choose(file, like, server_binary)
            what = " with ".join(one for one in (validate_with, server_binary) if one)
            report(f"bringing up a server as {what} is, to ask it ({choice.runtime.name})")
            _try(file, choice, like, asked, report)
            report(f"{what} answers as the model was proven: {', '.join(asked) or 'nothing asked'}")

    return validate


@dataclass(frozen=True)
class _Like:
    """The service that the throw-away one is like."""

    file: StackFile
    service: str


def _find_service(words: str, stacks_dir: Path) -> _Like:
    from tfdeploy.stack import find_stack, load_stack

    stack, _, service = words.rpartition("/")
    if not stack or not service:
        raise TfdeployError(
            "TFD216",
            f"'{words}' names no service of a stack.",
            where="--validate-with",
            hint="write STACK/SERVICE, such as vision/classifier.",
        )
    file = load_stack(find_stack(stack, stacks_dir))
    if service not in file.stack.services:
        raise TfdeployError(
            "TFD208",
            f"There is no service '{service}'.",
            where=file.where("services"),
            hint=f"services of the stack: {', '.join(file.stack.services) or 'none'}.",
        )
    ready = settle(file)
    raise_all(ready.gpus.problems if ready.gpus else ())
    # A service with a copy on each GPU: any of them will do.
    is_there = service in ready.stack.services
    return _Like(ready, service if is_there else f"{service}-gpu0")


def _choose(file: StackFile, like: _Like | None, server_binary: str | None) -> Choice:
    """The runtime that the real stack has, or gets; and its server, where `up` was told one."""
    from tfdeploy.runtimes import choose_runtime
    from tfdeploy.runtimes.server_program import embedded_server

    if server_binary is not None or like is None:
        return choose_runtime(file, server_binary=server_binary)
    real = choose_runtime(like.file)
    named = real.server[0] if real.server and real.server != embedded_server() else None
    return choose_runtime(file, asked=real.runtime.name, server_binary=named)


def _try(
    file: StackFile,
    choice: Choice,
    like: _Like | None,
    asked: Mapping[str, Asked],
    report: Report,
) -> None:
    from tfdeploy.apply.trial import compare_answers, running
    from tfdeploy.cli.prepare import prepare
    from tfdeploy.cli.reporters import PlainReporter
    from tfdeploy.savedmodel import read_saved_model

    templates = like.file.folder / "templates" if like else None
    ready = prepare(file, choice, templates if templates and templates.is_dir() else None)
    ((service, settings),) = file.stack.services.items()
    (model,) = settings.models
    with running(
        service,
        ready.plan,
        runtime=choice.runtime,
        rendered=ready.rendered,
        before=ready.observed,
        reporter=PlainReporter(as_json=True),
    ) as server:
        compare_answers(
            server,
            model,
            read_saved_model(file.base_path(service, model) / "1").signatures,
            asked,
            # More rows than that are refused (batching_session.cc), whatever else is set.
            most_rows=settings.batching.max_batch_size if settings.batching else None,
            report=report,
        )
