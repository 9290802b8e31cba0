story: money comes in by card
sora    signs up
sora    starts top-up A of 5_000                           -> pending, sora 0
sora    starts top-up A of 5_000                           -> pending, sora 0
card    confirms A of 4_999                                -> refused top_up_amount_differs, sora 0
card    confirms A                                         -> succeeded, sora 5_000
card    confirms A                                         -> succeeded, sora 5_000
# Words of the network arrive in any order.
card    fails A                                            -> succeeded, sora 5_000
sora    starts top-up B of 1_000                           -> pending
card    fails B                                            -> failed, sora 5_000
card    confirms B                                         -> succeeded, sora 6_000
card    confirms B                                         -> succeeded, sora 6_000
sora    starts top-up C of 1_000
card    lets C expire                                      -> expired, sora 6_000
card    confirms never-started                             -> refused top_up_unknown
sora    starts top-up D of 499                             -> refused amount_out_of_bounds
sora    starts top-up E of 30_001                          -> refused amount_out_of_bounds

# The cap counts what is on its way.
sora    starts top-up F of 30_000                          -> pending
sora    starts top-up G of 30_000                          -> pending
sora    starts top-up H of 30_000                          -> pending
sora    starts top-up I of 4_001                           -> refused balance_cap
sora    starts top-up J of 4_000                           -> pending
house   restarts
card    confirms F                                         -> succeeded, sora 36_000
card    confirms A                                         -> succeeded, sora 36_000
# Failed first, paid later, and forgotten by memory since: it is not paid again.
card    confirms B                                         -> succeeded, sora 36_000
sora    freezes                                            -> frozen
sora    starts top-up K of 500                             -> refused wallet_frozen
card    confirms G                                         -> succeeded, sora 66_000
