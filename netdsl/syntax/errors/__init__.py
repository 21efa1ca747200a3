"""From a syntax error to a diagnostic that names the mistake and its fix."""
