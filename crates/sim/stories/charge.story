story: a scan at a till
sora    signs up                                           -> ok
house   gives sora 10_000                                  -> credited, sora 10_000
sora    issues code A at 12:00:00                          -> code
till-3  charges A 1_200 as lunch at 12:00:41               -> paid, sora 8_800, bakery 1_200

# The beep was too quiet, the cashier scans once more: another request, the same code.
till-3  charges A 1_200 as snack at 12:00:42               -> refused code_spent, sora 8_800
till-1  charges A 1_200 at 12:00:43                        -> refused code_spent, sora 8_800

# A code lives a minute, to the second.
sora    issues code B at 12:01:00                          -> code
till-1  charges B 100 as tea at 12:01:59                   -> paid, sora 8_700
sora    issues code C at 12:02:00
till-1  charges C 100 at 12:03:00                          -> refused code_expired, sora 8_700

# The phone shows one code at a time.
sora    issues code D at 12:04:00
sora    issues code E at 12:04:01
till-1  charges D 100                                      -> refused code_replaced
till-1  charges E 100                                      -> paid, sora 8_600

till-2  charges 12345678901234 100                         -> refused code_unknown

sora    issues code F
till-1  charges F 8_601                                    -> refused balance_too_small, sora 8_600
# The code was not used up by the refusal: the cashier takes something off the bill.
till-1  charges F 8_600                                    -> paid, sora 0
sora    issues code G
till-1  charges G 0                                        -> refused amount_out_of_bounds
till-1  charges G 100_001                                  -> refused amount_out_of_bounds
