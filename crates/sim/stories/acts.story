story: who asked
sora    signs up
riku    signs up
house   gives sora 5_000                                   -> credited, sora 5_000
acts of sora                                               -> open_wallet by sign-up, credit by operator

# The phone is gone: its owner stops the wallet, and the operator's staff opens it again when the phone is found.
sora    freezes at 12:00:00                                -> frozen
house   unfreezes sora at 12:10:00                         -> ok
house   freezes sora at 12:20:00                           -> frozen
# Frozen already: nothing happens, nothing is listed.
sora    freezes at 12:20:30                                -> frozen
sora    unfreezes at 12:30:00                              -> ok
acts of sora                                               -> open_wallet by sign-up, credit by operator, freeze by sora, unfreeze by operator, freeze by operator, unfreeze by sora
acts by sora                                               -> freeze of sora, unfreeze of sora
acts by house                                              -> credit of sora, unfreeze of sora, freeze of sora

# Support writes down what it was told. The customer neither writes notes nor hears of them.
house   notes sora                                         -> ok
sora    notes sora                                         -> refused operator_only
riku    notes sora                                         -> refused wallet_unknown
acts by house                                              -> credit of sora, unfreeze of sora, freeze of sora, note_wallet of sora

# Nobody acts for another's wallet, or learns anything about it.
riku    freezes sora                                       -> refused wallet_unknown
riku    unfreezes sora                                     -> refused wallet_unknown
riku    looks into sora                                    -> refused wallet_unknown
riku    issues code Z for sora                             -> refused wallet_unknown
riku    starts top-up T of 1_000 for sora                  -> refused wallet_unknown
riku    permits bakery for sora                            -> refused wallet_unknown
sora    permits bakery                                     -> ok
riku    forbids bakery for sora                            -> refused authorization_unknown
bakery  charges sora 500 as roll                           -> paid, sora 4_500
sora    forbids bakery                                     -> ok
bakery  charges sora 500 as bun                            -> refused authorization_unknown, sora 4_500
riku    charges sora 500 as theft                          -> refused key_revoked, sora 4_500
acts by riku                                               -> none

# A refund names the till, and the device that stood there. A payment is in the wallet's own history.
sora    issues code A at 13:00:00
till-1  charges A 1_000 as coat at 13:00:10                -> paid, sora 3_500
till-1  refunds coat 100 as r-1                            -> refunded, sora 3_600
house   enrols till-1 with device-9                        -> ok
till-1  refunds coat 200 as r-2                            -> refunded, sora 3_800
bakery  refunds coat 300 as r-3                            -> refunded, sora 4_100
till-1  refunds coat 900 as r-4                            -> refused refund_exceeds_payment, sora 4_100
acts by till-1                                             -> refund of sora on device-1, refund of sora on device-9, refund of the-shard on device-9 refused refund_exceeds_payment
acts of till-1                                             -> open_till by command-line, bind_till by command-line, bind_till by operator

# Money set aside is given back by the shop that asked for it, or by the clock. To others it is unknown.
sora    issues code B at 14:00:00
till-1  holds B 600 as bike at 14:00:00                    -> held, sora 3_500
riku    releases bike                                      -> refused hold_unknown
till-4  releases bike                                      -> refused hold_unknown, sora held 600
bakery  releases bike                                      -> released, sora 4_100
sora    issues code C at 14:01:00
till-1  holds C 700 as tent at 14:01:00                    -> held, sora 3_400
sora    starts top-up D of 1_000                           -> pending
card    confirms D                                         -> succeeded, sora 4_400

# Who asked is told after a restart as before.
house   restarts
house   releases overdue holds at 15:01:00                 -> released 1, sora 5_100
riku    freezes at 15:02:00                                -> frozen
acts of riku                                               -> open_wallet by sign-up, freeze by riku
acts of sora                                               -> open_wallet by sign-up, credit by operator, freeze by sora, unfreeze by operator, freeze by operator, unfreeze by sora, note_wallet by operator, grant_authorization by sora, revoke_authorization by sora, refund by till-1 on device-1, refund by till-1 on device-9, refund by bakery, hold by till-1 on device-9, release by bakery, hold by till-1 on device-9, start_top_up by sora, confirm_top_up by card, release_expired by expiry
