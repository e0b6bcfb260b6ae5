"""Texts on which tokenizers disagree, and how their ids are written down.

Everything outside printable ASCII is escaped, so that no editor or checkout can change it.
"""

import json

# (name, text), in the order of tokenizer/awkward.json.
TEXTS = [
    ("plain", "The film was good, the plot was not."),
    ("empty", ""),
    ("only_spaces", "     "),
    ("only_ideographic_space", "\u3000\u3000"),
    ("tabs_and_newlines", "good\tbad\nsad\r\nhappy\x0bcold\x0cwarm"),
    ("leading_and_trailing_space", "  very   slow  "),
    ("capitals", "WORST Film EVER"),
    ("accents_composed", "caf\u00e9 r\u00e9sum\u00e9 na\u00efve"),
    ("accents_decomposed", "cafe\u0301 re\u0301sume\u0301 nai\u0308ve"),
    ("combining_mark_alone", "\u0301 a \u0301\u0302"),
    ("stacked_combining_marks", "z\u0336\u0321\u035d\u0340a\u0337\u0327\u0309l\u0338g\u0335o"),
    ("turkish_dotted_i", "\u0130stanbul \u0131s\u0131 I"),
    ("german_sharp_s", "Stra\u00dfe STRASSE \u1e9e"),
    ("ligature_and_width", "\ufb01lm \uff26\uff49\uff4c\uff4d \u2460 \u00bd"),
    ("greek_final_sigma", "\u0391\u0392\u0393 \u03ac\u03b1 \u03a3\u03a3 \u03c2"),
    ("cyrillic", "\u043c\u0438\u0440 \u041c\u0418\u0420 \u0439 \u0438\u0306"),
    ("arabic", "\u0645\u0631\u062d\u0628\u0627 \u0633\u0645 \u0645\u064e\u0631\u0652\u062d"),
    ("hebrew_with_points", "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd"),
    ("thai", "\u0e01\u0e32\u0e17 \u0e19\u0e49\u0e33\u0e43\u0e08"),
    ("devanagari", "\u0928\u092e\u0938\u094d\u0924\u0947"),
    ("hangul_syllable_and_jamo", "\ud55c \u1112\u1161\u11ab"),
    ("chinese_between_words", "good\u4e2d\u6587film\u3002\u597d"),
    ("japanese_mixed", "\u65e5\u672c\u306e\u96fb\u5f71\u30ab\u30ac\u30ab\u3099"),
    ("cjk_extension_b", "\U00020000\U0002a6df good"),
    ("emoji", "good \U0001f600\U0001f600 bad"),
    ("emoji_zwj_family", "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 happy"),
    ("emoji_skin_tone_and_variation", "\U0001f44d\U0001f3fd \u2764\ufe0f \u2764"),
    ("flag", "\U0001f1e9\U0001f1ea\U0001f1eb"),
    ("zero_width", "go\u200bod fi\u200dlm \u2060bad\ufeff"),
    ("soft_hyphen", "hap\u00adpy"),
    ("no_break_spaces", "good\u00a0bad\u202fsad\u2009cold"),
    ("line_separators", "good\u2028bad\u2029sad\u0085cold"),
    ("right_to_left_override", "\u202egood\u202c bad"),
    ("control_characters", "go\x01od\x07 \x1bbad \x7f sad\u0080"),
    ("nul", "good\x00bad \x00"),
    ("replacement_character", "good\ufffdbad"),
    ("private_use", "\ue000 good\uf8ff \U000f0000"),
    ("noncharacters", "good\uffff bad\U0010ffff"),
    ("windows_quotes", "\u201cDon\u2019t\u201d \u2018can\u2019t\u2019 \u2026 \u2013 \u2014"),
    ("windows_1252_control", "don\u0092t \u0093good\u0094"),
    ("ascii_punctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ("contractions", "don't can't it's 'good'"),
    ("digits", "1234567890 3.14 1,000 10% $5 \u20ac5 007"),
    ("arabic_indic_digits", "\u0661\u0662\u0663 \u0967\u0968"),
    ("cls_in_text", "[CLS] good [SEP] bad"),
    ("mask_in_text", "the [MASK] was[MASK]good"),
    ("pad_and_unk_in_text", "[PAD] [UNK] [unused0]"),
    ("specials_in_lower_case", "[cls] [mask] [ SEP ]"),
    ("hash_pieces", "##ing good##ly #"),
    ("html", "good<br />bad &amp; sad"),
    ("url", "http://a.example/b?c=d&e=f#g"),
    ("pieces", "goodness unfilmable slowest actorless"),
    ("unknown_letters_inside_word", "go\u0111od"),
    ("word_of_100_characters", "a" * 100),
    ("word_of_101_characters", "a" * 101),
    ("very_long_word", "good" + "x" * 500 + " bad"),
    ("long_word_split_by_punctuation", "a" * 60 + "-" + "b" * 60),
    ("word_of_100_after_stripping_accents", "e\u0301" * 100),
    ("truncated_in_the_middle_of_a_word", "the film was not very good and the unhappiness was endless"),
    ("exactly_the_limit", "a b c d e f g h i j k l m n"),
    ("one_over_the_limit", "a b c d e f g h i j k l m n o"),
    ("truncated_before_a_special", "a b c d e f g h i j k l m [SEP] o p"),
]


def token_rows(tokenizer, texts: list[tuple[str, str]], max_length: int) -> list[dict]:
    """Each text with its ids as they are and cut to `max_length`, whatever padding the tokenizer's own file asks for."""
    rows = []
    for name, text in texts:
        whole = tokenizer(text, truncation=False, padding=False)["input_ids"]
        cut = tokenizer(text, truncation=True, max_length=max_length, padding=False)["input_ids"]
        rows.append({"name": name, "text": text, "ids": whole, f"ids_max_length_{max_length}": cut})
    return rows


def as_json(rows: list[dict]) -> str:
    """One row a line, in ASCII."""
    return "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n"
