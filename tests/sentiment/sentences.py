"""Sentences as customers write them, each with its language; written for these tests."""

# ruff: noqa: RUF001

OTHERS: dict[str, list[str]] = {  # languages that have no scorer
    "ms": [
        "Perkhidmatan di kedai ini sangat teruk, saya tak akan datang lagi.",
        "Penghantaran lambat kerana penjual tak hantar barang.",
        "Saya berpuas hati dengan kualiti barangan yang diterima.",
        "Bilik hotel ni bersih dan pekerja dia baik sangat.",
        "Macam mana nak dapatkan duit saya balik?",
        "Makanan kat sini memang terbaik, boleh datang lagi nanti.",
        "Awak mesti cuba kedai ini, harganya berpatutan.",
    ],
    "jv": [
        "Panganane enak banget lan regane murah.",
        "Aku ora seneng karo pelayanane, wonge galak.",
        "Barange durung teko nganti saiki, piye iki?",
    ],
    "tl": [
        "Maganda ang produkto at mabilis ang delivery.",
        "Hindi ako masaya sa serbisyo nila.",
        "Sobrang tagal dumating ng order ko, nakakainis.",
        "Salamat po, ang ganda ng damit.",
    ],
    "nl": [
        "De bezorging was snel en het product is goed.",
        "Ik ben niet tevreden over de klantenservice.",
        "Helaas werkte het apparaat na een week al niet meer.",
        "Super service, echt een aanrader!",
    ],
    "de": [
        "Die Lieferung war schnell und das Produkt ist gut.",
        "Leider bin ich mit dem Kundenservice gar nicht zufrieden.",
        "Das Gerät ist nach einer Woche kaputt gegangen.",
        "Super Service, immer wieder gerne!",
        "Alles bestens, danke.",
    ],
    "fr": [
        "La livraison était rapide et le produit est très bien.",
        "Je ne suis pas du tout satisfait du service client.",
        "L'appareil est tombé en panne après une semaine.",
        "Service parfait, je recommande !",
        "Très déçue, la qualité est vraiment mauvaise.",
    ],
    "es": [
        "La entrega fue rápida y el producto es muy bueno.",
        "No estoy nada contento con la atención al cliente.",
        "El aparato dejó de funcionar después de una semana.",
        "Excelente servicio, lo recomiendo.",
        "Muy mala calidad, no lo compren.",
    ],
    "pt": [
        "A entrega foi rápida e o produto é muito bom.",
        "Não estou satisfeito com o atendimento.",
        "O aparelho parou de funcionar depois de uma semana.",
        "Excelente serviço, recomendo a todos.",
        "Péssima qualidade, não comprem.",
    ],
    "it": [
        "La consegna è stata veloce e il prodotto è molto buono.",
        "Non sono per niente contento del servizio clienti.",
        "Il dispositivo ha smesso di funzionare dopo una settimana.",
        "Servizio perfetto, lo consiglio.",
        "Pessima qualità, da evitare.",
    ],
    "sv": [
        "Leveransen var snabb och produkten är mycket bra.",
        "Jag är inte nöjd med kundtjänsten.",
        "Apparaten slutade fungera efter en vecka.",
    ],
    "da": [
        "Leveringen var hurtig, og produktet er rigtig godt.",
        "Jeg er ikke tilfreds med kundeservice.",
    ],
    "fi": [
        "Toimitus oli nopea ja tuote on erittäin hyvä.",
        "En ole lainkaan tyytyväinen asiakaspalveluun.",
    ],
    "tr": [
        "Teslimat hızlıydı ve ürün çok iyi.",
        "Müşteri hizmetlerinden hiç memnun değilim.",
        "Cihaz bir hafta sonra bozuldu.",
    ],
    "pl": [
        "Dostawa była szybka, a produkt jest bardzo dobry.",
        "Nie jestem zadowolony z obsługi klienta.",
        "Urządzenie zepsuło się po tygodniu.",
    ],
    "ro": [
        "Livrarea a fost rapidă și produsul este foarte bun.",
        "Nu sunt mulțumit de serviciul clienți.",
    ],
    "vi": [
        "Giao hàng nhanh và sản phẩm rất tốt.",
        "Tôi không hài lòng với dịch vụ khách hàng.",
        "Hàng đẹp, sẽ ủng hộ tiếp.",
    ],
    "sw": [
        "Huduma ni nzuri sana na bidhaa ni bora.",
        "Sijafurahishwa na huduma kwa wateja.",
    ],
    "ru": [
        "Доставка была быстрой, товар очень хороший.",
        "Я совсем не доволен обслуживанием.",
    ],
    "ja": [
        "配送が早くて、商品もとても良いです。",
        "カスタマーサービスに満足していません。",
    ],
    "zh": [
        "送货很快，产品很好。",
        "我对客户服务很不满意。",
    ],
    "ar": [
        "كان التسليم سريعًا والمنتج جيد جدًا.",
        "لست راضيًا عن خدمة العملاء.",
    ],
    "hi": [
        "डिलीवरी तेज़ थी और उत्पाद बहुत अच्छा है।",
    ],
    "th": [
        "จัดส่งเร็วและสินค้าดีมาก",
    ],
    "ko": [
        "배송이 빠르고 제품이 아주 좋습니다.",
    ],
}
SHORT: dict[str, list[str]] = {  # a few words each
    "en": [
        "Great!",
        "Too expensive.",
        "Works fine",
        "love it",
        "never again",
        "My parcel is late.",
        "Thanks a lot!",
        "waste of money",
        "Is it open tomorrow?",
        "not what I ordered",
        "good",
        "Terrible support",
        "Very happy with my purchase",
        "Delivered on time",
        "The screen is broken",
        "refund please",
        "battery died after two days",
        "Would buy again",
        "meh",
        "awesome phone",
    ],
    "id": [
        "Mantap!",
        "Terlalu mahal.",
        "barang bagus",
        "suka banget",
        "kapok beli di sini",
        "Paketnya belum sampai.",
        "Terima kasih banyak!",
        "buang-buang uang",
        "Besok buka?",
        "tidak sesuai pesanan",
        "bagus",
        "Pelayanannya payah",
        "Sangat puas dengan pembelian saya",
        "Sampai tepat waktu",
        "layarnya pecah",
        "tolong refund",
        "baterai cepat habis",
        "pasti beli lagi",
        "biasa aja",
        "hpnya keren",
    ],
}
