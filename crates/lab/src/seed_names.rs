//! What the seeded retailer, its stores, tills, customers and first operator are called, in either language.

/// The language of the seeded names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

/// Names for a development store.
pub struct SeedNames {
    pub merchant: &'static str,
    /// Stores with their tills.
    pub stores: [(&'static str, &'static [&'static str]); 3],
    /// The customers whom scripts know, with their mail addresses.
    pub customers: [(&'static str, &'static str); 3],
    /// Those who come with a month of life besides.
    pub more_customers: [&'static str; 9],
    pub operator: &'static str,
    /// A colleague who helps customers.
    pub support: &'static str,
    /// A colleague who looks into misuse.
    pub fraud: &'static str,
}

impl Language {
    /// The names in this language.
    pub const fn names(self) -> &'static SeedNames {
        match self {
            Language::Ja => &JAPANESE,
            Language::En => &ENGLISH,
        }
    }
}

const SORA: &str = "sora@customers.mamori.example";
const HARUKA: &str = "haruka@customers.mamori.example";
const MINATO: &str = "minato@customers.mamori.example";

const JAPANESE: SeedNames = SeedNames {
    merchant: "まもりマート",
    stores: [
        ("みなと本店", &["レジ1", "レジ2"]),
        ("さくら通り店", &["レジ1", "レジ2"]),
        ("駅前店", &["レジ1"]),
    ],
    customers: [
        ("佐藤 そら", SORA),
        ("鈴木 はるか", HARUKA),
        ("高橋 みなと", MINATO),
    ],
    more_customers: [
        "田中 ゆい",
        "伊藤 れん",
        "渡辺 あおい",
        "山本 りく",
        "中村 ひまり",
        "小林 そうた",
        "加藤 めい",
        "吉田 はると",
        "山田 つむぎ",
    ],
    operator: "最初の管理者",
    support: "佐々木（サポート）",
    fraud: "井上（不正対策）",
};

const ENGLISH: SeedNames = SeedNames {
    merchant: "Mamori Mart",
    stores: [
        ("Harbour main store", &["Till 1", "Till 2"]),
        ("Cherry Street store", &["Till 1", "Till 2"]),
        ("Station store", &["Till 1"]),
    ],
    customers: [
        ("Sora Sato", SORA),
        ("Haruka Suzuki", HARUKA),
        ("Minato Takahashi", MINATO),
    ],
    more_customers: [
        "Yui Tanaka",
        "Ren Ito",
        "Aoi Watanabe",
        "Riku Yamamoto",
        "Himari Nakamura",
        "Sota Kobayashi",
        "Mei Kato",
        "Haruto Yoshida",
        "Tsumugi Yamada",
    ],
    operator: "First operator",
    support: "Sasaki (support)",
    fraud: "Inoue (fraud)",
};
