"""Every row of the table in docs/export.md: exported, served over REST and gRPC, and asked."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.export import made
from tests.export.serving import Served, serving
from tfdeploy.exporting import ImageFront, Recipe, SignatureRecipe
from tfdeploy.exporting.fronts import Front, MapFront, TextFront
from tfdeploy.exporting.recipe import Loading

DOCS = Path(__file__).parents[2] / "docs" / "export.md"
SOURCES = (
    "Keras 3 (.keras)",
    "Keras 2 (.h5)",
    "SavedModel (TF2)",
    "SavedModel (TF1)",
    "TF1 checkpoint (.meta)",
    "Frozen graph (.pb)",
    "module:function, a Keras model",
    "module:function, a tf.Module",
    "module:function, a callable",
)
FRONTS = ("none", "image", "text", "map")
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Column:
    """A front, the model it stands before, what is asked, and what has to come out."""

    kind: str
    front: Front | None
    rows: Rows
    expected: np.ndarray
    output: str


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def columns(folder: Path) -> Mapping[str, Column]:
    random = np.random.default_rng(1)
    pictures = random.integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
    vocabulary = folder / "vocabulary.txt"
    vocabulary.write_text("\n".join(made.VOCABULARY) + "\n")
    texts = ["Deploy the model!", "a running, running service to", "nothing known"]
    ids = [[2, 3, 4, 0, 0, 0], [6, 7, 7, 8, 5, 0], [1, 1, 0, 0, 0, 0]]
    floats = pictures / np.float32(255)
    gains = np.asarray([0.1, 0.01, 0.001], np.float32)
    return {
        "none": Column(
            "pictures",
            None,
            [{"pixels": one.tolist()} for one in floats],
            made.scores(floats),
            "scores",
        ),
        "image": Column(
            "pictures",
            ImageFront(scale=1 / 255),
            [{"image_bytes": b64(png(one))} for one in pictures],
            made.scores(floats),
            "scores",
        ),
        "text": Column(
            "texts",
            TextFront(vocabulary=vocabulary),
            [{"text": one} for one in texts],
            made.score(ids),
            "score",
        ),
        "map": Column(
            "pictures",
            MapFront(
                "made_for_export:centred",
                {"pixels_bytes": ("string", ()), "gain": ("float32", ())},
            ),
            [
                {"pixels_bytes": b64(one.tobytes()), "gain": float(gain)}
                for one, gain in zip(pictures, gains, strict=True)
            ],
            made.scores(pictures * gains[:, None, None, None]),
            "scores",
        ),
    }


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Table:
    served: Served
    columns: Mapping[str, Column]


def slug(source: str, front: str) -> str:
    return re.sub(r"\W+", "_", f"{source}_{front}")


@pytest.fixture(scope="module")
def table(
    tf: Any, keras: Any, publish: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Table]:
    """All rows, exported and served by one server. The proof has tests of its own."""
    tf_keras = pytest.importorskip("tf_keras")
    folder = tmp_path_factory.mktemp("table")
    (folder / "made").mkdir()
    makers = made.makers(tf, keras, tf_keras, folder / "made")
    assert set(makers) == set(SOURCES)
    found = columns(folder)
    sources = {
        (name, kind): makers[name](kind) for name in SOURCES for kind in ("pictures", "texts")
    }
    for name in SOURCES:
        for front, column in found.items():
            source, needs_names = sources[name, column.kind]
            inputs, outputs = (
                ({"pixels": "input_1:0"}, {"scores": "output_1:0"})
                if column.kind == "pictures"
                else ({"ids": "input_1:0"}, {"score": "output_1:0"})
            )
            loading = Loading(inputs, outputs) if needs_names else Loading()
            wanted = {}
            if column.front is not None:
                wanted = {
                    "serving_default": SignatureRecipe(fronts=(column.front,)),
                    "raw": SignatureRecipe(),
                }
            recipe = Recipe(source, wanted, loading)
            publish(
                source,
                folder / "models",
                name=slug(name, front),
                recipe=recipe,
                verify=False,
            )
    with serving(folder / "models") as served:
        yield Table(served, found)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_row_of_the_table(table: Table, source: str, front: str) -> None:
    column = table.columns[front]
    model = slug(source, front)
    over_rest = table.served.rest(model, column.rows)
    np.testing.assert_allclose(over_rest[column.output], column.expected, rtol=1e-4, atol=1e-6)
    over_grpc = table.served.grpc(model, column.rows)
    np.testing.assert_allclose(over_grpc[column.output], column.expected, rtol=1e-4, atol=1e-6)


def test_the_table_in_the_docs_has_these_rows_and_no_others() -> None:
    text = DOCS.read_text(encoding="utf-8")
    header = next(line for line in text.splitlines() if line.startswith("| Source |"))
    assert [word.strip() for word in header.strip("|").split("|")] == ["Source", *FRONTS]
    rows = re.findall(r"^\| ([^|]+?) \|(?: yes \|){4}$", text, flags=re.MULTILINE)
    assert rows == list(SOURCES)
