"""ONNX models -> the AST of a `.net` file, and their weights.

`onnx_messages.py` reads the bytes, `stored_tensors.py` the numbers, `translation.py` goes through the graph, and the
rows of `operator_table.py` say what each operator becomes.
"""
