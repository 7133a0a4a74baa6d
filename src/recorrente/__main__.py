"""`python -m recorrente` is the command `recorrente`."""

from recorrente.cli import main

if __name__ == "__main__":
    main()
