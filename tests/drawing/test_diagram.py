"""What a diagram shows: folding, groups, repetitions, depth, roles, shared weights."""

from __future__ import annotations

import pytest

import netdsl
from netdsl.base.source import Source
from netdsl.drawing.graph.diagram import MANY_BOXES, Diagram, build, parameter_text

TAIL = """
    labels = Input {10}
    ce = CrossEntropyWithSoftmax (labels, z)
    errs = ClassificationError (labels, z)
    criterionNodes = ce
    evaluationNodes = errs
    outputNodes = z
}
"""


def diagram(body: str, **options: object) -> Diagram:
    program = netdsl.check(Source("small.net", "network = {\n" + body + TAIL))
    return build(program, **options)  # type: ignore[arg-type]


def names(drawn: Diagram) -> list[str]:
    return [box.name for box in drawn.boxes]


MLP = """
    features = Input {28:28:1}
    model = Sequential (a := DenseLayer {32, activation = ReLU} : b := DenseLayer {32, activation = ReLU} :
                        c := DenseLayer {32, activation = ReLU} : d := LinearLayer {10})
    z = model (features)
"""


def test_activations_stand_in_their_layers_box() -> None:
    drawn = diagram(MLP, collapse=False)
    assert [f.layer for f in drawn.box["model.a"].folded] == ["ReLU"]
    assert not drawn.box["model.d"].folded
    assert "model.a.activation" not in drawn.box


def test_without_folding_every_node_is_a_box() -> None:
    drawn = diagram(MLP, collapse=False, fold=False)
    assert "model.a.activation" in drawn.box
    assert len(drawn.boxes) == 11


def test_an_activation_with_two_users_of_its_input_stays_a_box() -> None:
    drawn = diagram("""
    features = Input {10}
    h = LinearLayer {10} (features)
    r = ReLU (h)
    z = r + h
""")
    assert "r" in drawn.box
    assert not drawn.box["h"].folded


def test_normalization_stands_in_its_convolutions_box_with_its_parameters() -> None:
    drawn = diagram("""
    features = Input {8:8:3}
    m = Sequential (conv := ConvolutionalLayer {4, (3:3), bias = false} :
                    norm := BatchNormalizationLayer {spatialRank = 2} : ReLU : LinearLayer {10})
    z = m (features)
""")
    assert [f.text for f in drawn.box["m.conv"].folded] == ["BatchNormalization, 8 parameters", "ReLU"]
    assert drawn.box["m.conv"].parameters == 108


def test_equal_neighbours_are_drawn_once() -> None:
    drawn = diagram(MLP)
    assert set(names(drawn)) == {"labels", "features", "model.a", "model.b", "model.d", "ce", "errs"}
    box = drawn.box["model.b"]
    assert (box.repeat, box.label, box.parameters, box.total) == (2, "b ... c", 32 * 32 + 32, 2 * (32 * 32 + 32))
    assert parameter_text(box) == "2 x 1,056 parameters"
    assert ("model.b", "model.d") in {(edge.source, edge.target) for edge in drawn.edges}


RESIDUAL = """
    block {n} (x) = {
        main = Sequential (one := ConvolutionalLayer {n, (3:3), pad = true} : ReLU :
                           two := ConvolutionalLayer {n, (3:3), pad = true})
        sum = ReLU (main (x) + x)
    }.sum
    features = Input {8:8:4}
    model = Sequential (first := block {4} : second := block {4} : third := block {4} : out := LinearLayer {10})
    z = model (features)
"""


def test_repeated_groups_are_drawn_once() -> None:
    drawn = diagram(RESIDUAL)
    (block,) = [group for group in drawn.groups if group.repeat > 1]
    assert (block.repeat, block.label, block.parent) == (3, "first ... third", "model")
    assert drawn.parameters == 3 * 2 * (4 * 4 * 9 + 4) + 8 * 8 * 4 * 10 + 10
    assert block.total == 3 * block.parameters == 3 * 2 * (4 * 4 * 9 + 4)
    inner = [box for box in drawn.boxes if box.name.startswith("model.first.main")]
    assert [box.parameters for box in inner] == [148, 148]


def test_parts_that_differ_are_not_merged() -> None:
    drawn = diagram(RESIDUAL.replace("third := block {4}", "mid := LinearLayer {8:8:4} : third := block {4}"))
    assert sorted(group.repeat for group in drawn.groups if group.parent == "model") == [1, 2]


