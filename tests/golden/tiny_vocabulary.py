"""The WordPiece vocabulary of the tiny models, written for them: nobody else's file, and small enough to read.

It holds what the awkward texts need in order not to be one long row of [UNK]: letters with and without `##`,
digits, punctuation, a few words and endings, and single characters of other scripts.
"""

import string

# Not BERT's ids (100 to 103) nor the first five, so that an id written into the code shows.
SPECIALS = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

WORDS = """
the a and of is was not very film plot actor good bad warm cold slow sad happy worst cafe resume naive strasse istanbul
don can
""".split()

ENDINGS = "ing ed er est ly s ness less un able ment".split()

# `ı`, `ß` and the final `ς` survive lower-casing and the stripping of accents; Hangul comes apart into jamo.
ALPHABETS = list("ßıαβγσςмирمرحباסשלוםกาทนनमसत\u1112\u1161\u11ab")
WHOLE_CHARACTERS = list("中文日本電影好カ") + ["😀", "👩", "❤", "👍"]


def tokens() -> list[str]:
    """All entries in id order, without repeats."""
    letters = list(string.ascii_lowercase)
    digits = list(string.digits)
    punctuation = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + list("“”‘’…–—€¿。，")
    pieces = ["##" + piece for piece in letters + digits + ENDINGS + ALPHABETS + ["😀", "カ"]]
    entries = SPECIALS + letters + digits + punctuation + WORDS + ALPHABETS + WHOLE_CHARACTERS + pieces
    return list(dict.fromkeys(entries))
