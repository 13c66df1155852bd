"""`python -m snnc` is the command `snnc`."""

from snnc.cli.main import main

if __name__ == "__main__":
    main()