def test_a_pattern_of_several_steps_is_found() -> None:
    steps = " : ".join(["DenseLayer {16, activation = ReLU} : Dropout"] * 4)
    drawn = diagram(f"""
    features = Input {{16}}
    model = Sequential ({steps} : LinearLayer {{10}})
    z = model (features)
""")
    (group,) = [group for group in drawn.groups if group.repeat > 1]
    assert group.repeat == 4
    assert len(group.members) == 2


@pytest.mark.parametrize(("depth", "groups"), [(0, 0), (1, 1), (2, 5), (None, 9)])
def test_depth_closes_groups(depth: int | None, groups: int) -> None:
    drawn = diagram(RESIDUAL.replace("third := block {4}", "mid := block {4} : third := block {4}"), depth=depth,
                    collapse=False)
    assert len(drawn.groups) == groups
    closed = [box for box in drawn.boxes if box.role == "group"]
    assert bool(closed) == (depth is not None and depth < 3)
    assert sum(box.total for box in drawn.boxes) + sum(f.parameters for box in drawn.boxes for f in box.folded) \
        == drawn.parameters


def test_a_closed_group_keeps_its_connections() -> None:
    drawn = diagram(RESIDUAL, depth=0)
    assert {(edge.source, edge.target) for edge in drawn.edges} == {
        ("features", "model"), ("model", "ce"), ("model", "errs"), ("labels", "ce"), ("labels", "errs")}


def test_a_group_around_one_box_is_dissolved() -> None:
    drawn = diagram("""
    features = Input {10}
    wrap (x) = { inner = LinearLayer {10} (x) }.inner
    z = wrap (features)
""")
    assert not drawn.groups


def test_the_result_of_a_function_stands_in_its_group() -> None:
    drawn = diagram("""
    features = Input {10}
    fork (x) = Splice (left (x) : DenseLayer {4} (x))
    left = DenseLayer {3}
    model = Sequential (split := fork : out := LinearLayer {10})
    z = model (features)
""")
    splice = next(box for box in drawn.boxes if box.layer == "Splice")
    branch = next(box for box in drawn.boxes if box.options == ("4 outputs",))
    assert branch.name.startswith(splice.name + ".")
    assert drawn.parent[splice.name] == drawn.parent[branch.name] == splice.name + "/"
    assert drawn.group[splice.name + "/"].label == "split"


def test_roles_and_output() -> None:
    drawn = diagram(MLP)
    roles = {box.name: box.role for box in drawn.boxes}
    assert roles["features"] == roles["labels"] == "data"
    assert (roles["ce"], roles["errs"], roles["model.d"]) == ("criterion", "metric", "layer")
    assert [box.name for box in drawn.boxes if box.is_output] == ["model.d"]


def test_shared_weights_are_marked() -> None:
    drawn = diagram("""
    features = Input {10}
    shared = LinearLayer {10}
    a = shared (features)
    b = Tanh (a)
    z = shared (b)
""")
    marked = [box for box in drawn.boxes if box.shares]
    assert len(marked) == 2
    assert len({box.shares for box in marked}) == 1
    assert sum(box.total for box in drawn.boxes) == drawn.parameters == 110


def test_numbers_of_the_file_are_options_of_their_user() -> None:
    drawn = diagram("""
    features = Input {10}
    h = LinearLayer {10} (features)
    z = Constant {2} - h
""")
    assert "Constant" not in {box.layer for box in drawn.boxes}
    assert any("2" in option or "-1" in option for box in drawn.boxes for option in box.options)


def test_large_networks_collapse_by_themselves() -> None:
    steps = " : ".join(f"DenseLayer {{{n}}} : DenseLayer {{{n + 1}}}" for n in range(5, 5 + 2 * MANY_BOXES // 10, 2))
    body = "features = Input {4}\n" + "\n".join(
        f"    part{i} = Sequential ({steps})" for i in range(12)) + "\n    all = Sequential (" + \
        " : ".join(f"p{i} := part{i}" for i in range(12)) + " : LinearLayer {10})\n    z = all (features)\n"
    whole = diagram(body, depth=99, collapse=False)
    drawn = diagram(body, collapse=False)
    assert len(whole.boxes) > MANY_BOXES >= len(drawn.boxes)
    assert whole.parameters == drawn.parameters


def test_every_part_of_a_diagram_has_its_place() -> None:
    drawn = diagram(RESIDUAL, collapse=False)
    held = [member for group in drawn.groups for member in group.members]
    assert sorted([*held, *drawn.top]) == sorted([*drawn.box, *drawn.group])
    assert all(box.place.startswith("small.net:") for box in drawn.boxes)
