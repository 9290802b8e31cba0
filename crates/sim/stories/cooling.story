story: a wallet whose device changed pays little for a day
sora    signs up
riku    signs up
house   gives sora 90_000                                  -> credited, sora 90_000

# The first device is nobody else's: nothing changes.
sora on phone pays from phone at 12:00:00                  -> ok
sora on phone issues code A at 12:00:10                    -> code
till-1  charges A 40_000 as desk at 12:00:20               -> paid, sora 50_000

# Another one may be a thief's. All it may spend until tomorrow is 30,000 yen, in however many pieces.
sora on newer pays from newer at 12:01:00                  -> ok
sora on newer issues code B at 12:01:10                    -> code
till-1  charges B 30_001 as chair at 12:01:20              -> refused wallet_cooling, sora 50_000
sora on newer issues code C at 12:02:00                    -> code
till-1  charges C 29_000 as stool at 12:02:10              -> paid, sora 21_000
sora on newer issues code D at 12:03:00                    -> code
till-1  charges D 1_001 as lamp at 12:03:10                -> refused wallet_cooling, sora 21_000
sora on newer issues code E at 12:04:00                    -> code
till-1  charges E 1_000 as tea at 12:04:10                 -> paid, sora 20_000

# A card fills it with 20,000 yen at most.
sora on newer starts top-up T of 20_000 at 12:05:00        -> pending
sora on newer starts top-up U of 500 at 12:05:10           -> refused wallet_cooling

# Whoever came back by recovery cools as well. Nobody cools another's wallet, or the own one.
house   cools until 12:30:00 for riku at 12:06:00          -> ok
riku    cools until 12:40:00                               -> refused operator_only
