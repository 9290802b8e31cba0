story: the phone is gone
sora    signs up
house   gives sora 4_000
sora    issues code A at 12:00:00
sora    freezes at 12:00:05                                -> frozen
till-1  charges A 100 at 12:00:06                          -> refused wallet_frozen, sora 4_000
sora    issues code B                                      -> refused wallet_frozen
sora    freezes                                            -> frozen
sora    unfreezes at 12:00:10                              -> ok
# What was shown before the freeze is worth nothing after it.
till-1  charges A 100 as second at 12:00:11                -> refused code_replaced, sora 4_000
sora    issues code C
till-1  charges C 100                                      -> paid, sora 3_900
