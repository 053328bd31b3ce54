"""`python -m etl_platform` is the command `etl-platform`."""

from etl_platform.cli import main

if __name__ == "__main__":
    main()
