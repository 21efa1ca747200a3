"""Each format over every shipped network: goldens of the texts, and rules that every picture keeps."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from random_diagrams import box, diagram

import netdsl
from netdsl.drawing import FORMATS, draw, draw_plan
from netdsl.drawing.backends.dot import dot
from netdsl.drawing.backends.mermaid import mermaid
from netdsl.drawing.backends.png import png
from netdsl.drawing.backends.svg import svg
from netdsl.drawing.backends.text import text
from netdsl.drawing.drawing import draw_scene
from netdsl.drawing.graph.diagram import Diagram, Edge, build
from netdsl.drawing.palette import FAMILIES
from netdsl.drawing.scene import Cluster, Rect, Scene, Text
from netdsl.drawing.text_metrics import shorten, text_width
from netdsl.ir.program import CheckedProgram
from netdsl.layers import ROWS

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = sorted((ROOT / "networks").glob("*.net"))
GOLDENS = Path("tests/drawing/networks")
CHECKED: dict[Path, CheckedProgram] = {}

each_network = pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)


def program(path: Path) -> CheckedProgram:
    if path not in CHECKED:
        CHECKED[path] = netdsl.check(path)
    return CHECKED[path]


# -- goldens ----------------------------------------------------------------------------------------


@each_network
def test_text_of_a_network(path: Path, golden: Callable[[str, Path], None]) -> None:
    golden(text(build(program(path)), 110), GOLDENS / f"{path.stem}.txt")


@each_network
def test_dot_of_a_network(path: Path, golden: Callable[[str, Path], None]) -> None:
    golden(dot(build(program(path), depth=1)), GOLDENS / f"{path.stem}.dot")


@each_network
def test_mermaid_of_a_network(path: Path, golden: Callable[[str, Path], None]) -> None:
    golden(mermaid(build(program(path), depth=1)), GOLDENS / f"{path.stem}.mmd")


# -- pictures ---------------------------------------------------------------------------------------


def texts(scene: Scene) -> list[tuple[Text, Rect]]:
    """The texts of a scene with the room that they take in a font of the estimated width."""
    found = []
    for item in scene.flat():
        if isinstance(item, Text) and item.text and not item.turned:
            wide = text_width(item.text, item.size, bold=item.bold)
            left = item.x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor]
            found.append((item, Rect(left, item.y - 0.74 * item.size, wide, 0.9 * item.size)))
    return found


def meet(a: Rect, b: Rect) -> bool:
    return (a.x < b.x + b.width - 0.5 and b.x < a.x + a.width - 0.5
            and a.y < b.y + b.height - 0.5 and b.y < a.y + a.height - 0.5)


@each_network
@pytest.mark.parametrize("to_the_right", [False, True], ids=["down", "right"])
def test_no_text_of_a_picture_meets_another_or_leaves_it(path: Path, to_the_right: bool) -> None:
    scene = draw_scene(build(program(path)), to_the_right=to_the_right)
    placed = sorted(texts(scene), key=lambda pair: pair[1].y)
    for item, room in placed:
        assert room.x >= 0, item
        assert room.x + room.width <= scene.width + 0.5, item
        assert room.y + room.height <= scene.height, item
    for (one, a), (other, b) in combinations(placed, 2):
        if b.y > a.y + a.height:
            continue
        assert not meet(a, b), (one, other)


@each_network
def test_no_label_of_an_edge_lies_on_a_box_or_another_edge(path: Path) -> None:
    scene = draw_scene(build(program(path)))
    boxes = [item for cluster in scene.items if isinstance(cluster, Cluster) and cluster.kind.startswith("box")
             for item in cluster.items if isinstance(item, Rect)]
    lines = [(a, b) for cluster in scene.items if isinstance(cluster, Cluster) and cluster.kind == "edge"
             for item in cluster.items for a, b in zip(item.points, item.points[1:], strict=False)]  # type: ignore
    labels = [item for item in scene.items if isinstance(item, Text) and item.size == 10.5]
    assert labels
    for item in labels:
        room = Rect(item.x, item.y - 8, text_width(item.text, item.size) * 0.9, 9)
        assert not any(meet(room, spot) for spot in boxes), item
        for a, b in lines:
            line = Rect(min(a[0], b[0]) - 0.6, min(a[1], b[1]) - 0.6, abs(a[0] - b[0]) + 1.2, abs(a[1] - b[1]) + 1.2)
            assert not meet(room, line), (item, a, b)


@each_network
def test_svg_is_xml_with_names_for_readers(path: Path) -> None:
    drawn = build(program(path))
    root = ElementTree.fromstring(svg(draw_scene(drawn)))
    space = {"s": "http://www.w3.org/2000/svg"}
    assert path.name in (root.findtext("s:title", namespaces=space) or "")
    assert "Inputs: " in (root.findtext("s:desc", namespaces=space) or "")
    tooltips = [title.text or "" for title in root.findall(".//s:g[@class]/s:title", space)]
    for shown in drawn.boxes:
        assert any(tip.startswith(f"{shown.name} ") and shown.place in tip for tip in tooltips), shown.name
    parameters = [tip for tip in tooltips if "parameters" in tip]
    assert len(parameters) >= len([shown for shown in drawn.boxes if shown.total])


def test_png_is_the_picture_of_the_svg() -> None:
    from PIL import Image

    scene = draw_scene(build(program(ROOT / "networks" / "lenet_mnist.net")))
    picture = Image.open(io.BytesIO(png(scene, 2.0))).convert("RGB")
    assert abs(picture.width - 2 * scene.width) <= 2
    assert abs(picture.height - 2 * scene.height) <= 2
    assert picture.getpixel((3, 3)) == (255, 255, 255)
    headers = [item for item in scene.flat() if isinstance(item, Rect) and item.fill and item.height == 24]
    assert headers
    for item in headers:  # just inside the left edge, between the text and the border
        at = (round(2 * (item.x + 5)), round(2 * (item.y + 12)))
        assert picture.getpixel(at) == tuple(bytes.fromhex((item.fill or "")[1:])), item


def test_a_huge_picture_is_drawn_at_a_smaller_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.setattr("netdsl.drawing.backends.png._MOST_PIXELS", 100_000)
    picture = Image.open(io.BytesIO(png(Scene(2000, 1000, "huge", "", (Rect(10, 10, 100, 100, "#000000"),)))))
    assert picture.size == pytest.approx((447, 224), abs=2)


# -- texts that could break a format ------------------------------------------------------------------


NASTY = 'a"b<c>&\'d\\e#f`g\x01\n]]>é漢'


def nasty() -> Diagram:
    drawn = diagram(3, [(0, 1), (1, 2)], [(0, 1)])
    boxes = tuple(type(b)(**{**vars(b), "label": NASTY, "options": (NASTY,), "layer": NASTY, "place": NASTY})
                  for b in drawn.boxes)
    edges = tuple(Edge(e.source, e.target, NASTY) for e in drawn.edges)
    return Diagram(NASTY, boxes, drawn.groups, edges, 0, 0)


def test_svg_escapes_everything() -> None:
    root = ElementTree.fromstring(svg(draw_scene(nasty())))
    shown = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text and text.startswith('a"b<c>&\'') for text in shown)


def test_png_draws_everything() -> None:
    assert png(draw_scene(nasty()), 1.0).startswith(b"\x89PNG")


def test_dot_quotes_everything() -> None:
    for line in dot(nasty()).splitlines():
        bare = line.replace("\\\\", "").replace('\\"', "")
        assert bare.count('"') % 2 == 0, line


def test_mermaid_escapes_everything() -> None:
    body = mermaid(nasty()).split("---\n", 2)[2]
    for line in body.splitlines():
        assert line.count('"') in (0, 2), line
        assert "`" not in line
        assert "<c>" not in line


def test_a_picture_of_nothing() -> None:
    empty = Diagram("empty.net", (), (), (), 0, 0)
    ElementTree.fromstring(svg(draw_scene(empty)))
    assert text(empty).startswith("empty.net")
    assert dot(empty).startswith("digraph")
    assert mermaid(empty).startswith("---")


# -- text in lanes ------------------------------------------------------------------------------------


def lanes(drawn: Diagram) -> list[str]:
    """The lines of the drawing without title, the texts cut off."""
    return [line.split("  b")[0].rstrip() for line in text(drawn, ascii_only=True).splitlines()[2:] if line]


def test_a_skip_connection_is_a_lane() -> None:
    drawn = diagram(4, [(0, 1), (1, 2), (2, 3), (0, 3)], [])
    assert lanes(drawn) == ["*", "|-.", "* |", "* |", "*-'"]


def test_lanes_cross() -> None:
    drawn = diagram(6, [(0, 1), (0, 2), (0, 3), (1, 4), (3, 4), (2, 5), (4, 5)], [])
    assert text(drawn, ascii_only=True).isascii()
    assert lanes(drawn) == ["*", "|-.", "* |", "| |-.", "| * |", "| | *", "*-+-'", "*-'"]


def test_a_recurrence_is_named_in_the_text() -> None:
    drawn = diagram(2, [(0, 1)], [], back=[(1, 0)])
    assert "(back b1)" in text(drawn, ascii_only=True)


def test_text_keeps_to_its_width() -> None:
    drawn = build(program(ROOT / "networks" / "resnet20_cifar10.net"))
    for width in (80, 100, 140):
        assert max(len(line) for line in text(drawn, width).splitlines()) <= width


# -- the table of formats -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_writes_a_network(name: str) -> None:
    row = FORMATS[name]
    data = draw(program(ROOT / "networks" / "lenet_mnist.net"), name)
    assert len(data) > 200
    assert row.doc.endswith(".")
    assert (data[:4] == b"\x89PNG") == (name == "png")


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if row.write_chart])
def test_each_format_with_charts_writes_a_plan(name: str) -> None:
    assert len(draw_plan(program(ROOT / "networks" / "lenet_mnist.net"), name)) > 200


def test_every_family_of_the_layer_table_has_a_colour() -> None:
    assert {row.family for row in ROWS} - set(FAMILIES) <= {"assertion"}


@pytest.mark.parametrize("family", FAMILIES)
def test_white_text_can_be_read_on_each_colour(family: str) -> None:
    """Contrast of at least 4.5 to 1, as WCAG 2.1 asks of normal text."""
    channels = [int(FAMILIES[family].color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_estimated_widths_hold_in_the_pictures_font() -> None:
    """The estimate is an upper one, for the font of the PNG and for DejaVu Sans where it is installed."""
    from PIL import ImageFont

    fonts = [ImageFont.load_default(100)]
    with contextlib.suppress(OSError):
        fonts.append(ImageFont.truetype("DejaVuSans.ttf", 100))
    for words in ("ConvolutionalLayer", "model.residual1.main.conv1", "55 x 55 x 96", "34,944 parameters", "~@#%WMw"):
        for font in fonts:
            width = font.getlength(words)
            assert width <= text_width(words, 100) + 1
            assert text_width(words, 100) < 1.35 * width


def test_shortened_keeps_both_ends() -> None:
    cut = shorten("model.residual1.main.convolution17", 12, 120)
    assert text_width(cut, 12) <= 120
    assert cut.startswith("model")
    assert cut.endswith("17")


def test_drawing_does_not_import_torch() -> None:
    code = ("import sys, netdsl; from netdsl.drawing import draw\n"
            f"draw(netdsl.check({str(ROOT / 'networks' / 'lenet_mnist.net')!r}))\n"
            "assert 'torch' not in sys.modules and 'PIL' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_box_that_says_much_keeps_its_text_inside() -> None:
    long = "x" * 300
    drawn = Diagram("t", (box(long),), (), (), 0, 0)
    scene = draw_scene(drawn)
    assert all(room.x + room.width <= scene.width for _, room in texts(scene))
