story: undone
sora    signs up
house   gives sora 3_000
sora    issues code A at 23:50:00
till-1  charges A 1_000 as lunch                           -> paid, sora 2_000
till-1  cancels lunch                                      -> accepted, sora 3_000, bakery 0
till-1  cancels lunch                                      -> accepted, sora 3_000
till-1  refunds lunch 1_000                                -> refused already_cancelled
# What was paid before midnight can be undone for another quarter of an hour.
sora    issues code B at 23:58:00
till-1  charges B 500 as late                              -> paid, sora 2_500
sora    issues code C at 23:59:00
till-1  charges C 400 as later                             -> paid, sora 2_100
next day
till-1  cancels late at 00:14:59                           -> accepted, sora 2_600
till-1  cancels later at 00:15:00                          -> refused cancel_window_over, sora 2_600

# The register gave up and cancels; its charge was slow and comes afterwards.
till-1  cancels slow                                       -> accepted
sora    issues code D
till-1  charges D 100 as slow                              -> refused cancelled_before_payment, sora 2_600
till-1  charges D 100 as quick                             -> paid, sora 2_500
till-1  refunds quick 1 as r                               -> refunded, sora 2_501
till-1  cancels quick                                      -> refused already_refunded, sora 2_501
