"""``python -m digitro_async``: the ``digitro`` command."""

from digitro_async.cli import main

if __name__ == "__main__":
    main()
