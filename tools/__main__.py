"""`python -m tools` is `cqc`."""

from tools.cli import main

if __name__ == "__main__":
    main()
