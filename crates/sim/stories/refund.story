story: something comes back
sora    signs up
house   gives sora 5_000
sora    issues code A
till-1  charges A 3_000 as coat                            -> paid, sora 2_000, bakery 3_000
till-1  refunds coat 1_000 as r-1                          -> refunded, sora 3_000, bakery 2_000
till-1  refunds coat 1_000 as r-1                          -> refunded, sora 3_000
till-1  refunds coat 999 as r-1                            -> refused idempotency_conflict
till-1  refunds coat 2_001 as r-2                          -> refused refund_exceeds_payment, sora 3_000
till-1  refunds coat 0 as r-3                              -> refused amount_out_of_bounds
till-4  refunds coat 100 as r-4                            -> refused payment_unknown
till-1  refunds shoes 100 as r-5                           -> refused payment_unknown
# The tablet of another store of the bakery undoes nothing that was sold here, and its refusal uses nothing up.
till-3  refunds coat 100 as r-9                            -> refused payment_unknown, sora 3_000
till-3  cancels coat                                       -> refused payment_unknown, sora 3_000
till-3  finds coat                                         -> refused payment_unknown
bakery  finds coat                                         -> paid
# A frozen wallet still gets its money back.
sora    freezes                                            -> frozen
# Another till's sale goes back with the supervisor's PIN, and asking without it uses nothing up.
till-2  refunds coat 2_000 as r-6                          -> refused approval_needed, sora 3_000
till-2  approved refunds coat 2_000 as r-6                 -> refunded, sora 5_000, bakery 0
till-2  approved refunds coat 1 as r-7                     -> refused refund_exceeds_payment, sora 5_000
house   restarts
till-2  refunds coat 2_000 as r-6                          -> refunded, sora 5_000
till-2  approved refunds coat 1 as r-8                     -> refused refund_exceeds_payment, sora 5_000
