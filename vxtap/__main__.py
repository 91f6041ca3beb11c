"""``python -m vxtap`` is the command."""

from vxtap.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
