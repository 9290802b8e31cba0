story: a standing permission
sora    signs up
house   gives sora 10_000
till-1  charges sora 500 as early                          -> refused authorization_unknown
sora    permits bakery                                     -> ok
sora    permits bakery                                     -> ok
till-1  charges sora 500 as bread                          -> paid, sora 9_500, bakery 500
till-1  holds sora 2_000 as party                          -> held, sora 7_500, sora held 2_000
# Another shop has no use of it.
till-4  charges sora 500                                   -> refused authorization_unknown
sora    freezes                                            -> frozen
till-1  charges sora 500                                   -> refused wallet_frozen, sora 7_500
sora    permits bakery                                     -> ok
# It is taken back from a frozen wallet too, and nothing new is allowed from one.
sora    forbids bakery                                     -> ok
sora    permits bakery                                     -> refused wallet_frozen
till-1  charges sora 500                                   -> refused authorization_unknown
sora    unfreezes                                          -> ok
till-1  charges sora 500                                   -> refused authorization_unknown, sora 7_500
# What was set aside while it stood is the shop's to take.
till-1  captures party 1_500                               -> released, sora 8_000, sora held 0, bakery 2_000
house   restarts
sora    forbids bakery                                     -> refused authorization_unknown
sora    permits bakery                                     -> ok
till-1  charges sora 500                                   -> paid, sora 7_500
