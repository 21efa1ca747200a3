"""Ground floor: texts and places in them, diagnostics, files, seeds. Imports nothing of netdsl."""
