"""Program and weights -> an ONNX model, checked by onnxruntime before it has its name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim

from ..base.atomic_files import new_file, writing
from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..layers.layer import Shape
from ..lower import Executable
from .agreement import TOLERANCE, compared, difference
from .export_format import Exported, ExportFormat, ExportRequest
from .onnx_metadata import metadata_of
from .onnx_network import OnnxNetwork, open_session
from .traced import Outputs, quiet
from .unexportable import example_of, refused, require_inputs

#: The oldest set of operators that torch's exporter writes natively, and so the one that most programs read.
OPSET = 18
#: Above so many bytes a model cannot be one protobuf message; its weights then lie beside it.
_MOST_BYTES = 1_900_000_000


class OnnxFormat(ExportFormat):
    name = "onnx"
    title = "an ONNX model"
    suffix = ".onnx"
    options = ("opset", "fold_batch_norm")
    modules = ("onnx", "onnxscript")
    extra = "onnx"
    doc = ("The outputs alone in inference mode, in float32, with a minibatch of any size. Inputs, outputs, layers and "
           "weights have the names of the file. Names of classes, preprocessing and the file itself are in the "
           "metadata. Where onnxruntime is installed, it computes the model before the file is written; a model whose "
           "numbers differ is refused.")

    def check(self, request: ExportRequest) -> None:
        super().check(request)
        import onnx

        most, given = onnx.defs.onnx_opset_version(), request.options.opset
        if given is not None and not OPSET <= given <= most:
            raise failure(Code.WRONG_ARGUMENTS, f"the opset {given} cannot be written", Span.nowhere("netdsl export"),
                          body=(f"torch writes the operators of ONNX from {OPSET} on; the package onnx that is "
                                f"installed, {onnx.__version__}, knows them up to {most}.",),
                          hint=f"take one from {OPSET} to {most}; without --opset it is {OPSET}.")

    def write(self, request: ExportRequest) -> Exported:
        model = onnx_model(request)
        with writing(request.target), new_file(request.target) as temporary:
            beside = _save(model, temporary, request.target)
            notes = _checked(request, temporary)
        return Exported((request.target, *beside), notes)


def onnx_model(request: ExportRequest) -> Any:
    """The model as torch's exporter makes it, under the file's names. Raises Failure."""
    executable, options = request.executable, request.options
    opset = options.opset or OPSET
    shapes = list(executable.inputs.values())
    require_inputs(executable, OnnxFormat.title)
    try:
        program = _exported(Outputs(executable), shapes, opset, list(executable.inputs), list(request.output_names))
    except Exception as error:  # torch's exporter raises whatever it runs into
        raise refused(executable, error, "ONNX", OnnxFormat.title, _attempt(opset)) from error
    _simplify(program, options.fold_batch_norm)
    _rename(program.model, executable)
    program.model.metadata_props.update(metadata_of(request))
    return program.model


def _attempt(opset: int) -> Callable[[nn.Module, list[Shape]], None]:
    """Exports a layer by itself, and has onnxruntime compute it where that is installed; raises what goes wrong."""
    def attempt(module: nn.Module, shapes: list[Shape]) -> None:
        program = _exported(module, shapes, opset)
        _simplify(program, False)
        if not _has_runtime():
            return
        session = open_session(program.model_proto.SerializeToString())
        for batch in (1, 3):
            given = [example_of(shape, batch) for shape in shapes]
            arrays = {value.name: x.numpy() for value, x in zip(session.get_inputs(), given, strict=True)}
            with torch.inference_mode():
                expected = module(*given).numpy()
            if not difference(expected, session.run(None, arrays)[0]) <= TOLERANCE:
                raise ValueError("onnxruntime computes other numbers for it")

    return attempt


def _exported(module: nn.Module, inputs: Sequence[Shape], opset: int, input_names: list[str] | None = None,
              output_names: list[str] | None = None) -> Any:
    batch = Dim("batch")
    dynamic = (tuple({0: batch} if shape.batched else None for shape in inputs),)
    with quiet():
        return torch.onnx.export(module.eval(), tuple(example_of(shape, 2) for shape in inputs), dynamo=True,
                                 dynamic_shapes=dynamic, input_names=input_names, output_names=output_names,
                                 opset_version=opset, optimize=False, verbose=False)


# --- names ----------------------------------------------------------------------------------------------


def _rename(model: Any, executable: Executable) -> None:
    """Weights and layers get the file's names; what torch notes of its own files and lines goes."""
    weights = _weight_names(executable)
    for value in list(model.graph.initializers.values()):
        value.name = weights.get(value.name, value.name)
    _name_nodes(model, executable)
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
        value.doc_string = None


