story: a deposit
sora    signs up
house   gives sora 10_000
sora    issues code A
till-1  holds A 6_000 as bike                              -> held, sora 4_000, sora held 6_000
till-1  holds A 6_000 as bike                              -> held, sora 4_000
sora    issues code B
till-1  charges B 4_001                                    -> refused balance_too_small
till-4  captures bike 100                                  -> refused hold_unknown
till-1  captures bike 6_001                                -> refused capture_exceeds_hold
till-1  captures bike 1_500                                -> released, sora 8_500, sora held 0, bakery 1_500
till-1  captures bike 1                                    -> refused hold_unknown
sora    issues code C
till-1  holds C 500 as bell                                -> held, sora 8_000
house   restarts
till-1  releases bell                                      -> released, sora 8_500
