"""`python -m cjstream.cli` is `cjstream`."""

from cjstream.cli import main

main(prog_name="cjstream")
