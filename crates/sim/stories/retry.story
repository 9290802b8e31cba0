story: the register did not hear the answer
sora    signs up
house   gives sora 5_000
sora    permits bakery                                     -> ok
sora    issues code A at 12:00:00
bakery  charges A 700 as order-1                           -> paid, sora 4_300
# The same request gets the same answer, again and again, also when the code is long gone.
bakery  charges A 700 as order-1                           -> paid, sora 4_300
bakery  charges A 700 as order-1 at 12:30:00               -> paid, sora 4_300
bakery  charges A 701 as order-1                           -> refused idempotency_conflict
bakery  charges sora 700 as order-1                        -> refused idempotency_conflict
bakery  finds order-1                                      -> paid

# A refusal is final for its id, whatever happens afterwards.
bakery  charges sora 9_000 as order-2                      -> refused balance_too_small
house   gives sora 20_000                                  -> credited, sora 24_300
bakery  charges sora 9_000 as order-2                      -> refused balance_too_small, sora 24_300
bakery  charges sora 9_000 as order-3                      -> paid, sora 15_300

# The network delivers a request once more: the first answer again, and nothing is decided by it.
bakery  redelivers A 700 as order-1                        -> paid, sora 15_300
bakery  redelivers A 701 as order-1                        -> refused idempotency_conflict
bakery  redelivers sora 9_000 as order-2                   -> refused balance_too_small
bakery  redelivers sora 9_000 as order-9                   -> undecided, sora 15_300
bakery  finds order-9                                      -> refused payment_unknown

# Two shops may use the same number.
sora    permits bookshop                                   -> refused already_bound
sora    issues code B
bookshop charges B 700 as order-1                          -> paid, sora 14_600, bookshop 700

# After a restart it is still the same answer.
house   restarts
bakery  charges A 700 as order-1                           -> paid, sora 14_600
bakery  charges sora 9_000 as order-2                      -> refused balance_too_small
bakery  redelivers A 700 as order-1                        -> paid, sora 14_600
house   revokes bakery                                     -> ok
bakery  charges sora 100 as order-4                        -> refused key_revoked, sora 14_600
bakery  finds order-1                                      -> refused key_revoked
bakery  redelivers A 700 as order-1                        -> refused key_revoked
