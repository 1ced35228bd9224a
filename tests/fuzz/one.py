"""One parser under Atheris: ``python -m tests.fuzz.one NAME [argument of libFuzzer …]``."""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["appliance.platforms", "tests.fuzz"]):
    from tests.fuzz.parsers import PARSERS

if __name__ == "__main__":
    logging.disable()  # what is dropped is said in the log, some million times here
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, PARSERS[name])
    atheris.Fuzz()
