"""The ``vgateway`` command."""

from vgateway.cli.main import main

if __name__ == "__main__":
    main()
