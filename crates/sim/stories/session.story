story: signing out
sora    signs up
house   gives sora 4_000
sora    issues code A at 12:00:00
# The old phone is handed on: its code was photographed a moment before.
sora    signs out at 12:00:05                              -> ok
till-1  charges A 100 as old at 12:00:06                   -> refused code_expired, sora 4_000
# The new phone shows a code of its own.
sora    issues code B at 12:00:07                          -> code
till-1  charges B 100 as new at 12:00:08                   -> paid, sora 3_900
# Another phone's sign-out leaves it alone.
sora    issues code C at 12:00:09
riku    signs up
riku    signs out                                          -> ok
till-1  charges C 100 as last                              -> paid, sora 3_800
riku    signs out for sora                                 -> refused wallet_unknown
