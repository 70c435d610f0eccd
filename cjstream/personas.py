"""The tables of the generated population (population.py): its customers, what they buy and what they say.

A value that is listed twice is twice as common.
"""

from typing import NamedTuple

Words = tuple[str, ...]


class Persona(NamedTuple):
    """A kind of customer: where it is met, how long it looks around, and how probably (0 to 1) it goes on.

    It looks at between 1 and `looks` / 2 things in each visit.
    """

    name: str
    channels: Words
    devices: Words
    looks: int
    considers: float
    buys: float
    repeats: float
    complains: float
    reviews: float
    refers: float


class Product(NamedTuple):
    """Something to buy, with its list price in US dollars."""

    name: str
    price: int


class Market(NamedTuple):
    """Where a customer lives: its language, its currency, and how many units of that make a US dollar."""

    language: str
    currency: str
    per_dollar: int
    digits: int  # that prices keep behind the point; -3: whole thousands

    def price(self, dollars: float) -> float:
        """The same in this market's currency, rounded as its shops do."""
        return round(dollars * self.per_dollar, self.digits)


# fmt: off
BARGAIN_HUNTER = Persona(
    "bargain_hunter", ("marketplace", "marketplace", "search", "social_media", "email"),
    ("smartphone", "smartphone", "desktop"), 9,
    considers=0.72, buys=0.42, repeats=0.20, complains=0.20, reviews=0.45, refers=0.25,
)
RESEARCHER = Persona(
    "researcher", ("search", "website", "word_of_mouth"),
    ("desktop", "desktop", "tablet"), 14,
    considers=0.82, buys=0.48, repeats=0.20, complains=0.12, reviews=0.60, refers=0.35,
)
LOYALIST = Persona(
    "loyalist", ("website", "email", "in_person"),
    ("smartphone", "desktop"), 5,
    considers=0.92, buys=0.80, repeats=0.65, complains=0.06, reviews=0.65, refers=0.60,
)
GIFT_BUYER = Persona(
    "gift_buyer", ("search", "influencer", "marketplace", "in_person"),
    ("smartphone", "tablet"), 8,
    considers=0.70, buys=0.62, repeats=0.10, complains=0.10, reviews=0.35, refers=0.25,
)
IMPULSE = Persona(
    "impulse", ("social_media", "social_media", "influencer"),
    ("smartphone",), 4,
    considers=0.55, buys=0.55, repeats=0.25, complains=0.22, reviews=0.30, refers=0.30,
)
PERSONAS = (
    BARGAIN_HUNTER, BARGAIN_HUNTER, BARGAIN_HUNTER, BARGAIN_HUNTER, RESEARCHER, RESEARCHER, RESEARCHER,
    LOYALIST, LOYALIST, GIFT_BUYER, GIFT_BUYER, IMPULSE, IMPULSE,
)
INDONESIA = Market("id", "IDR", 16_000, -3)
ABROAD = Market("en", "USD", 1, 2)
MARKETS = (INDONESIA, INDONESIA, INDONESIA, ABROAD)
PRODUCTS = (
    Product("phone_case", 4), Product("phone_case", 4), Product("t_shirt", 9), Product("t_shirt", 9),
    Product("desk_lamp", 19), Product("headphones", 29), Product("rice_cooker", 35), Product("backpack", 39),
    Product("sneakers", 49), Product("smartwatch", 89),
)
CAMPAIGNS = ("ramadan_sale", "payday", "payday", "new_arrivals", "free_shipping")
STARS = (1, 2, 3, 4, 4, 4, 5, 5, 5, 5)
BITTER_STARS = (1, 1, 2, 3)  # of a customer whose complaint had no answer

FIRST_TYPES = {
    "search": ("search", "search", "ad_click"),
    "social_media": ("social_view", "ad_click"),
    "influencer": ("social_view",),
    "marketplace": ("product_view", "search"),
    "email": ("page_view", "ad_click"),
}
WEIGHING_TYPES = ("product_view", "product_view", "product_view", "comparison", "reviews_read", "wishlist")
TEXTS: dict[str, dict[str, Words]] = {
    "en": {
        "good": ("Works great, fast delivery.", "As described, will buy again.", "My sister loves it."),
        "fair": ("It is fine, the box was dented.", "Okay for the price.", "Smaller than I thought."),
        "bad": ("Broke after two days.", "Not what the picture shows.", "Two weeks of waiting. Never again."),
        "question": ("Is this still in stock?", "Does it come with a warranty?", "Can I pay on delivery?"),
        "complaint": ("My parcel arrived damaged.", "I got the wrong size.", "My parcel is late."),
        "reply": ("Thank you for asking. Yes, it does.", "Thank you. Please see the product page."),
        "thanks": ("Thank you!", "Thank you for your kind words."),
        "apology": ("We are sorry. A replacement is on its way.", "We are sorry and have sent your refund."),
        "thought": ("I will wait for a discount.", "Maybe next month."),
    },
    "id": {
        "good": ("Barang bagus, pengiriman cepat.", "Sesuai gambar, pasti beli lagi.", "Kualitasnya mantap!"),
        "fair": ("Lumayan, tapi kotaknya penyok.", "Cukup untuk harga segini.", "Bagus, agak kekecilan."),
        "bad": ("Baru dua hari sudah rusak.", "Tidak sesuai foto, kecewa.", "Lama sekali. Kapok."),
        "question": ("Apakah stok masih ada?", "Apakah ada garansi?", "Bisa bayar di tempat?"),
        "complaint": ("Paket saya datang rusak.", "Ukurannya salah.", "Paket terlambat tiga hari."),
        "reply": ("Terima kasih sudah bertanya. Ya, ada.", "Terima kasih. Silakan lihat halaman produk."),
        "thanks": ("Terima kasih!", "Terima kasih atas ulasannya."),
        "apology": ("Mohon maaf, penggantinya segera dikirim.", "Mohon maaf, dana sudah kami kembalikan."),
        "thought": ("Tunggu diskon dulu.", "Mungkin bulan depan."),
    },
}
# fmt: on
