story: a deposit
sora    signs up
house   gives sora 10_000
sora    issues code A
till-1  holds A 6_000 as bike                              -> held, sora 4_000, sora held 6_000
till-1  holds A 6_000 as bike                              -> held, sora 4_000
sora    issues code B
till-1  charges B 4_001                                    -> refused balance_too_small
till-4  captures bike 100                                  -> refused hold_unknown
# Nor does the tablet of another store of the bakery, whatever it asks.
till-3  captures bike 100                                  -> refused hold_unknown, sora held 6_000
till-3  releases bike                                      -> refused hold_unknown, sora held 6_000
till-3  cancels bike                                       -> refused payment_unknown, sora held 6_000
till-1  captures bike 6_001                                -> refused capture_exceeds_hold
till-1  captures bike 1_500                                -> released, sora 8_500, sora held 0, bakery 1_500
till-1  captures bike 1                                    -> refused hold_unknown
# What was captured is a payment like any other: by parts, up to what was captured, and it keeps till and store.
till-3  refunds bike 100                                   -> refused payment_unknown, sora 8_500
till-1  refunds bike 1_501                                 -> refused refund_exceeds_payment, sora 8_500
till-1  refunds bike 500 as part                           -> refunded, sora 9_000, bakery 1_000
house   restarts
till-1  refunds bike 500 as part                           -> refunded, sora 9_000, bakery 1_000
till-1  refunds bike 1_001                                 -> refused refund_exceeds_payment
till-1  refunds bike 1_000                                 -> refunded, sora 10_000, bakery 0
till-1  refunds bike 1                                     -> refused refund_exceeds_payment
sora    issues code B2
till-1  charges B2 1_500                                   -> paid, sora 8_500, bakery 1_500
sora    issues code C
till-1  holds C 500 as bell                                -> held, sora 8_000
house   restarts
till-1  releases bell                                      -> released, sora 8_500

sora    issues code D at 13:00:00
till-1  holds D 700 as tent at 13:00:00                    -> held, sora 7_800
sora    issues code E at 13:00:30
till-1  holds E 300 as stove at 13:00:30                   -> held, sora 7_500, sora held 1_000
house   releases overdue holds at 13:59:59                 -> released 0, sora held 1_000
till-1  captures tent 700 at 14:00:00                      -> refused hold_expired, bakery 1_500
house   releases overdue holds at 14:00:00                 -> released 1, sora 8_200, sora held 300
till-1  captures tent 700 at 14:00:00                      -> refused hold_unknown
house   restarts
till-1  captures stove 100 at 14:00:29                     -> released, sora 8_400, sora held 0, bakery 1_600
house   releases overdue holds at 15:00:00                 -> released 0, sora 8_400

# A deposit that a merchant forgot is the customer's money: the operator gives it back, the customer cannot.
sora    issues code T at 15:10:00
till-1  holds T 900 as tarp at 15:10:00                    -> held, sora 7_500, sora held 900
sora    releases tarp                                      -> refused hold_unknown, sora held 900
house   releases tarp                                      -> released, sora 8_400, sora held 0
house   releases tarp                                      -> refused hold_unknown
till-1  captures tarp 100                                  -> refused hold_unknown
till-1  refunds tarp 100                                   -> refused payment_unknown, sora 8_400

# One id is one payment, set aside or paid: whoever cancels it need not know which.
sora    issues code F at 16:00:00
till-1  holds F 1_000 as boat at 16:00:00                  -> held, sora 7_400, sora held 1_000
till-1  finds boat                                         -> held
sora    issues code G
till-1  charges G 1_000 as boat                            -> refused idempotency_conflict, sora 7_400
till-1  cancels boat                                       -> accepted, sora 8_400, sora held 0
till-1  cancels boat                                       -> refused hold_unknown, sora 8_400
till-1  cancels oar                                        -> accepted
sora    issues code H
till-1  holds H 100 as oar                                 -> refused cancelled_before_payment, sora 8_400