def _weight_names(executable: Executable) -> dict[str, str]:
    """torch's path of each tensor -> the file's name: also constants, that checkpoints leave out."""
    names = {id(getattr(layer, own)): f"{name}.{own}" for name, layer in executable.layers.items()
             for own in layer.owned}
    wrapped = Outputs(executable)
    found = (*wrapped.named_parameters(remove_duplicate=False), *wrapped.named_buffers(remove_duplicate=False))
    return {path: names[id(tensor)] for path, tensor in found if id(tensor) in names}


def _name_nodes(model: Any, executable: Executable) -> None:
    """The last operation of a layer and its value are called as the layer; those before it have a number besides."""
    paths = {f"network.{value.target}": str(value.meta["node"]) for value in executable.module.graph.nodes
             if value.op == "call_module" and "node" in value.meta}
    taken = {value.name for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values())}
    given = {value.name for value in model.graph.outputs}
    by_layer: dict[str, list[Any]] = {}
    for node in model.graph:
        layer = _layer_of(node, paths)
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
        if layer:
            by_layer.setdefault(layer, []).append(node)
    for layer, nodes in by_layer.items():
        for number, node in enumerate(nodes[:-1], 1):
            node.name = f"{layer} ({number})"
        nodes[-1].name = layer
        value = nodes[-1].outputs[0]
        if value.name not in given and layer not in taken:
            value.name = layer


def _layer_of(node: Any, paths: dict[str, str]) -> str:
    scopes = str(node.metadata_props.get("namespace", "")).split("/")
    named = [paths[path] for scope in scopes if (path := scope.split(":")[0].strip()) in paths]
    return named[-1] if named else ""


def _simplify(program: Any, fold_batch_norm: bool) -> None:
    """Shapes that are known become constants. torch's own optimization also folds batch normalization, and drops
    biases that are zero: then not every weight of the file is there under its name.
    """
    from onnx_ir.passes import common
    from onnxscript import optimizer

    with quiet():
        if fold_batch_norm:
            program.optimize()
            return
        optimizer.fold_constants(program.model)
        for node in program.model.graph:
            _without_made_up_bias(node)
        optimizer.remove_unused_nodes(program.model)
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(program.model)


def _without_made_up_bias(node: Any) -> None:
    """torch's exporter gives a convolution without a bias one of zeros (over three axes in a wrong shape)."""
    if node.op_type not in ("Conv", "ConvTranspose") or len(node.inputs) < 3 or node.inputs[2] is None:
        return
    bias = node.inputs[2]
    is_made_up = bias.const_value is not None and "." not in bias.name  # a weight has the path of its module
    if is_made_up and not bias.const_value.numpy().any():
        node.resize_inputs(2)


# --- writing and checking ---------------------------------------------------------------------------------


def _save(model: Any, path: Path, target: Path) -> tuple[Path, ...]:
    """Write the model; the files beside it, where it is too large for one."""
    import onnx_ir

    size = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value is not None)
    beside = f"{target.name}.data" if size > _MOST_BYTES else None
    onnx_ir.save(model, path, format="protobuf", external_data=beside)
    return (target.with_name(beside),) if beside is not None else ()


def _checked(request: ExportRequest, path: Path) -> tuple[str, ...]:
    """Compare the file with the network. Raises Failure where they differ."""
    import onnx

    onnx.checker.check_model(str(path))
    if not _has_runtime():
        return ("onnxruntime is not installed, so nothing has computed the model: `pip install onnxruntime` checks it",)
    names = dict(zip(request.output_names, request.executable.roots, strict=True))
    try:
        found = compared(request.executable, OnnxNetwork(open_session(path), names, request.executable.inputs))
        if found.is_close:
            return (f"onnxruntime agrees to {found.text} (minibatches of 1 and 3)",)
        wrong = ValueError(f"onnxruntime computes other numbers for `{found.output}`: they differ by {found.text} of "
                           "the largest value")
    except Failure:
        raise
    except Exception as error:  # onnxruntime's exceptions have no common base
        wrong = ValueError(f"onnxruntime cannot compute the model: {error}")
    attempt = _attempt(request.options.opset or OPSET)
    raise refused(request.executable, wrong, "ONNX", OnnxFormat.title, attempt) from wrong


def _has_runtime() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None
