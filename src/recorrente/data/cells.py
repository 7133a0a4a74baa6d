"""What tables that are text have in common: what parts their cells, and what stands in a cell without a value."""

__all__ = ["DELIMITERS", "MISSING", "delimiter_of"]

DELIMITERS = ",;\t|"
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "?", ".")
"""In small letters, without blanks around."""


def delimiter_of(line: str) -> str:
    """Of what may part the cells of a line, what it has most often; a comma where it has none.

    Example:
        >>> delimiter_of("loja;vendas, em R$;preço")
        ';'
    """
    return max(DELIMITERS, key=line.count)
