"""CNTK's network description language (NDL) and its model edit language (MEL) -> the AST of a `.net` file."""
