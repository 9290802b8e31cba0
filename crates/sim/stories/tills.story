story: tills that may not, and tills that must wait
sora    signs up
house   gives sora 4_000
sora    issues code A at 12:00:10
till-9  charges A 100                                      -> refused till_unknown, sora 4_000
house   unenrols till-2                                    -> ok
till-2  charges A 100 as order-1                           -> refused till_unknown, sora 4_000
house   enrols till-2                                      -> ok
# The refusal of somebody without the right used nothing up.
till-2  charges A 100 as order-1                           -> paid, sora 3_900
till-4  cancels order-1                                    -> accepted, sora 3_900
till-1  approved cancels order-1                           -> accepted, sora 4_000
# A device that was taken off reads nothing either.
house   unenrols till-2                                    -> ok
till-2  finds order-1                                      -> refused till_unknown
house   enrols till-2                                      -> ok
till-2  finds order-1                                      -> paid

sora    issues code B
till-1  charges B 250 as order-2                           -> paid, sora 3_750
till-1  guesses 10 codes                                   -> refused code_unknown
sora    issues code C at 12:00:30
till-1  charges C 100 as order-3                           -> refused till_locked, sora 3_750
# Whoever was told "paid" hears it again, locked or not.
till-1  charges B 250 as order-2                           -> paid, sora 3_750
till-3  charges C 100 as order-4                           -> paid, sora 3_650
sora    issues code D at 12:01:00
till-1  charges D 100 as order-3                           -> paid, sora 3_550
