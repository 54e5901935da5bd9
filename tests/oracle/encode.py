"""Relative-index encoding of a dense matrix of codes, as docs/machine.md says under "Encoding"."""


def encode_column(codes, index_bits):
    """One PE's rows of one column as entries (code, z). Example: [0,0,1,2, 18 zeros, 3] with 4 bits."""
    most = 2**index_bits - 1
    entries, zeros = [], 0
    for code in codes:
        if code == 0:
            zeros += 1
            continue
        while zeros > most:
            entries.append((0, most))
            zeros -= most + 1
        entries.append((int(code), zeros))
        zeros = 0
    return entries


def decode_column(entries):
    """The PE's rows that the entries stand at, padding too: starts at -1, every entry moves it on by z + 1."""
    row, places = -1, []
    for _, z in entries:
        row += z + 1
        places.append(row)
    return places


def with_bias_column(codes, bias_codes, pes):
    """The matrix [rows][columns] as the machine stores it: empty columns up to ceil(cols/N)*N, and there the bias."""
    if bias_codes is None:
        return [list(row) for row in codes]
    cols = len(codes[0])
    empty = -cols % pes
    return [[*row, *([0] * empty), bias] for row, bias in zip(codes, bias_codes, strict=True)]


def rows_of(p, rows, pes, mapping):
    """The rows of PE p as docs/variants.md deals them, row by row."""
    owner = {"interleaved": lambda i: i % pes, "blocked": lambda i: i // ((rows + pes - 1) // pes)}[mapping]
    return [i for i in range(rows) if owner(i) == p]


def encode(codes, bias_codes, pes, index_bits, mapping="interleaved"):
    """For each PE: its entries [(code, z)] and its pointers, columns + 1 of them."""
    matrix = with_bias_column(codes, bias_codes, pes)
    memories = []
    for p in range(pes):
        entries, pointers = [], [0]
        own = rows_of(p, len(matrix), pes, mapping)
        for j in range(len(matrix[0])):
            entries += encode_column([matrix[i][j] for i in own], index_bits)
            pointers.append(len(entries))
        memories.append((entries, pointers))
    return memories
