"""Indonesian: words, negation, boosters, contrast, spelling and affixes. All sentences are written for these tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cjstream.sentiment.builtin import sentiment_of
from cjstream.sentiment.indonesian import compound


def better(one: str, other: str) -> bool:
    return compound(one) > compound(other)


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        # praise, blame, facts
        ("Makanannya enak, tempatnya bersih.", "positive"),
        ("Pelayanannya lambat dan tempatnya kotor.", "negative"),
        ("Toko ini buka jam delapan pagi di Bandung.", "neutral"),
        ("", "neutral"),
        # negation, formal and colloquial
        ("tidak enak", "negative"),
        ("bukan produk bagus", "negative"),
        ("kurang ramah", "negative"),
        ("belum puas", "negative"),
        ("nggak bagus", "negative"),
        ("gak suka", "negative"),
        ("ga nyaman", "negative"),
        ("tak ramah", "negative"),
        ("jangan ragu", "positive"),
        ("tanpa masalah", "positive"),
        ("tidak pernah kecewa", "positive"),
        ("tidak ramah dan sopan", "negative"),
        ("tidak ramah dan mahal", "negative"),
        ("tidak, enak", "positive"),
        ("Paketnya belum sampai.", "negative"),
        ("lampunya tidak menyala", "negative"),
        ("tombolnya tidak berbunyi", "negative"),
        # of no negation
        ("kurang lebih sepuluh menit", "neutral"),
        ("tidak hanya enak tapi murah", "positive"),
        # modifiers with a valence of their own
        ("terlalu pedas", "negative"),
        ("tidak terlalu mahal", "positive"),
        ("pelayanannya kurang", "negative"),
        ("enak gila", "positive"),
        ("keren parah", "positive"),
        ("rusak parah", "negative"),
        # contrast
        ("enak tapi mahal", "negative"),
        ("mahal tapi enak", "positive"),
        ("bagus, cuma lambat", "negative"),
        ("meskipun mahal, rasanya enak", "positive"),
        ("lambat walaupun murah", "negative"),
        ("murah walaupun lambat", "positive"),
        # sayang: love, or a pity
        ("aku sayang kalian", "positive"),
        ("sayang tempatnya sempit", "negative"),
        ("sayang tokonya di ujung", "negative"),
        ("sayang sekali", "negative"),
        # questions blame, they do not praise
        ("Enak nggak?", "neutral"),
        ("Kenapa lambat sekali?", "negative"),
        # phrases
        ("tidak ada duanya", "positive"),
        ("kurang ajar", "negative"),
        ("saya di rumah sakit", "neutral"),
        ("buang-buang waktu", "negative"),
        ("terima kasih", "positive"),
        ("gak jelasnya", "negative"),
        # slang and spelling
        ("bgs bgt", "positive"),
        ("mantaaap", "positive"),
        ("enakk", "positive"),
        ("gabisa dipakai", "negative"),
        ("bagus2 barangnya", "positive"),
        ("nyebelin", "negative"),
        ("MANTAP", "positive"),
        # affixes
        ("menyenangkan", "positive"),
        ("disukai", "positive"),
        ("doyannya", "positive"),
        ("ngerusak", "negative"),
        ("memuaskannya", "positive"),
        ("terindahlah", "positive"),
        # signs
        ("paketnya :(", "negative"),
        ("paketnya :)", "positive"),
        ("ditunggu ^_^", "positive"),
        ("hmm -_-", "negative"),
        ("<3", "positive"),
        ("sudah sampai 😍", "positive"),
        ("sudah sampai 😡", "negative"),
        ("harga:(20 ribu)", "neutral"),
    ],
)
def test_sentences(text: str, sentiment: str) -> None:
    assert sentiment_of(compound(text)) == sentiment


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("sangat enak", "enak"),
        ("enak banget", "enak"),
        ("enak sekali", "enak"),
        ("enak", "agak enak"),
        ("sangat enak", "sangat itu enak"),
        ("enak!", "enak"),
        ("enak!!!!", "enak!!!"),
        ("enaaak", "enak"),
        ("ini ENAK", "ini enak"),
        ("lambat", "sangat lambat"),
        ("lambat", "lambat sekali"),
        ("lambat", "lambat!"),
        ("agak lambat", "lambat"),
        ("lambat", "ini LAMBAT"),
        ("sangat tidak enak", "tidak enak sama sekali dan kecewa"),
        ("tidak empuk", "tidak empuk dan mahal"),
        ("lambat banget", "lambat parah"),
    ],
)
def test_one_is_better_than_the_other(more: str, less: str) -> None:
    assert better(more, less)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("enak!!!!", "enak!!!!!!"),  # four are enough
        ("INI ENAK", "ini enak"),  # all in capitals is no emphasis
        ("enak-enak", "enak"),
        ("enak. lihat https://contoh.id/jelek @jelek", "enak. lihat"),
        ("enak", "enak, banget"),  # a modifier stays in its clause
        ("enak" + "k" * 50 + " enak", "enak"),  # too long for a word
        ("enak dan hanya murah", "enak dan murah"),  # of contrast only where a clause begins
    ],
)
def test_one_is_as_good_as_the_other(one: str, same: str) -> None:
    assert compound(one) == compound(same)


def test_the_formula_is_vaders() -> None:
    boosted = 2.5 + 0.293  # enak
    assert compound("enak banget") == pytest.approx(boosted / (boosted**2 + 15) ** 0.5)
    negated = 1.8 * -0.74  # empuk
    assert compound("tidak empuk") == pytest.approx(negated / (negated**2 + 15) ** 0.5)


@given(st.text(max_size=60))
def test_any_text_has_a_compound_between_the_ends_and_always_the_same(text: str) -> None:
    assert -1 <= compound(text) == compound(text) <= 1


PARTS = ("tidak", "kurang", "terlalu", "enak", "lambat", "tapi", "walaupun", "sayang", "parah", ",", ".", "?", ":)")


@given(st.lists(st.sampled_from(PARTS)))
def test_any_order_of_words_has_a_compound(words: list[str]) -> None:
    assert -1 <= compound(" ".join(words)) <= 1
