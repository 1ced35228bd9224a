"""The commands of `bargebox`, one module a kind; each has ``run(arguments) -> exit code``."""
