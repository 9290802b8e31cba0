story: much money and other tills' sales go back with a supervisor
sora    signs up
house   gives sora 40_000
sora    issues code A
till-1  charges A 12_000 as coat                           -> paid, sora 28_000, bakery 12_000
# A merchant who said nothing: ten thousand yen of a sale in all.
till-1  cancels coat                                       -> refused approval_needed, bakery 12_000
till-1  refunds coat 6_000 as r-1                          -> refunded, sora 34_000
till-1  refunds coat 6_000 as r-2                          -> refused approval_needed, sora 34_000
till-1  refunds coat 4_000 as r-3                          -> refunded, sora 38_000
till-1  approved refunds coat 2_000 as r-2                 -> refunded, sora 40_000, bakery 0
# The answer comes again without the PIN: nothing new is given back.
till-1  refunds coat 2_000 as r-2                          -> refunded, sora 40_000
# The register's program is no till.
sora    issues code B
till-1  charges B 20_000 as bag                            -> paid, sora 20_000
bakery  cancels bag                                        -> accepted, sora 40_000
# Who wants each return approved says so; it holds from the next request on.
house   lets tills of bakery return store 0                -> ok
sora    issues code C
till-1  charges C 100 as bun                               -> paid, sora 39_900
till-1  cancels bun                                        -> refused approval_needed, sora 39_900
house   restarts
till-1  cancels bun                                        -> refused approval_needed, sora 39_900
till-1  approved cancels bun                               -> accepted, sora 40_000
# One desk for every branch: another store's sale is seen, and goes back with the PIN.
sora    issues code D
till-1  charges D 100 as cake                              -> paid, sora 39_900
till-3  approved cancels cake                              -> refused payment_unknown
house   lets tills of bakery return merchant 10_000        -> ok
till-3  finds cake                                         -> paid
till-3  cancels cake                                       -> refused approval_needed
till-3  approved cancels cake                              -> accepted, sora 40_000
# Another merchant's till stays outside.
sora    issues code E
till-1  charges E 100 as pie                               -> paid, sora 39_900
till-4  approved refunds pie 100 as r-9                    -> refused payment_unknown, sora 39_900
acts by till-3                                             -> cancel of sora on device-3
